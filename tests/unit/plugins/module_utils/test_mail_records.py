from __future__ import annotations

import subprocess

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._mail_records import (
    MailRecordsError,
    mail_records,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._record import parse_records
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SETTINGS = {"hostname": "mx.example.org", "domains": {"example.org": {}}}


def key(algorithm="ecdsa", role="current"):
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"algorithm": algorithm, "role": role, "public_key": pem}


def digest(tls_key, algorithm):
    """By openssl, as an independent party."""
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"],
        input=tls_key["public_key"].encode(),
        capture_output=True,
        check=True,
    ).stdout
    done = subprocess.run(
        ["openssl", "dgst", f"-{algorithm}", "-r"], input=der, capture_output=True, check=True
    )
    return done.stdout.decode().split()[0]


def table(records):
    return {(r["name"], r["type"]): r["values"] for r in records}


def with_domain(**domain):
    return {**SETTINGS, "domains": {"example.org": domain}}


def test_ten_lines_of_settings_give_the_records_of_a_domain():
    assert table(mail_records(SETTINGS)) == {
        ("mx.example.org", "TXT"): ["v=spf1 a -all"],
        ("example.org", "MX"): ["10 mx.example.org."],
        ("example.org", "TXT"): ["v=spf1 mx -all"],
        ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=reject; sp=reject; np=reject"],
    }


def test_a_host_that_is_a_domain_itself_has_one_spf_record():
    records = mail_records({"hostname": "example.org", "domains": {"example.org": {}}})
    spf = [r["values"] for r in records if (r["name"], r["type"]) == ("example.org", "TXT")]
    assert spf == [["v=spf1 mx -all"]]


def test_every_record_says_why_it_is_wanted_and_is_one_that_dns_records_takes():
    keys = {"domain": "example.org", "selector": "r1", "dns_name": "r1._domainkey.example.org"}
    records = mail_records(
        {**SETTINGS, "acme_ca_domain": "ca.example", "dns": {"ttl": 1800}},
        [{**keys, "dns_value": "v=DKIM1; p=abc"}],
        [key()],
        "https://ca.example/acct/1",
    )
    assert len(records) == 10
    assert all(r["reason"] and r["level"] and r["ttl"] == 1800 for r in records)
    assert len(parse_records(records)) == 10


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
    ],
)
def test_dmarc_follows_its_settings_in_the_order_of_the_rfc(dmarc, text):
    assert table(mail_records(with_domain(dmarc=dmarc)))["_dmarc.example.org", "TXT"] == [text]


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
    assert [(r["values"], r["pending"]) for r in tlsa] == [([], True)] * 4


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
    (record,) = [r for r in mail_records(SETTINGS, [dkim]) if "_domainkey" in r["name"]]
    assert (record["values"], record["pending"]) == (values, pending)


@pytest.mark.parametrize(
    ("account", "values"),
    [
        ("https://ca/1", '0 issue "ca.example; accounturi=https://ca/1; validationmethods=dns-01"'),
        ("", '0 issue "ca.example; validationmethods=dns-01"'),
    ],
)
def test_caa_names_the_ca_the_account_and_the_method(account, values):
    records = mail_records({**SETTINGS, "acme_ca_domain": "ca.example"}, acme_account_uri=account)
    assert table(records)["mx.example.org", "CAA"] == [values, '0 issuewild ";"']


def test_caa_is_pending_without_an_account_and_missing_without_a_ca():
    (caa,) = [r for r in mail_records({**SETTINGS, "acme_ca_domain": "c"}) if r["type"] == "CAA"]
    assert caa["pending"]
    assert ("mx.example.org", "CAA") not in table(
        mail_records({**SETTINGS, "acme_ca_domain": None})
    )


def test_idn_domains_are_published_as_a_labels():
    records = mail_records({"hostname": "mx.bücher.example", "domains": {"Bücher.example": None}})
    assert table(records)["xn--bcher-kva.example", "MX"] == ["10 mx.xn--bcher-kva.example."]
    assert {r["name"].isascii() for r in records} == {True}


@pytest.mark.parametrize(
    ("settings", "keys", "message"),
    [
        ({"domains": {}}, [], "without 'hostname'"),
        ({**SETTINGS, "hostname": "mx"}, [], "mx is not fully qualified"),
        ({**SETTINGS, "domains": {"a b": {}}}, [], "'a b' is not a domain name"),
        (SETTINGS, [{**key(), "public_key": "junk"}], "the current ecdsa key is not a readable"),
        ({**SETTINGS, "tlsa_matching_types": [0]}, [key()], "tlsa_matching_types.*1 and 2"),
    ],
)
def test_what_is_wrong_is_named(settings, keys, message):
    with pytest.raises(MailRecordsError, match=message):
        mail_records(settings, tls_keys=keys)
