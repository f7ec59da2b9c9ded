# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.check import check
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import Unresolved

HASH = "{SHA512-CRYPT}$6$salt$hash"
GOOD: dict[str, Any] = {
    "mail_hostname": "mx.example.org",
    "mail_domains": {"example.org": {}},
    "mail_users": {"alice@example.org": {"password": "secret"}},
}


def pair() -> tuple[str, str]:
    """A key and a certificate of it."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=mx"
    done = subprocess.run(
        [*command.split(), "-keyout", "-"], capture_output=True, text=True, check=True
    )
    key, mark, chain = done.stdout.partition("-----END PRIVATE KEY-----\n")
    return key + mark, chain


KEY, CHAIN = pair()
OTHER_CHAIN = pair()[1]
PROVIDED = {"key": KEY, "chain": CHAIN}
RFC2136 = {
    "provider": "rfc2136",
    "server": "198.18.0.53",
    "tsig_name": "record-set.",
    "tsig_secret": "c2VjcmV0",
}

OCTODNS = {
    "provider": "octodns",
    "provider_class": "octodns_ovh.OvhProvider",
    "provider_options": {"consumer_key": "a consumer key"},
}


def without(settings: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != name}


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
        {"mail_mta_sts": {"mode": "enforce", "max_age": 86400}},
        {"mail_tls_rpt_rua": ["mailto:tls@example.net", "https://example.net/v1/tls?a=b"]},
        {"mail_srv_records": False, "mail_client_autoconfig": True},
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


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mail_hostname", "mx", "mail_hostname: mx is not fully qualified"),
        ("mail_hostname", "198.18.0.10", "mail_hostname: 198.18.0.10 is an IP address"),
        ("mail_hostname", "mx_1.example.org", "mail_hostname: 'mx_1.example.org' is not a domain"),
        ("mail_hostname", "mx.straße.example", "mail_hostname: mx.straße.example means mx.strasse"),
        (
            "mail_hostname",
            "mx.müller.example",
            "mail_hostname: mx.müller.example has non-ASCII letters; write"
            " mx.xn--mller-kva.example",
        ),
        (
            "mail_hostname",
            "MX.example.org",
            "mail_hostname: MX.example.org has upper-case letters; write mx.example.org",
        ),
        ("mail_hostname", None, "mail_hostname: must be a string"),
        ("mail_domain", "example.org", "mail_domain: is unknown; did you mean mail_domains?"),
        ("mail_domains", ["example.org"], "mail_domains: must be a dictionary keyed by domain"),
        ("mail_domains", {}, "mail_domains: is missing or empty"),
        (
            "mail_domains",
            {"example.org": None},
            "mail_domains['example.org']: must be a dictionary with some of the keys spf, dmarc",
        ),
        (
            "mail_domains",
            {"example.org": {}, "exa mple.org": {}},
            "mail_domains['exa mple.org']: 'exa mple.org' is not a domain name",
        ),
        (
            "mail_domains",
            {"example.org": {}, "Example.ORG": {}},
            "mail_domains['Example.ORG']: Example.ORG has upper-case letters; write example.org",
        ),
        (
            "mail_domains",
            {"example.org": {}, "Müller.example": {}},
            "mail_domains['Müller.example']: Müller.example has non-ASCII letters; write"
            " xn--mller-kva.example",
        ),
        (
            "mail_domains",
            {"example.org": {}, 7: {}},
            "mail_domains[7]: has a key that is no string",
        ),
        (
            "mail_domains",
            {"example.org": {"dmark": {}}},
            "mail_domains['example.org'].dmark: is unknown; did you mean dmarc?",
        ),
        (
            "mail_domains",
            {"example.org": {"spf": {"al": "-all"}}},
            "mail_domains['example.org'].spf.al: is unknown; did you mean all?",
        ),
        (
            "mail_domains",
            {"example.org": {"spf": {"all": "+all"}}},
            "mail_domains['example.org'].spf.all: must be one of -all, ~all, not '+all'",
        ),
        (
            "mail_domains",
            {"example.org": {"spf": {"include": "_spf.example.net"}}},
            "mail_domains['example.org'].spf.include: must be a list",
        ),
        (
            "mail_domains",
            {"example.org": {"spf": {"include": ["include:_spf.example.net"]}}},
            "mail_domains['example.org'].spf.include[0]: 'include:_spf.example.net' is not a",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"p": "rejct"}}},
            "mail_domains['example.org'].dmarc.p: must be one of none, quarantine, reject, not",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"aspf": "relaxed"}}},
            "mail_domains['example.org'].dmarc.aspf: must be one of r, s, not 'relaxed'",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"pct": 100}}},
            "mail_domains['example.org'].dmarc.pct: is no longer part of DMARC (RFC 9989)",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"rua": ["postmaster@example.org"]}}},
            "mail_domains['example.org'].dmarc.rua[0]: must be as in mailto:postmaster@example.org",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"rua": ["mailto:a@b@example.org; x=y"]}}},
            "mail_domains['example.org'].dmarc.rua[0]: must be as in mailto:postmaster@example.org",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"rua": ["mailto:a@example.org!10m"]}}},
            "mail_domains['example.org'].dmarc.rua[0]: has a size limit, no longer part of DMARC",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"ruf": ["https://example.org/"]}}},
            "mail_domains['example.org'].dmarc.ruf[0]: must be as in mailto:postmaster@example.org",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"ruf": ["mailto:a@example.org"], "fo": ["1"]}}},
            "mail_domains['example.org'].dmarc.fo[0]: must be one of 0, 1, d, s, not '1'",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"fo": [1]}}},
            "mail_domains['example.org'].dmarc.fo: has no effect without ruf",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"t": True}}},
            "mail_domains['example.org'].dmarc.t: must be one of y, n, not True",
        ),
        (
            "mail_domains",
            {"example.org": {"spf": {"include": [f"s{i}.example.net" for i in range(10)]}}},
            "mail_domains['example.org'].spf.include: makes a record with 11 DNS lookups, those"
            " inside the included records not counted; receivers do 10 in all (RFC 7208",
        ),
        (
            "mail_domains",
            {"example.org": {}, "example.net": {"parkd": True}},
            "mail_domains['example.net'].parkd: is unknown; did you mean parked?",
        ),
        (
            "mail_domains",
            {"example.org": {}, "example.net": {"parked": "yes"}},
            "mail_domains['example.net'].parked: must be true or false, not 'yes'",
        ),
        (
            "mail_domains",
            {"example.org": {}, "example.net": {"parked": True, "spf": {}}},
            "mail_domains['example.net'].spf: has no effect, as a parked domain sends no mail",
        ),
        (
            "mail_domains",
            {"example.org": {"parked": True}},
            "mail_users['alice@example.org']: is in example.org, which is parked; take parked from",
        ),
        (
            "mail_domains",
            {"example.org": {}, "mx.example.org": {"parked": True}},
            "mail_hostname: is mx.example.org, a parked domain; take parked from it",
        ),
        (
            "mail_domains",
            {
                "example.org": {"dmarc": {"rua": ["mailto:a@example.net"]}},
                "example.net": {"parked": True},
            },
            "mail_domains['example.org'].dmarc.rua[0]: is in example.net, which is parked",
        ),
        (
            "mail_host_addresses",
            ["mx.example.org"],
            "mail_host_addresses[0]: must be an IP address, as in 192.0.2.10 or 2001:db8::10, not",
        ),
        (
            "mail_host_addresses",
            ["10.0.0.1"],
            "mail_host_addresses[0]: is 10.0.0.1, which others cannot reach; write the host's",
        ),
        ("mail_host_addresses", ["fd00::1"], "mail_host_addresses[0]: is fd00::1, which others"),
        ("mail_host_addresses", "198.18.0.10", "mail_host_addresses: must be a list"),
        ("mail_backup_mx", ["mx2.example.net"], "mail_backup_mx: must be a dictionary keyed by"),
        (
            "mail_backup_mx",
            {"mx2.example.net": 10},
            "mail_backup_mx['mx2.example.net']: must be a whole number from 11 to 65535, not 10",
        ),
        (
            "mail_backup_mx",
            {"198.18.0.20": 20},
            "mail_backup_mx['198.18.0.20']: 198.18.0.20 is an IP address; write a name",
        ),
        (
            "mail_backup_mx",
            {"mx.example.org": 20},
            "mail_backup_mx['mx.example.org']: is mail_hostname itself; leave it out",
        ),
        (
            "mail_backup_mx",
            {f"mx{i}.example.net": 20 for i in range(10)},
            "mail_backup_mx: has 10 hosts; SPF allows 10 with this server (RFC 7208 section 4.6.4)",
        ),
        ("mail_mta_sts", {"max_age": 86400}, "mail_mta_sts.mode: is missing; write testing"),
        ("mail_mta_sts", {"mode": "enforced"}, "mail_mta_sts.mode: must be one of none, testing"),
        (
            "mail_mta_sts",
            {"mode": "enforce", "maxage": 1},
            "mail_mta_sts.maxage: is unknown; did you mean max_age?",
        ),
        (
            "mail_mta_sts",
            {"mode": "enforce", "max_age": 40000000},
            "mail_mta_sts.max_age: must be a whole number from 1 to 31557600, not 40000000",
        ),
        (
            "mail_tls_rpt_rua",
            ["tls@example.org"],
            "mail_tls_rpt_rua[0]: must be as in mailto:postmaster@example.org, not 'tls@",
        ),
        ("mail_tls_rpt_rua", "mailto:tls@example.org", "mail_tls_rpt_rua: must be a list"),
        ("mail_srv_records", "yes", "mail_srv_records: must be true or false, not 'yes'"),
        ("mail_srv_record", True, "mail_srv_record: is unknown; did you mean mail_srv_records?"),
        ("mail_client_autoconfig", 1, "mail_client_autoconfig: must be true or false, not 1"),
        ("mail_users", {}, "mail_users: is empty; write an account, or for a host w"),
        ("mail_users", [{"name": "alice"}], "mail_users: must be a dictionary keyed by address"),
        ("mail_users", {"alice": {"password": "x"}}, "mail_users.alice: 'alice' is not an address"),
        (
            "mail_users",
            {"alice@example.com": {"password": "x"}},
            "mail_users['alice@example.com']: is in example.com, not one of mail_domains;"
            " did you mean example.org?",
        ),
        (
            "mail_users",
            {"alice@sub.otherwise.net": {"password": "x"}},
            "mail_users['alice@sub.otherwise.net']: is in sub.otherwise.net, not one of"
            " mail_domains; add it there",
        ),
        (
            "mail_users",
            {"alice@example.org": {"password": "x"}, "Alice@example.org": {"password": "y"}},
            "mail_users['Alice@example.org']: Alice@example.org has upper-case letters; write"
            " alice@example.org",
        ),
        (
            "mail_users",
            {"alice@müller.example": {"password": "x"}},
            "mail_users['alice@müller.example']: alice@müller.example has non-ASCII letters"
            "; write alice@xn--mller-kva.example",
        ),
        (
            "mail_users",
            {"alice@example.org": {}},
            "mail_users['alice@example.org']: has neither password nor password_hash",
        ),
        (
            "mail_users",
            {"alice@example.org": {"password": "x", "password_hash": HASH}},
            "mail_users['alice@example.org']: has both password and password_hash",
        ),
        (
            "mail_users",
            {"alice@example.org": {"pasword": "hunter2"}},
            "mail_users['alice@example.org'].pasword: is unknown; did you mean password?",
        ),
        (
            "mail_users",
            {"alice@example.org": "hunter2"},
            "mail_users['alice@example.org']: must be a dictionary with some of the keys password",
        ),
        (
            "mail_users",
            {"alice@example.org": {"password": ""}},
            "mail_users['alice@example.org'].password: is empty",
        ),
        (
            "mail_users",
            {"alice@example.org": {"password": 1234}},
            "mail_users['alice@example.org'].password: must be a string; put it in quotes",
        ),
        (
            "mail_users",
            {"alice@example.org": {"password_hash": "{PLAIN}hunter2"}},
            "mail_users['alice@example.org'].password_hash: has the scheme PLAIN, which is weak",
        ),
        (
            "mail_postmaster",
            "alise@example.org",
            "mail_postmaster: is 'alise@example.org', not one of mail_users; did you mean alice@",
        ),
        (
            "mail_postmaster",
            "",
            "mail_postmaster: is '', not one of mail_users; possible are alice",
        ),
        ("mail_postmaster", ["a"], "mail_postmaster: must be a string"),
        (
            "mail_postmaster",
            "Alice@example.org",
            "mail_postmaster: Alice@example.org has upper-case letters; write alice@example.org",
        ),
        (
            "mail_junk_days",
            "30d",
            "mail_junk_days: must be a whole number from 0 to 3650, not '30d'",
        ),
        ("mail_trash_days", -1, "mail_trash_days: must be a whole number from 0 to 3650, not -1"),
        ("mail_tls_algorithms", [], "mail_tls_algorithms: is empty; leave the setting out"),
        ("mail_tls_algorithms", "rsa", "mail_tls_algorithms: must be a list"),
        (
            "mail_tls_algorithms",
            ["ecdsa", "ed25519"],
            "mail_tls_algorithms[1]: must be one of ecdsa, rsa, not 'ed25519'",
        ),
        (
            "mail_tls_algorithms",
            ["rsa", "rsa"],
            "mail_tls_algorithms[1]: repeats 'rsa'; keep one",
        ),
        (
            "mail_tlsa_matching_types",
            [0, 1],
            "mail_tlsa_matching_types[0]: must be one of 1, 2, not 0",
        ),
        (
            "mail_tlsa_ports",
            [25, "465"],
            "mail_tlsa_ports[1]: must be a whole number from 1 to 65535, not '465'",
        ),
        ("mail_tlsa_ports", None, "mail_tlsa_ports: must be a list"),
        ("mail_tls_profile", "old", "mail_tls_profile: must be one of strict, modern, compatible"),
        (
            "mail_client_certificates",
            False,
            "mail_client_certificates: must be one of none, required, sufficient, not False",
        ),
        ("mail_mta_sts_outbound", "enforce", "mail_mta_sts_outbound: must be true or false, not"),
        ("mail_tls_profile", True, "mail_tls_profile: must be one of strict, modern, compatible"),
        ("mail_tls_source", "acme.sh", "mail_tls_source: must be one of acme, files, self_signed"),
        ("mail_tls_source", None, "mail_tls_source: must be one of acme, files, self_signed"),
        ("mail_tls_names", "mail.example.org", "mail_tls_names: must be a list"),
        ("mail_tls_names", ["mail"], "mail_tls_names[0]: mail is not fully qualified"),
        (
            "mail_tls_names",
            ["mail.example.org", "Mail.example.net"],
            "mail_tls_names[1]: Mail.example.net has upper-case letters; write mail.example.net",
        ),
        (
            "mail_tls_provided",
            {"ed25519": PROVIDED},
            "mail_tls_provided.ed25519: is 'ed25519'; possible are ecdsa and rsa",
        ),
        ("mail_tls_provided", [PROVIDED], "mail_tls_provided: must be a dictionary keyed by algor"),
        (
            "mail_tls_provided",
            {"ecdsa": {"key": KEY}},
            "mail_tls_provided.ecdsa.chain: is missing; a certificate and its key go together",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {"chain": CHAIN}},
            "mail_tls_provided.ecdsa.key: is missing; a certificate and its key go together",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "cert": CHAIN}},
            "mail_tls_provided.ecdsa.cert: is unknown",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "key": "/root/hunter2.pem"}},
            "mail_tls_provided.ecdsa.key: must be the text of a PEM file with BEGIN PRIVATE KEY",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "key": CHAIN}},
            "mail_tls_provided.ecdsa.key: must be the text of a PEM file with BEGIN PRIVATE KEY",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "chain": KEY}},
            "mail_tls_provided.ecdsa.chain: must be the text of a PEM file with BEGIN CERTIFICATE",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "key": KEY[:80] + "hunter2" + KEY[80:]}},
            "mail_tls_provided.ecdsa.key: is not a",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "chain": OTHER_CHAIN}},
            "mail_tls_provided.ecdsa.chain: does not begin with the certificate of this key",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "chain": OTHER_CHAIN + CHAIN}},
            "mail_tls_provided.ecdsa.chain: does not begin with the certificate of this key",
        ),
        ("mail_tlsa_ports", [0], "mail_tlsa_ports[0]: must be a whole number from 1 to 65535"),
        ("mail_tlsa_ports", [True], "mail_tlsa_ports[0]: must be a whole number from 1 to 65535"),
        ("mail_dkim_selectors", {}, "mail_dkim_selectors: has no key of type rsa"),
        (
            "mail_dkim_selectors",
            {"e1": {"type": "ed25519"}},
            "mail_dkim_selectors: has no key of type rsa that signs; many receivers cannot verify",
        ),
        (
            "mail_dkim_selectors",
            {"r_1": {"type": "rsa"}},
            "mail_dkim_selectors.r_1: 'r_1' is not a DKIM selector",
        ),
        (
            "mail_dkim_selectors",
            {"r1": {"type": "rsa"}, "x": {"type": "dsa"}},
            "mail_dkim_selectors.x.type: must be one of rsa, ed25519, not 'dsa'",
        ),
        ("mail_dkim_selectors", {"r1": {}}, "mail_dkim_selectors.r1.type: is missing"),
        (
            "mail_dkim_selectors",
            {"r1": {"type": "rsa", "state": "old"}},
            "mail_dkim_selectors.r1.state: must be one of future, active, retired, revoked, gone",
        ),
        (
            "mail_dkim_selectors",
            {"r1": {"type": "rsa", "state": "retired"}, "e1": {"type": "ed25519"}},
            "mail_dkim_selectors: has no key of type rsa that signs",
        ),
        (
            "mail_domains",
            {"example.org": {"dkim_selectors": {"e1": {"type": "ed25519"}}}},
            "mail_domains['example.org'].dkim_selectors: has no key of type rsa that signs",
        ),
        (
            "mail_domains",
            {
                "example.org": {},
                "example.net": {"parked": True, "dkim_selectors": {"r1": {"type": "rsa"}}},
            },
            "mail_domains['example.net'].dkim_selectors: has no effect, as a parked domain sends",
        ),
        (
            "mail_dkim_selectors",
            {"R1": {"type": "rsa"}},
            "mail_dkim_selectors.R1: R1 has upper-case letters; write r1",
        ),
        ("mail_dns", {"provider": "bind"}, "mail_dns.provider: must be one of zonefile, rfc2136"),
        (
            "mail_dns",
            without(OCTODNS, "provider_class"),
            "mail_dns.provider_class: is missing; provider octodns needs it",
        ),
        (
            "mail_dns",
            {**OCTODNS, "provider_class": "OvhProvider"},
            "mail_dns.provider_class: must be a class with its module, as in octodns_ovh.OvhPro",
        ),
        (
            "mail_dns",
            {**OCTODNS, "provider_options": "hunter2!"},
            "mail_dns.provider_options: must",
        ),
        ("mail_dns", {**OCTODNS, "zones": ["a zone"]}, "mail_dns.zones[0]: 'a zone' is not a dom"),
        ("mail_dns", {"tll": 60}, "mail_dns.tll: is unknown; did you mean ttl?"),
        (
            "mail_dns",
            {"ttl": 0},
            "mail_dns.ttl: must be a whole number from 1 to 2147483647, not 0",
        ),
        ("mail_dns", {"path": ""}, "mail_dns.path: must be the path of a directory"),
        ("mail_dns", without(RFC2136, "tsig_name"), "mail_dns.tsig_name: is missing; provider"),
        ("mail_dns", without(RFC2136, "tsig_secret"), "mail_dns.tsig_secret: is missing; provider"),
        (
            "mail_dns",
            {**RFC2136, "tsig_secret": "hunter2!"},
            "mail_dns.tsig_secret: is not base64; take the secret as tsig-keygen printed it",
        ),
        (
            "mail_dns",
            {**RFC2136, "tsig_algorithm": "hmac-md5"},
            "mail_dns.tsig_algorithm: must be one of hmac-sha256, hmac-sha384, hmac-sha512, not",
        ),
        (
            "mail_dns",
            {**RFC2136, "server": "198.18.0.53:53"},
            "mail_dns.server: has a port in it; write that to mail_dns.port",
        ),
        ("mail_dns", {**RFC2136, "port": 70000}, "mail_dns.port: must be a whole number from 1 to"),
        ("mail_dns", {**RFC2136, "tsig_name": "a key"}, "mail_dns.tsig_name: 'a key' is not a dom"),
    ],
)
def test_names_each_error_once(name: str, value: object, expected: str) -> None:
    errors = check({**GOOD, name: value})
    found = [error for error in errors if error.startswith(expected)]
    assert len(found) == 1, errors
    assert "hunter2" not in str(errors)


def test_own_certificates_need_one_for_each_algorithm() -> None:
    settings = {"mail_tls_source": "files", "mail_tls_provided": {"ecdsa": PROVIDED}}
    assert check({**GOOD, **settings}) == [
        "mail_tls_provided.rsa: is missing; add the key and chain, or take the algorithm off"
        " mail_tls_algorithms"
    ]


@pytest.mark.parametrize("source", ["files", "self_signed"])
def test_a_challenge_that_is_not_used_needs_no_key(source: str) -> None:
    settings = {
        "mail_tls_source": source,
        "mail_tls_algorithms": ["ecdsa"],
        "mail_tls_provided": {"ecdsa": PROVIDED},
        "acme_sh_dns_api": "dns_nsupdate",
    }
    assert check({**GOOD, **settings}, ROLES) == []


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


# Options of other roles, as their documentation has them.
ROLES: dict[str, dict[str, Any]] = {
    "acme_sh": {
        "acme_sh_server": {"type": "str", "default": ""},
        "acme_sh_challenge": {"type": "str", "default": "dns-01"},
        "acme_sh_dns_api": {"type": "str", "default": ""},
        "acme_sh_credentials": {"type": "dict", "default": {}},
        "acme_sh_tsig": {"type": "dict", "default": {}},
        "acme_sh_renew_days": {"type": "int", "default": 30},
        "acme_sh_release_sha256": {"type": "str", "default": ""},
    },
    "dovecot": {
        "dovecot_mail_dir": {"type": "str", "default": "/var/vmail"},
        "dovecot_mail_format": {
            "type": "str",
            "choices": ["auto", "maildir", "sdbox", "mdbox"],
            "default": "auto",
        },
        "dovecot_mail_layout": {
            "type": "str",
            "choices": ["maildir++", "fs"],
            "default": "maildir++",
        },
        "dovecot_index_dir": {"type": "str", "default": ""},
        "dovecot_user_connections": {"type": "int", "default": 50},
    },
    "dns": {
        "dns_account": {"type": "str"},
        "dns_hold": {"type": "list", "elements": "str", "default": []},
    },
    "rspamd": {"rspamd_learn_after_days": {"type": "int", "default": 3}},
}
TSIG = {"name": "acme", "secret": "c2VjcmV0"}


@pytest.mark.parametrize(
    "settings",
    [
        {"acme_sh_server": "https://acme.example.net:14000/dir", "acme_sh_renew_days": 1},
        {"acme_sh_tsig": {**TSIG, "algorithm": "hmac-sha512"}},
        {"acme_sh_dns_api": "dns_nsupdate", "acme_sh_tsig": TSIG},
        {"acme_sh_dns_api": "dns_nsupdate", "acme_sh_credentials": {"NSUPDATE_KEY": "/root/key"}},
        {"acme_sh_dns_api": "dns_ovh", "acme_sh_tsig": {}},
        {"acme_sh_dns_api": "dns_nsupdate", "acme_sh_challenge": "http-01"},
        {"dns_account": None, "dns_hold": ["MX"]},
        {"dovecot_mail_dir": "/srv/mail", "dovecot_index_dir": "/srv/index"},
        {"dovecot_mail_format": "mdbox"},
        {"rspamd_learn_after_days": 0},
        # A site's own variables may begin like ours.
        {"dns_servers": ["192.0.2.1"], "mail_relay": "smtp.example.net", "acme_sh_keys": {}},
    ],
)
def test_accepts_good_options_of_other_roles(settings: dict[str, Any]) -> None:
    assert check({**GOOD, **settings}, ROLES) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"acme_sh_release_sha256": "C5D6"},
            [
                "acme_sh_release_sha256: must be a SHA-256: 64 hexadecimal digits in lower case, "
                "in quotes"
            ],
        ),
        ({"acme_sh_servr": "x"}, ["acme_sh_servr: is unknown; did you mean acme_sh_server?"]),
        ({"dns_acount": "x"}, ["dns_acount: is unknown; did you mean dns_account?"]),
        ({"dns_hold": "MX"}, ["dns_hold: must be a list"]),
        ({"dns_hold": None}, ["dns_hold: must be a list"]),
        ({"dns_account": 7}, ["dns_account: must be a string; put it in quotes"]),
        (
            {"acme_sh_server": "letsencrypt"},
            ["acme_sh_server: must be the https URL of an ACME directory, not 'letsencrypt'"],
        ),
        (
            {"acme_sh_server": "https://[::1"},
            ["acme_sh_server: must be the https URL of an ACME directory, not 'https://[::1'"],
        ),
        (
            {"acme_sh_server": None},
            ["acme_sh_server: must be the https URL of an ACME directory, not None"],
        ),
        (
            {"acme_sh_renew_days": 0},
            ["acme_sh_renew_days: must be a whole number from 1 to 365, not 0"],
        ),
        (
            {"dovecot_mail_dir": "mail", "dovecot_index_dir": "/run/index"},
            [
                "dovecot_index_dir: is /run/index, where mail cannot be kept; use one such as"
                " /srv/mail",
                "dovecot_mail_dir: must be an absolute path of letters, digits, '.', '_' and '-',"
                " not 'mail'",
            ],
        ),
        (
            {"dovecot_user_connections": 0},
            ["dovecot_user_connections: must be a whole number from 1 to 1000, not 0"],
        ),
        (
            {"dovecot_mail_format": "mbox"},
            ["dovecot_mail_format: must be one of auto, maildir, sdbox, mdbox, not 'mbox'"],
        ),
        (
            {
                "dovecot_mail_format": "sdbox",
                "dovecot_mail_layout": "fs",
                "dovecot_index_dir": "/srv/index",
            },
            [
                "dovecot_index_dir: cannot be with dovecot_mail_format sdbox, whose indexes hold"
                " flags and so belong to the mail; leave it empty",
                "dovecot_mail_layout: has no effect with dovecot_mail_format sdbox; leave it out",
            ],
        ),
        (
            {"acme_sh_renew_days": "30"},
            ["acme_sh_renew_days: must be a whole number from 1 to 365, not '30'"],
        ),
        (
            {"acme_sh_dns_api": "dns_nsupdate"},
            [
                "acme_sh_tsig.name: is missing; dns_nsupdate needs a TSIG key",
                "acme_sh_tsig.secret: is missing; dns_nsupdate needs a TSIG key",
            ],
        ),
        (
            {"acme_sh_tsig": {"name": "acme", "secert": "hunter2"}},
            [
                "acme_sh_tsig.secert: is unknown; did you mean secret?",
                "acme_sh_tsig.secret: is missing; dns_nsupdate needs a TSIG key",
            ],
        ),
        (
            {"acme_sh_tsig": {**TSIG, "secret": "hunter2!", "algorithm": "hmac-md5"}},
            [
                "acme_sh_tsig.algorithm: must be one of hmac-sha256, hmac-sha384, hmac-sha512, not"
                " 'hmac-md5'",
                "acme_sh_tsig.secret: is not base64; take the secret as tsig-keygen printed it",
            ],
        ),
        (
            {"acme_sh_dns_api": "dns_nsupdate", "acme_sh_tsig": "hunter2"},
            [
                "acme_sh_tsig: must be a dictionary with some of the keys name, secret, algorithm"
                " ({} for none)"
            ],
        ),
        (
            {"acme_sh_dns_api": "dns_nsupdate", "acme_sh_tsig": Unresolved("x")},
            ["acme_sh_tsig: x"],
        ),
        ({"acme_sh_tsig": {**TSIG, "secret": Unresolved("x")}}, ["acme_sh_tsig.secret: x"]),
        (
            {"rspamd_learn_after_days": False},
            ["rspamd_learn_after_days: must be a whole number from 0 to 30, not False"],
        ),
        ({"dns_hold": Unresolved("x")}, ["dns_hold: x"]),
        (
            {"mail_dns": {"ttl": 0}, "dns_hold": [7]},
            [
                "dns_hold[0]: must be a string; put it in quotes",
                "mail_dns.ttl: must be a whole number from 1 to 2147483647, not 0",
            ],
        ),
    ],
)
def test_names_each_error_in_options_of_other_roles(
    settings: dict[str, Any], expected: list[str]
) -> None:
    assert check({**GOOD, **settings}, ROLES) == expected


def test_a_name_of_no_role_is_unknown() -> None:
    assert check({**GOOD, "mailhostname": "mx.example.org"}, ROLES) == [
        "mailhostname: is unknown; did you mean mail_hostname?"
    ]
