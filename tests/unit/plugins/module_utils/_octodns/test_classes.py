# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provider classes of octoDNS and their options, without access to a service."""

from __future__ import annotations

import re

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError
from ansible_collections.pillarbox.mail.plugins.module_utils._octodns import classes
from ansible_collections.pillarbox.mail.plugins.module_utils._octodns.classes import factory, plain

from ....paths import ROOT

OVH = "octodns_ovh.OvhProvider"
POWERDNS = "octodns_powerdns.PowerDnsProvider"
KEYS = {"application_key": "a", "application_secret": "b", "consumer_key": "c"}


def guide():
    """Yield the classes in the guide whose packages are installed, with their options there."""
    packages = re.findall(r"^octodns-\w+", (ROOT / "tests/requirements.txt").read_text(), re.M)
    for line in (ROOT / "docs/dns.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6 and cells[2].strip("`") in packages:
            yield cells[3].strip("`"), re.findall(r"`(\w+)(?:: ([^`]*))?`", cells[4])


@pytest.mark.parametrize(
    ("provider_class", "options", "message"),
    [
        ("OvhProvider", {}, "'OvhProvider' is not a class in a module: write it as in octodns_"),
        (
            "octodns_nowhere.NowhereProvider",
            {},
            "octodns_nowhere.NowhereProvider cannot be imported.*`pip install octodns-nowhere`",
        ),
        ("octodns_ovh.Ovh", {}, "octodns_ovh.Ovh is not an octoDNS provider: .* octodns_ovh.Ovh"),
        ("json.JSONDecoder", {}, "json.JSONDecoder is not an octoDNS provider: .* has none"),
        (OVH, {"endpoint": "ovh-eu"}, "missing 3 required.*supports endpoint, application_key"),
        (OVH, {**KEYS, "endpoint": "ovh-xx"}, r"rejects these provider_options \(Invalid"),
        (
            POWERDNS,
            {"host": "a", "api_key": "b", "prot": 1},
            "'prot'.*supports host, api_key, port",
        ),
    ],
)
def test_a_class_or_an_option_that_does_not_fit_is_named(provider_class, options, message):
    with pytest.raises(DnsError, match=message):
        factory(provider_class, options)


@pytest.mark.parametrize(("provider_class", "options"), list(guide()))
def test_the_classes_of_the_guide_take_their_options(provider_class, options):
    known = {name: value or "secret" for name, value in options if name not in ("aws", "ovh")}
    factory(provider_class, known)


def test_a_missing_octodns_is_reported(monkeypatch):
    monkeypatch.setattr(classes, "HAS_OCTODNS", False)
    with pytest.raises(DnsError, match="needs the Python package octodns, at least 1.22"):
        factory(OVH, KEYS)


def test_options_become_plain_strings():
    class Tagged(str):
        pass

    made = plain({Tagged("a"): [Tagged("b"), 1, True, None, {"c": Tagged("d")}]})
    assert made == {"a": ["b", 1, True, None, {"c": "d"}]}
    assert {type(text) for text in (*made, made["a"][0], made["a"][4]["c"])} == {str}
