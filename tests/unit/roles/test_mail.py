# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.addresses import (
    denied_logins,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.routes import (
    SMTP,
    next_hop,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._mta_sts.policy import MAX_AGE
from ansible_collections.pillarbox.mail.plugins.module_utils._records.domain import (
    DMARC_TAGS,
    spf_record,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._records.mail import DEFAULTS, TTL
from jinja2 import StrictUndefined
from jinja2.nativetypes import NativeEnvironment

from ..paths import ROLES
from ..settings import SETTINGS, SPECS


def load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROLES / "mail" / name).read_text())
    return content


OPTIONS = SETTINGS["mail"]


def test_every_setting_is_either_required_or_has_a_default() -> None:
    for name, spec in OPTIONS.items():
        assert ("default" in spec) != spec.get("required", False), name


def test_what_the_role_fixes_is_no_setting() -> None:
    assert not load("vars/main.yml").keys() & OPTIONS.keys()


def test_the_records_have_the_same_defaults() -> None:
    ours = {name: default for name, default in DEFAULTS.items() if name != "dns"}
    assert {name: OPTIONS[f"mail_{name}"]["default"] for name in ours} == ours
    assert OPTIONS["mail_dns"]["options"]["ttl"]["default"] == TTL
    assert OPTIONS["mail_mta_sts"]["options"]["max_age"]["default"] == MAX_AGE


def test_the_keys_of_entries_have_the_documented_defaults() -> None:
    domain = SPECS["mail"]["mail_domains"]["options"]
    dmarc = {key: option.get("default") for key, option in domain["dmarc"]["options"].items()}
    # Where a tag has no value here, receivers know its default (RFC 9989 section 4.7).
    assert {key: value for key, value in DMARC_TAGS.items() if value} == {
        key: value for key, value in dmarc.items() if DMARC_TAGS[key]
    }
    assert spf_record({}).endswith(domain["spf"]["options"]["all"]["default"])
    account = SPECS["mail"]["mail_users"]["options"]
    assert denied_logins({"a@b.example": {}}) == denied_logins(
        {"a@b.example": {"state": account["state"]["default"]}}
    )
    port = SPECS["mail"]["mail_smarthosts"]["options"]["port"]["default"]
    assert next_hop({"host": "a.example"}) == f"[a.example]:{port}"
    port = SPECS["mail"]["mail_relay_domains"]["options"]["port"]["default"]
    assert port == SMTP


@pytest.mark.parametrize(
    ("domains", "served"),
    [
        ({"b.example": {}, "a.example": {"spf": {}}}, ["b.example", "a.example"]),
        ({"a.example": {"parked": True}, "b.example": {"parked": False}}, ["b.example"]),
    ],
)
def test_parked_domains_are_not_served(domains: dict[str, Any], served: list[str]) -> None:
    jinja = NativeEnvironment(undefined=StrictUndefined)
    jinja.filters["dict2items"] = lambda items: [{"key": k, "value": v} for k, v in items.items()]
    jinja.filters["items2dict"] = lambda items: {item["key"]: item["value"] for item in items}
    variables = load("vars/main.yml")
    parked = jinja.from_string(variables["_mail_parked"]).render(mail_domains=domains)
    found = jinja.from_string(variables["mail_served_domains"]).render(
        mail_domains=domains, _mail_parked=parked
    )
    assert list(found) == served


def test_the_web_server_has_names_of_withdrawn_policies_until_they_end() -> None:
    jinja = NativeEnvironment(undefined=StrictUndefined)
    # Ansible doubles backslashes in templates, so that they stay as they are.
    variables = {
        name: load("vars/main.yml")[name].replace("\\", r"\\")
        for name in ("_mail_withdrawn", "mail_web_domains")
    }
    jinja.filters |= {
        "zip": zip,
        "split": str.split,
        "combine": lambda first, second: {**first, **second},
        "regex_replace": lambda text, pattern, new: re.sub(pattern, new, text),
    }
    jinja.globals["dict"] = dict
    given = {
        "_mail_parked": {"parked.example": {}, "former.example": {}},
        "mail_served_domains": ["example.org"],
        "web_mta_sts": {"ids": {"example.org": "a1", "former.example": "b2"}},
    }
    withdrawn = list(jinja.from_string(variables["_mail_withdrawn"]).render(given))
    sites: Any = jinja.from_string(variables["mail_web_domains"])
    assert sites.render(given, _mail_withdrawn=withdrawn) == {
        "former.example": ["mta-sts.former.example"],
        "example.org": [
            f"{label}.example.org" for label in ("mta-sts", "autoconfig", "autodiscover")
        ],
    }
