# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports that are not what they should be: each is refused, with the reason and no bounce."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

from pillarbox.reports import dmarc, tlsrpt
from pillarbox.reports.foreign import Refused
from pillarbox.reports.unpack import DMARC, from_message

from .conftest import Host
from .samples import dmarc_xml, failure, gzipped, message, record, tls_json, zipped


def encrypted(packed: bytes) -> bytes:
    """Set the flag of both places (APPNOTE, section 4.4.4)."""
    packed = re.sub(rb"(PK\x03\x04..).", b"\\g<1>\x01", packed, flags=re.DOTALL)
    return re.sub(rb"(PK\x01\x02....).", b"\\g<1>\x01", packed, flags=re.DOTALL)


XML: dict[str, tuple[str, Callable[[], bytes]]] = {
    "an external entity": (
        "it declares a document type, which no report needs",
        lambda: dmarc_xml(
            before='<!DOCTYPE feedback [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        ).replace(b"Reporter", b"&x;"),
    ),
    "an external document type": (
        "it declares a document type, which no report needs",
        lambda: dmarc_xml(before='<!DOCTYPE feedback SYSTEM "http://192.0.2.1/feedback.dtd">'),
    ),
    "a parameter entity": (
        "it declares a document type, which no report needs",
        lambda: dmarc_xml(
            before='<!DOCTYPE feedback [<!ENTITY % x SYSTEM "http://192.0.2.1/"> %x;]>'
        ),
    ),
    "a huge count": (
        'its count "9223372036854775808" is not a number up to',
        lambda: dmarc_xml(record(count=2**63)),
    ),
    "a negative count": (
        'its count "-5" is not a number up to',
        lambda: dmarc_xml(record(count=-5)),
    ),
    "a count of other digits": (
        'its count "٣" is not a number up to',
        lambda: dmarc_xml(record(count="٣")),
    ),
    "a count that is a fraction": (
        'its count "1e3" is not a number up to',
        lambda: dmarc_xml(record(count="1e3")),
    ),
    "no count": (
        'its count "" is not a number up to',
        lambda: dmarc_xml(record(count="")),
    ),
    "an address that is none": (
        'its source_ip "$(reboot)" is not an IP address',
        lambda: dmarc_xml(record("$(reboot)")),
    ),
    "an address with a zone": (
        'its source_ip "fe80::1%<b>" is not an IP address',
        lambda: dmarc_xml(record("fe80::1%<b>")),
    ),
    "a huge time": (
        'its begin "999999999999999999999999999999" is not a number up to',
        lambda: dmarc_xml(begin="9" * 30, end="9" * 30),
    ),
    "a time long ago": (
        "about example.org: it is about a time to come, or more than 90 days ago",
        lambda: dmarc_xml(begin=0, end=86399),
    ),
    "a time that ends before it begins": (
        "about example.org: it is about more than a month, or ends before it begins",
        lambda: dmarc_xml(begin=1795737600, end=1795651200),
    ),
    "no domain": ("is about no domain, not of this host", lambda: dmarc_xml(domain="")),
    "a forged domain": (
        "is about example.org.attacker.example, not of this host",
        lambda: dmarc_xml(domain="example.org.attacker.example"),
    ),
    "a domain within a word": (
        "is about badexample.org, not of this host",
        lambda: dmarc_xml(domain="badexample.org"),
    ),
    "a domain in quotes": (
        "is about no domain, not of this host",
        lambda: dmarc_xml(domain="example.org' OR '1'='1"),
    ),
    "no reporter": (
        'DMARC report "1" of "" about example.org lacks its name or that of the reporter',
        lambda: dmarc_xml(reporter="").replace(b"dmarc@reporter.example", b""),
    ),
    "no id": (
        'DMARC report "" of "Reporter" about example.org lacks its name or that of the reporter',
        lambda: dmarc_xml(report_id="\u200b"),
    ),
    "bytes that are not UTF-8": (
        "it is not well-formed XML",
        lambda: dmarc_xml(reporter="R").replace(b"R", b"\xff\xfe"),
    ),
    "an unknown encoding": (
        "it is not well-formed XML",
        lambda: dmarc_xml().replace(b"UTF-8", b"no-such"),
    ),
    "an encoding that is a compression": (
        "it is not well-formed XML",
        lambda: dmarc_xml().replace(b"UTF-8", b"zlib"),
    ),
    "control characters": (
        "it is not well-formed XML",
        lambda: dmarc_xml(reporter="\x1b]0;x\x07"),
    ),
    "a character reference to a control character": (
        "it is not well-formed XML",
        lambda: dmarc_xml().replace(b"Reporter", b"&#27;[2J"),
    ),
    "another root element": (
        "its root element is html, not feedback",
        lambda: b"<html><feedback/></html>",
    ),
    "no end": (
        "it is not well-formed XML",
        lambda: dmarc_xml()[:-20],
    ),
    "nothing within": ('its begin "" is not a number up to', lambda: b"<feedback/>"),
}
JSON: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a huge number": (
        "its total-successful-session-count is not a number up to",
        lambda: tls_json(successful=10**30),
    ),
    "a huge number with an exponent": (
        "its total-successful-session-count is not a number up to",
        lambda: tls_json().replace(b"100", b"1e400"),
    ),
    "NaN": ("it is not JSON, or nested too deeply", lambda: tls_json(successful=float("nan"))),
    "Infinity": ("it is not JSON, or nested too deeply", lambda: tls_json(successful=float("inf"))),
    "a negative number": (
        "its total-failure-session-count is not a number up to",
        lambda: tls_json(failed=-1),
    ),
    "a number in quotes": (
        "its total-successful-session-count is not a number up to",
        lambda: tls_json(successful="100"),
    ),
    "a truth as a number": (
        "its total-successful-session-count is not a number up to",
        lambda: tls_json(successful=True),
    ),
    "a list as an object": (
        "its date-range is not a JSON object",
        lambda: tls_json(**{"date-range": []}),
    ),
    "an object as a list": (
        "its policies is not a list of up to 100 objects",
        lambda: tls_json(**{"policies": {}}),
    ),
    "a policy that is null": (
        "its an item of policies is not a JSON object",
        lambda: tls_json(**{"policies": [None]}),
    ),
    "a failure that is a text": (
        "its an item of failure-details is not a JSON object",
        lambda: tls_json("certificate-expired"),
    ),
    "a domain that is a list": (
        "its policy-domain is not a text",
        lambda: tls_json(domain=["example.org"]),
    ),
    "a domain that is a number": ("its policy-domain is not a text", lambda: tls_json(domain=7)),
    "a forged domain": (
        "is about attacker.example, not of this host",
        lambda: tls_json(domain="attacker.example"),
    ),
    "a policy of another type": (
        "its policy-type is not one of tlsa, sts, no-policy-found",
        lambda: tls_json(policy="<b>\x1b[2J"),
    ),
    "a result with markup": (
        "its result-type is not the name of a result",
        lambda: tls_json(failure("<script>")),
    ),
    "an address that is none": (
        'its sending-mta-ip "[2J" is not an IP address',
        lambda: tls_json(failure(**{"sending-mta-ip": "\x1b[2J"})),
    ),
    "a time that is none": (
        "its start-datetime is not a time",
        lambda: tls_json(
            **{"date-range": {"start-datetime": "yesterday", "end-datetime": "9999-99-99"}}
        ),
    ),
    "the first time": (
        "about example.org: it is about a time to come, or more than 90 days ago",
        lambda: tls_json(
            **{
                "date-range": {
                    "start-datetime": "0001-01-01T00:00:00+14:00",
                    "end-datetime": "0001-01-01T00:00:00+14:00",
                }
            }
        ),
    ),
    "a name that is an object": (
        "its organization-name is not a text",
        lambda: tls_json(**{"organization-name": {"a": 1}}),
    ),
    "no name": (
        'TLS report "5065427c-23d3" of "" about example.org lacks its name or that of the reporter',
        lambda: tls_json(**{"organization-name": None, "contact-info": None}),
    ),
    "bytes that are not UTF-8": (
        "it is not JSON, or nested too deeply",
        lambda: tls_json().replace(b"Company", b"\xff\xff"),
    ),
    "half a surrogate as its name": (
        'TLS report "5065427c-23d3" of "" about example.org lacks its name or that of the reporter',
        lambda: tls_json(**{"organization-name": "\ud800", "contact-info": "\u200b"}),
    ),
    "no end": ("it is not JSON, or nested too deeply", lambda: tls_json()[:-5]),
}
PACKED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a gzip file without an end": (
        "the gzip file ends too early",
        lambda: message(gzipped(dmarc_xml())[:-20]),
    ),
    "a gzip file in a gzip file": (
        "it is an archive within an archive",
        lambda: message(gzipped(gzipped(dmarc_xml()))),
    ),
    "a zip archive in a gzip file": (
        "it is an archive within an archive",
        lambda: message(gzipped(zipped(dmarc_xml()))),
    ),
    "a zip archive in a zip archive": (
        "it is an archive within an archive",
        lambda: message(zipped(zipped(dmarc_xml()))),
    ),
    "an encrypted zip archive": (
        "the zip archive is encrypted",
        lambda: message(encrypted(zipped(dmarc_xml()))),
    ),
    "a zip archive without a directory": (
        "the zip archive is damaged",
        lambda: message(zipped(dmarc_xml())[:-60]),
    ),
    "a damaged zip archive": (
        "the zip archive is damaged",
        lambda: message(zipped(dmarc_xml()).replace(b"PK\x01\x02", b"PK\x01\x03")),
    ),
    "damaged base64": (
        "an attachment is damaged (base64)",
        lambda: b"Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n\nH4sIA\n",
    ),
    "a truncated message": (
        "the gzip file ends too early",
        lambda: message(gzipped(dmarc_xml(record() * 100)))[:1500],
    ),
    "nothing": ("the message contains no report", lambda: b""),
    "an empty line": ("the message contains no report", lambda: b"\n"),
}


def packed(make: Callable[[], bytes]) -> Callable[[], bytes]:
    return lambda: message(gzipped(make()))


CASES = {
    **{f"XML: {name}": (why, packed(make)) for name, (why, make) in XML.items()},
    **{f"JSON: {name}": (why, packed(make)) for name, (why, make) in JSON.items()},
    **PACKED,
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_with_the_reason_and_without_a_bounce(
    name: str, host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    why, make = CASES[name]
    assert host.receive(make()) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert why in line
    assert line.isprintable()
    assert host.told() == {}


@pytest.mark.parametrize("seed", range(4))
def test_damaged_reports_are_refused_or_read_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    # Without base64, so that the damage is anywhere.
    head = b"Content-Type: application/octet-stream\n\n"
    good = [
        head + gzipped(dmarc_xml(record(), record("2001:db8::1", 7))),
        head + zipped(dmarc_xml(new=False)),
        head + tls_json(failure(count=7), failed=7),
        head + dmarc_xml(),
    ]
    outcomes = {"read": 0, "refused": 0}
    for number in range(600):
        damaged = bytearray(good[number % 4])
        for _ in range(chance.randint(1, 2)):
            at = chance.randrange(len(damaged))
            piece = bytes(
                chance.choice(b'<>&"{}[],:0x\xff\x1b\n') for _ in range(chance.randint(0, 3))
            )
            damaged[at : at + chance.randint(0, 3)] = piece
        for found in from_message(bytes(damaged)):
            try:
                if isinstance(found, Refused):
                    raise found
                parse = dmarc.parse if found.kind == DMARC else tlsrpt.parse
                parse(found.content)
                outcomes["read"] += 1
            except Refused as refused:
                outcomes["refused"] += 1
                assert str(refused).isprintable()
    assert min(outcomes.values()) > 20
