# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is accepted, and how errors are told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import Unresolved

from ....settings import check
from .good import GOOD, HASH, OCTODNS, PROVIDED, RFC2136, without


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"mail_postmaster": "alice@example.org"},
        {"mail_users": {"alice.b-c_d@example.org": {"password_hash": HASH}}},
        {
            "mail_hostname": "mx.xn--mller-kva.example",
            "mail_domains": {"xn--mller-kva.example": {}},
            "mail_users": {"alice@xn--mller-kva.example": {"password": "secret"}},
        },
        {
            "mail_domains": {
                "example.org": {
                    "spf": {"all": "~all", "include": ["_spf.example.net"]},
                    "dmarc": {
                        "p": "none",
                        "sp": "quarantine",
                        "np": "reject",
                        "adkim": "s",
                        "aspf": "r",
                        "rua": ["mailto:reports+dmarc@example.net"],
                        "ruf": ["mailto:failures@example.net"],
                        "fo": [1, "d", "s"],
                        "t": "y",
                    },
                }
            }
        },
        {
            "mail_domains": {
                "example.org": {"parked": False},
                "example.net": {"parked": True, "dmarc": {"rua": ["mailto:a@example.org"]}},
            }
        },
        {"mail_host_addresses": ["198.18.0.10", "2001:2::10", "192.0.2.1"]},
        {"mail_backup_mx": {"mx2.example.net": 20, "mx3.example.net": 20}},
        {"mail_junk_days": 30, "mail_trash_days": 0},
        {"mail_mta_sts": {"mode": "none"}},
        {"mail_mta_sts": {}},
        {"mail_mta_sts": {"mode": "testing"}, "mail_tls_source": "self_signed"},
        {"mail_domains": {"example.org": {"mta_sts": {}}}},
        {"mail_domains": {"example.org": {"mta_sts": {"mode": "enforce", "max_age": 604800}}}},
        {"mail_mta_sts": {"mode": "enforce", "max_age": 86400}},
        {"mail_tls_rpt_rua": ["mailto:tls@example.net", "https://example.net/v1/tls?a=b"]},
        {"mail_srv_records": False, "mail_web": False},
        {"mail_tls_algorithms": ["rsa"], "mail_tlsa_matching_types": [2], "mail_tlsa_ports": [25]},
        # TLSA is off.
        {"mail_tlsa_ports": []},
        {"mail_tls_names": ["mail.example.org", "imap.example.net"]},
        {"mail_tls_source": "self_signed"},
        {"mail_tls_profile": "strict"},
        {"mail_client_certificates": "required"},
        {"mail_tls_profile": "compatible"},
        {
            "mail_tls_source": "files",
            "mail_tls_algorithms": ["ecdsa"],
            "mail_tls_provided": {"ecdsa": PROVIDED},
        },
        # An algorithm that is not served has no need of its own.
        {"mail_tls_provided": {"rsa": PROVIDED}},
        {"mail_dkim_selectors": {"2026.a": {"type": "rsa"}}},
        {
            "mail_dkim_selectors": {
                "r1": {"type": "rsa", "state": "revoked"},
                "r2": {"type": "rsa", "state": "active"},
            }
        },
        {"mail_domains": {"example.org": {"dkim_selectors": {"s1": {"type": "rsa"}}}}},
        {"mail_dns": RFC2136},
        {"mail_dns": {**RFC2136, "server": "ns1.example.net", "tsig_name": "key_1.example.net"}},
        {"mail_dns": {**RFC2136, "server": "2001:2::53", "port": 5353, "ttl": 300}},
        {"mail_dns": without(RFC2136, "server")},
        {"mail_dns": {"path": "/srv/zones"}},
        {"mail_dns": {**OCTODNS, "zones": ["bücher.example"], "wait": False}},
    ],
)
def test_accepts_good_settings(settings: dict[str, Any]) -> None:
    assert check({**GOOD, **settings}) == []


@pytest.mark.parametrize("name", ["mail_hostname", "mail_domains", "mail_users"])
def test_a_missing_setting_is_the_only_error(name: str) -> None:
    errors = check(without(GOOD, name))
    assert len(errors) == 1
    assert errors[0].startswith(f"{name}: is ")


def test_lists_all_errors_at_once() -> None:
    errors = check(
        {
            "mail_domains": {"example.org": {"spf": {"all": "?all"}}},
            "mail_users": {"alice@example.net": {"password": ""}},
            "mail_tlsa_ports": [0],
        }
    )
    assert [error.partition(":")[0] for error in errors] == [
        "mail_domains['example.org'].spf.all",
        "mail_hostname",
        "mail_tlsa_ports[0]",
        "mail_users['alice@example.net']",
        "mail_users['alice@example.net'].password",
    ]


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        ("mail_hostname", Unresolved("x"), "mail_hostname"),
        ("mail_domains", Unresolved("x"), "mail_domains"),
        ("mail_users", Unresolved("x"), "mail_users"),
        (
            "mail_users",
            {"alice@example.org": {"password": Unresolved("x")}},
            "mail_users['alice@example.org'].password",
        ),
        (
            "mail_users",
            {"alice@example.org": Unresolved("x")},
            "mail_users['alice@example.org']",
        ),
        ("mail_postmaster", Unresolved("x"), "mail_postmaster"),
        ("mail_tlsa_ports", [25, Unresolved("x")], "mail_tlsa_ports[1]"),
        ("mail_dkim_selectors", {"r1": {"type": Unresolved("x")}}, "mail_dkim_selectors.r1.type"),
        ("mail_dns", {"provider": Unresolved("x")}, "mail_dns.provider"),
        ("mail_dns", {**RFC2136, "tsig_secret": Unresolved("x")}, "mail_dns.tsig_secret"),
    ],
)
def test_a_value_that_cannot_be_evaluated_is_one_error(
    name: str, value: object, where: str
) -> None:
    assert check({**GOOD, name: value}) == [f"{where}: x"]


def test_a_name_in_another_form_is_one_error_although_others_refer_to_it() -> None:
    errors = check({**GOOD, "mail_domains": {"Example.org": {}}})
    assert errors == [
        "mail_domains['Example.org']: Example.org has upper-case letters; write example.org"
    ]
