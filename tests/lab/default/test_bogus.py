# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bogus DNS answers are not used: neither to route mail nor to authenticate senders."""

from __future__ import annotations

from email.parser import BytesParser

import dkim
import pytest

from tests.lab import lab
from tests.lab.bogus import TAMPERED, check_that_only_bogus_answers_keep_mail_waiting

ALICE = "alice@example.org"
SENDER = f"bob@sender.{TAMPERED}"
# RFC 8463 appendix A.2; the public half is in the zone.
KEY = b"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="


def test_only_bogus_answers_keep_mail_waiting() -> None:
    check_that_only_bogus_answers_keep_mail_waiting(ALICE)


@pytest.mark.parametrize("domain", ["wrong-ds.example.net", f"exchange.{TAMPERED}"])
def test_a_sender_whose_domain_is_bogus_is_put_off(domain: str) -> None:
    answer = lab.answer_to(ALICE, f"bob@{domain}")
    assert answer.startswith("450 4.1.8 "), answer


def test_spf_dkim_and_dmarc_records_that_are_bogus_neither_pass_nor_fail() -> None:
    mail = lab.message(SENDER, ALICE)
    signature = dkim.sign(
        mail.as_bytes(),
        b"brisbane",
        SENDER.partition("@")[2].encode(),
        KEY,
        signature_algorithm=b"ed25519-sha256",
    )
    header, value = signature.decode().replace("\r\n", "").split(": ", 1)
    mail[header] = value
    lab.send_from_peer(mail)

    arrived = BytesParser().parsebytes(lab.received(ALICE, mail))

    (results,) = arrived.get_all("Authentication-Results", [])
    for method in ("spf", "dkim", "dmarc"):
        assert f"{method}=temperror" in results, results
