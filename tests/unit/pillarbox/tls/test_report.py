# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox tls" prints, given the counts."""

from __future__ import annotations

from pillarbox.tls import report
from pillarbox.tls.store import Count
from pillarbox.tls.traffic import Way

DAY = "2026-11-27"
AES = "TLS_AES_256_GCM_SHA384"
DANE = Way("dane", "TLSv1.3", AES, "x25519", "ECDSA (prime256v1)")
RESUMED = DANE._replace(signature="")
OLD = Way("encrypted", "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", "", "")
CLEAR = Way("clear")
COUNTS = [
    Count(DAY, "example.net", True, DANE, 1200),
    Count(DAY, "example.net", True, RESUMED, 34),
    Count("2026-11-26", "example.net", True, DANE, 1),
    Count(DAY, "example.net", False, OLD, 7),
    Count(DAY, "old.example", False, CLEAR, 3),
    Count(DAY, "old.example", True, OLD, 1),
    Count(DAY, "old.example", True, CLEAR, 1),
]
IDLE = {"silent": 2000, "screened": 1}


def summary(*counts: Count, **idle: int) -> report.Summary:
    return report.summary(counts, idle, "2026-10-29", DAY)


FOUND = summary(*COUNTS, **IDLE)


def test_the_table_has_each_partner_with_the_best_protection_first() -> None:
    assert report.text(FOUND, report.FEW) == (
        """\
From 2026-10-29 to 2026-11-27: 1,237 messages sent, 10 received.

partner                messages  protection  TLS      cipher                       key exchange
example.net  sent         1,235  DANE        TLSv1.3  TLS_AES_256_GCM_SHA384       x25519
             received         7  encrypted   TLSv1.2  ECDHE-RSA-AES256-GCM-SHA384  -
old.example  sent             1  encrypted   TLSv1.2  ECDHE-RSA-AES256-GCM-SHA384  -
             sent             1  clear text  -        -                            -
             received         3  clear text  -        -                            -

In clear text:
    old.example  1 sent  3 received
2,001 connections to port 25 brought no mail: 1 ended before the greeting, 2,000 did not try to\
 send any, 0 had it refused."""
    )


def test_without_mail_there_is_no_table() -> None:
    assert report.text(summary(), report.FEW) == (
        "From 2026-10-29 to 2026-11-27: 0 messages sent, 0 received.\n\n"
        "Every connection to port 25 brought mail."
    )


def test_mail_that_is_all_encrypted_is_said_to_be() -> None:
    assert "No message in clear text." in report.text(summary(*COUNTS[:4]), report.FEW)


def test_the_table_ends_after_those_with_the_most_mail() -> None:
    many = [Count(DAY, f"{n:03}.example", False, CLEAR, 1000 - n) for n in range(100)]
    lines = report.text(summary(*many), 10).splitlines()
    assert lines[12:14] == [
        "009.example  received       991  clear text  -    -       -",
        "and 90 partners with fewer messages; --all shows them",
    ]
    assert "    and 90 partners with fewer messages" in lines
    assert "099.example" in report.text(summary(*many), 100)


def test_ciphers_are_counted_with_their_numbers_but_clear_text_is_not() -> None:
    assert report.ciphers(FOUND) == (
        """\
cipher                       number      sent  received
TLS_AES_256_GCM_SHA384       0x13,0x02  1,235         0
ECDHE-RSA-AES256-GCM-SHA384  0xC0,0x30      1         7

TLS       sent  received
TLSv1.3  1,235         0
TLSv1.2      1         7

key exchange   sent  received
x25519        1,235         0
not logged        1         7

server signature     sent  received
ECDSA (prime256v1)  1,201         0
not logged             35         7"""
    )


def test_programs_get_everything() -> None:
    document = report.document(FOUND)
    assert (document["sent"], document["received"]) == (1237, 10)
    assert [partner["partner"] for partner in document["partners"]] == [
        "example.net",
        "old.example",
    ]
    first = document["partners"][0]["ways"][0]
    assert first == {
        "direction": "sent",
        "messages": 1201,
        "quality": "dane",
        "version": "TLSv1.3",
        "cipher": AES,
        "number": "0x13,0x02",
        "key_exchange": "x25519",
        "server_signature": "ECDSA (prime256v1)",
    }
    assert document["clear_text"] == ["old.example"]
    assert document["ciphers"][0] == {
        "cipher": AES,
        "number": "0x13,0x02",
        "sent": 1235,
        "received": 0,
    }
    assert document["without_mail"] == {"screened": 1, "silent": 2000, "refused": 0}
