from __future__ import annotations

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import parse_records
from ansible_collections.pillarbox.mail.plugins.module_utils._records.domain import spf_lookups
from ansible_collections.pillarbox.mail.plugins.module_utils._records.mail import (
    MailRecordsError,
    mail_records,
    selected,
)

from .settings import SETTINGS, key, table, with_domain


def test_ten_lines_of_settings_give_the_records_of_a_domain():
    assert table(mail_records(SETTINGS)) == {
        ("mx.example.org", "TXT"): ["v=spf1 a -all"],
        ("example.org", "MX"): ["10 mx.example.org."],
        ("example.org", "TXT"): ["v=spf1 mx -all"],
        ("_dmarc.example.org", "TXT"): [
            "v=DMARC1; p=reject; sp=reject; np=reject; rua=mailto:mailreports@example.org"
        ],
        ("_smtp._tls.example.org", "TXT"): ["v=TLSRPTv1; rua=mailto:mailreports@example.org"],
        ("_imaps._tcp.example.org", "SRV"): ["0 1 993 mx.example.org."],
        ("_submissions._tcp.example.org", "SRV"): ["0 1 465 mx.example.org."],
        ("_submission._tcp.example.org", "SRV"): ["10 1 587 mx.example.org."],
        ("_imap._tcp.example.org", "SRV"): ["0 0 0 ."],
        ("_pop3._tcp.example.org", "SRV"): ["0 0 0 ."],
        ("_pop3s._tcp.example.org", "SRV"): ["0 0 0 ."],
        ("_sieve._tcp.example.org", "SRV"): ["0 1 4190 mx.example.org."],
        ("mta-sts.example.org", "CNAME"): ["mx.example.org."],
        ("autoconfig.example.org", "CNAME"): ["mx.example.org."],
        ("autodiscover.example.org", "CNAME"): ["mx.example.org."],
    }


def test_what_mail_programs_find_follows_what_is_offered() -> None:
    records = table(mail_records({**SETTINGS, "pop3": True, "managesieve": False}))
    assert records["_pop3s._tcp.example.org", "SRV"] == ["10 1 995 mx.example.org."]
    assert records["_sieve._tcp.example.org", "SRV"] == ["0 0 0 ."]


def test_calendars_and_contacts_are_found_by_the_domain_if_they_are_offered() -> None:
    records = table(mail_records({**SETTINGS, "dav": True}))
    for service in ("_caldavs", "_carddavs"):
        assert records[f"{service}._tcp.example.org", "SRV"] == ["0 1 443 mx.example.org."]
        assert records[f"{service}._tcp.example.org", "TXT"] == ["path=/dav/"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("webmail.example.org", ["mx.example.org."]),
        # In a zone that is not ours.
        ("webmail.example.com", None),
        ("webmailexample.org", None),
    ],
)
def test_webmail_is_an_alias_of_the_host(name: str, values: list[str] | None) -> None:
    records = table(mail_records({**SETTINGS, "webmail": name}))
    assert records.get((name, "CNAME")) == values


def test_what_is_switched_off_is_absent_and_takes_only_our_values_where_others_may_have_theirs():
    assert table(mail_records({**SETTINGS, "web": False, "reports": ""}), "absent") == {
        ("*._domainkey.example.org", "TXT"): ["v=DKIM1; p="],
        ("mta-sts.example.org", "CNAME"): ["mx.example.org."],
        ("_mta-sts.example.org", "TXT"): [],
        ("_smtp._tls.example.org", "TXT"): [],
        ("_caldavs._tcp.example.org", "SRV"): ["0 1 443 mx.example.org."],
        ("_caldavs._tcp.example.org", "TXT"): ["path=/dav/"],
        ("_carddavs._tcp.example.org", "SRV"): ["0 1 443 mx.example.org."],
        ("_carddavs._tcp.example.org", "TXT"): ["path=/dav/"],
        ("autoconfig.example.org", "CNAME"): ["mx.example.org."],
        ("autodiscover.example.org", "CNAME"): ["mx.example.org."],
    }


def test_a_parked_domain_tells_that_it_has_no_mail():
    settings = {
        **SETTINGS,
        "domains": {"parked.example": {"parked": True}},
        "mta_sts": {"mode": "enforce"},
        "tls_rpt_rua": ["mailto:a@example.org"],
        "web": True,
        "backup_mx": {"mx2.example.net": 20},
    }
    assert table(mail_records(settings)) == {
        ("mx.example.org", "TXT"): ["v=spf1 a -all"],
        ("parked.example", "MX"): ["0 ."],
        ("parked.example", "TXT"): ["v=spf1 -all"],
        ("_dmarc.parked.example", "TXT"): ["v=DMARC1; p=reject; sp=reject; np=reject"],
        ("*._domainkey.parked.example", "TXT"): ["v=DKIM1; p="],
    }
    gone = table(mail_records(settings), "absent")
    assert gone["r1._domainkey.parked.example", "TXT"] == []
    assert gone["_imaps._tcp.parked.example", "SRV"] == ["0 1 993 mx.example.org."]


@pytest.mark.parametrize(
    ("addresses", "a", "aaaa", "gone"),
    [
        ([], None, None, set()),
        (["198.18.0.10"], ["198.18.0.10"], None, {"AAAA"}),
        (
            ["198.18.0.10", "2001:2:0::10", "198.18.0.11"],
            ["198.18.0.10", "198.18.0.11"],
            ["2001:2::10"],
            set(),
        ),
    ],
)
def test_addresses_are_those_given_and_not_managed_without(addresses, a, aaaa, gone):
    records = mail_records({**SETTINGS, "host_addresses": addresses})
    host = "mx.example.org"
    assert table(records).get((host, "A")) == a
    assert table(records).get((host, "AAAA")) == aaaa
    assert {kind for name, kind in table(records, "absent") if name == host} == gone


def test_backup_mx_come_after_the_server():
    settings = {**SETTINGS, "backup_mx": {"mx3.Example.net": 30, "mx2.example.net": 20}}
    assert table(mail_records(settings))["example.org", "MX"] == [
        "10 mx.example.org.",
        "20 mx2.example.net.",
        "30 mx3.example.net.",
    ]


@pytest.mark.parametrize(
    ("text", "lookups"),
    [
        ("v=spf1 -all", 0),
        ("v=spf1 mx -all", 1),
        ("v=spf1 mx include:a.example include:mx.example ~all", 3),
        ("v=spf1 +a ?mx/24 a:b.example ptr MX:c.example//64 exists:%{i}.d.example", 6),
        ("v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 exp=a.example -all", 0),
        ("v=spf1 redirect=a.example", 1),
    ],
)
def test_spf_lookups_are_counted_as_the_rfc_does(text, lookups):
    assert spf_lookups(text) == lookups


def test_a_host_that_is_a_domain_itself_has_one_spf_record():
    records = mail_records({"hostname": "example.org", "domains": {"example.org": {}}})
    spf = [r["values"] for r in records if (r["name"], r["type"]) == ("example.org", "TXT")]
    assert spf == [["v=spf1 mx -all"]]


@pytest.mark.parametrize(
    ("smarthosts", "org", "net", "host"),
    [
        ({"*": "_a.example"}, ["_a.example"], ["_a.example"], ["_a.example"]),
        ({"example.org": "a.example"}, ["a.example"], [], []),
        ({"*": "a.example", "example.org": "b.example"}, ["b.example"], *[["a.example"]] * 2),
        ({"alice@example.net": "a.example", "*": None}, [], ["a.example"], []),
        ({"*": "a.example", "al@example.org": "a.example"}, *[["a.example"]] * 3),
    ],
)
def test_spf_includes_the_smarthosts_by_which_the_domains_mail_leaves(smarthosts, org, net, host):
    settings = with_domain()
    settings["domains"]["example.net"] = {}
    settings["smarthosts"] = {
        sender: {"host": "smtp.example"} | ({"spf_include": name} if name else {})
        for sender, name in smarthosts.items()
    }
    found = table(mail_records(settings))
    expected = {
        "example.org": ("mx", org),
        "example.net": ("mx", net),
        "mx.example.org": ("a", host),
    }
    for name, (itself, includes) in expected.items():
        terms = ["v=spf1", itself, *(f"include:{include}" for include in includes), "-all"]
        assert found[name, "TXT"] == [" ".join(terms)]


def test_every_record_says_why_it_is_wanted_and_is_one_that_dns_records_takes():
    keys = {"domain": "example.org", "selector": "r1", "dns_name": "r1._domainkey.example.org"}
    records = mail_records(
        {**SETTINGS, "acme_ca_domain": "ca.example", "dns": {"ttl": 1800}},
        [{**keys, "dns_value": "v=DKIM1; p=abc"}],
        [key()],
        "https://ca.example/acct/1",
    )
    assert len(records) == 28
    assert all(r["reason"] and r["level"] and r["ttl"] == 1800 for r in records)
    assert len(parse_records(records)) == 28


@pytest.mark.parametrize(
    ("spf", "text"),
    [
        ({"all": "~all"}, "v=spf1 mx ~all"),
        (
            {"include": ["_spf.Example.net", "b.example"]},
            "v=spf1 mx include:_spf.example.net include:b.example -all",
        ),
    ],
)
def test_spf_follows_its_settings(spf, text):
    assert table(mail_records(with_domain(spf=spf)))["example.org", "TXT"] == [text]


@pytest.mark.parametrize(
    ("dmarc", "text"),
    [
        ({"p": "none"}, "v=DMARC1; p=none; sp=reject; np=reject"),
        (
            {"rua": ["mailto:a@example.org", "mailto:b,c!@example.org"], "aspf": "s", "adkim": "r"},
            "v=DMARC1; p=reject; sp=reject; np=reject; adkim=r; aspf=s;"
            " rua=mailto:a@example.org,mailto:b%2Cc%21@example.org",
        ),
        (
            {"t": "y", "fo": [1, "d"], "ruf": ["mailto:f@example.org"], "p": "quarantine"},
            "v=DMARC1; p=quarantine; sp=reject; np=reject; ruf=mailto:f@example.org; fo=1:d; t=y",
        ),
    ],
)
def test_dmarc_follows_its_settings_in_the_order_of_the_rfc(dmarc, text):
    settings = {**with_domain(dmarc=dmarc), "reports": ""}
    assert table(mail_records(settings))["_dmarc.example.org", "TXT"] == [text]


def test_idn_domains_are_published_as_a_labels():
    records = mail_records({"hostname": "mx.bücher.example", "domains": {"Bücher.example": None}})
    assert table(records)["xn--bcher-kva.example", "MX"] == ["10 mx.xn--bcher-kva.example."]
    assert {r["name"].isascii() for r in records} == {True}


@pytest.mark.parametrize(
    ("settings", "keys", "message"),
    [
        ({"domains": {}}, [], "lacks 'hostname'"),
        ({**SETTINGS, "host_addresses": ["mx"]}, [], "host_addresses: 'mx' does not appear to be"),
        ({**SETTINGS, "mta_sts": {"max_age": 1}}, [], "lacks 'mode'"),
        ({**SETTINGS, "hostname": "mx"}, [], "mx is not fully qualified"),
        ({**SETTINGS, "domains": {"a b": {}}}, [], "'a b' is not a domain name"),
        (SETTINGS, [{**key(), "public_key": "junk"}], "the current ecdsa key is not a readable"),
        ({**SETTINGS, "tlsa_matching_types": [0]}, [key()], "tlsa_matching_types.*1 and 2"),
    ],
)
def test_errors_name_the_setting(settings, keys, message):
    with pytest.raises(MailRecordsError, match=message):
        mail_records(settings, tls_keys=keys)


@pytest.mark.parametrize(
    ("choice", "types"),
    [
        ({"step": "prepare"}, {"CNAME", "TXT"}),
        ({"step": "announce"}, {"MX", "SRV"}),
        ({"step": "announce", "names": ["_dmarc.example.org"]}, {"MX", "SRV", "TXT"}),
        ({}, {"CNAME", "MX", "SRV", "TXT"}),
    ],
)
def test_the_records_that_announce_a_service_are_a_step_of_their_own(choice, types):
    found = selected(mail_records(SETTINGS), **choice)
    assert {record["type"] for record in found if record["state"] == "present"} == types


def test_the_steps_have_all_records_once():
    records = mail_records({**SETTINGS, "mta_sts": {"mode": "testing"}})
    first, last = selected(records, "prepare"), selected(records, "announce")
    assert len(first) + len(last) == len(records)
    assert ("_mta-sts.example.org", "TXT") in table(last)
