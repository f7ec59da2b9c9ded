# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published of keys: TLSA, DKIM and CAA records."""

from __future__ import annotations

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._records.mail import (
    mail_records,
)

from .settings import SETTINGS, digest, key, table


def test_a_port_without_tlsa_loses_what_it_had():
    records = mail_records({**SETTINGS, "tlsa_ports": [25, 2525]}, tls_keys=[key()])
    ports = {
        state: {n.split(".")[0] for n, kind in table(records, state) if kind == "TLSA"}
        for state in ("present", "absent")
    }
    assert ports == {"present": {"_25", "_2525"}, "absent": {"_443", "_465", "_587", "_993"}}


def test_without_tlsa_ports_there_is_no_tlsa_and_what_there_was_goes():
    records = mail_records({**SETTINGS, "tlsa_ports": []}, tls_keys=[key()])
    assert not [name for name, kind in table(records) if kind == "TLSA"]
    gone = {name.split(".")[0] for name, kind in table(records, "absent") if kind == "TLSA"}
    assert gone == {"_25", "_443", "_465", "_587", "_993"}


def test_a_port_443_that_is_not_ours_keeps_the_records_of_another_web_server():
    settings, ours = {**SETTINGS, "tlsa_ports": [25]}, key("ecdsa")
    gone = table(mail_records(settings, tls_keys=[ours]), "absent")
    assert gone["_443._tcp.mx.example.org", "TLSA"] == [
        f"3 1 {matching} {digest(ours, algorithm)}"
        for matching, algorithm in ((1, "sha256"), (2, "sha512"))
    ]
    pending = mail_records(settings, tls_keys=[{**key(), "public_key": None}])
    assert not [item for item in pending if item["name"].startswith("_443.")]


def test_tlsa_is_every_key_with_every_digest_on_every_port():
    keys = [key("ecdsa"), key("ecdsa", "next"), key("rsa"), key("rsa", "next")]
    records = table(mail_records({**SETTINGS, "tlsa_ports": [25, 993]}, tls_keys=keys))
    expected = [
        f"3 1 {matching} {digest(one, algorithm)}"
        for one in keys
        for matching, algorithm in ((1, "sha256"), (2, "sha512"))
    ]
    assert records["_25._tcp.mx.example.org", "TLSA"] == expected
    assert records["_993._tcp.mx.example.org", "TLSA"] == expected
    only_sha256 = mail_records({**SETTINGS, "tlsa_matching_types": [1]}, tls_keys=keys)
    assert table(only_sha256)["_25._tcp.mx.example.org", "TLSA"] == expected[::2]


def test_one_key_that_is_not_made_yet_makes_every_tlsa_record_pending():
    keys = [key(), {**key(role="next"), "public_key": None}]
    tlsa = [r for r in mail_records(SETTINGS, tls_keys=keys) if r["type"] == "TLSA"]
    assert [(r["values"], r["pending"]) for r in tlsa] == [([], True)] * 5


@pytest.mark.parametrize(
    ("value", "values", "pending"), [("v=DKIM1; p=x", ["v=DKIM1; p=x"], False), (None, [], True)]
)
def test_dkim_keys_are_published_and_pending_until_they_are_made(value, values, pending):
    dkim = {
        "domain": "example.org",
        "selector": "r1",
        "type": "rsa",
        "dns_name": "r1._domainkey.example.org",
        "dns_value": value,
    }
    (record,) = [r for r in mail_records(SETTINGS, [dkim]) if r["name"].startswith("r1.")]
    assert (record["values"], record["pending"]) == (values, pending)


@pytest.mark.parametrize(
    ("account", "settings", "value"),
    [
        ("https://ca/1", {}, "accounturi=https://ca/1; validationmethods=dns-01,http-01"),
        ("https://ca/1", {"web": False}, "accounturi=https://ca/1; validationmethods=dns-01"),
        ("", {}, "validationmethods=dns-01,http-01"),
        ("", {"acme_challenge": "http-01"}, "validationmethods=http-01"),
        (
            "https://ca/1",
            {"acme_challenge": "http-01"},
            "accounturi=https://ca/1; validationmethods=http-01",
        ),
    ],
)
def test_caa_names_the_ca_the_account_and_the_methods(account, settings, value):
    settings = {**SETTINGS, "acme_ca_domain": "ca.example", **settings}
    records = table(mail_records(settings, acme_account_uri=account))
    assert records["mx.example.org", "CAA"] == [f'0 issue "ca.example; {value}"', '0 issuewild ";"']


def test_caa_is_pending_without_an_account_and_missing_without_a_ca():
    (caa,) = [r for r in mail_records({**SETTINGS, "acme_ca_domain": "c"}) if r["type"] == "CAA"]
    assert caa["pending"]
    assert ("mx.example.org", "CAA") not in table(
        mail_records({**SETTINGS, "acme_ca_domain": None})
    )


def with_states(*lives, domains=None):
    """Return the DKIM records for keys in these states."""
    states = [
        {
            "domain": "example.org",
            "selector": selector,
            "type": "rsa",
            "state": state,
            "dns_name": f"{selector}._domainkey.example.org",
        }
        for selector, state in lives
    ]
    keys = [
        {**item, "dns_value": f"value of {item['selector']}"}
        for item in states
        if item["state"] in ("future", "active", "retired")
    ]
    settings = {**SETTINGS, "domains": domains or SETTINGS["domains"]}
    records = mail_records(settings, keys, dkim_states=states)
    return [r for r in records if "._domainkey." in r["name"] and "*" not in r["name"]]


@pytest.mark.parametrize("state", ["future", "active", "retired"])
def test_a_key_is_published_from_before_its_first_signature_until_after_its_last(state):
    (record,) = with_states(("r1", state))
    assert (record["values"], record["state"]) == (["value of r1"], "present")


def test_a_revoked_key_is_published_as_an_empty_one_even_while_its_file_is_there():
    (record,) = with_states(("r1", "revoked"))
    assert (record["values"], record["state"]) == (["v=DKIM1; k=rsa; p="], "present")
    key = {
        "domain": "example.org",
        "selector": "r1",
        "type": "rsa",
        "dns_name": "r1._domainkey.example.org",
    }
    records = mail_records(
        SETTINGS, [{**key, "dns_value": "p=KEY"}], dkim_states=[{**key, "state": "revoked"}]
    )
    assert "p=KEY" not in str(records)


def test_of_a_key_that_is_gone_only_the_empty_record_is_removed():
    (record,) = with_states(("r1", "gone"))
    assert (record["values"], record["state"]) == (["v=DKIM1; k=rsa; p="], "absent")


def test_all_keys_of_a_parked_domain_are_withdrawn_and_none_of_a_domain_that_left():
    parked = with_states(("r3", "active"), domains={"example.org": {"parked": True}})
    assert {(r["name"], r["state"]) for r in parked} == {
        (f"{selector}._domainkey.example.org", "absent") for selector in ("r1", "e1", "r3")
    }
    assert with_states(("r3", "revoked"), domains={"example.net": {}}) == []
