# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail to domains whose DNS answers do not validate, and to some that only lack records.

Their zones are in lab/internet. All names lead to peer, which would accept the mail.
"""

from __future__ import annotations

from email.message import EmailMessage

from tests.lab import lab

TAMPERED = "tampered.example.net"
BOGUS = (
    # All answers are bogus: the DS record does not match, or the signatures have expired.
    "wrong-ds.example.net",
    "expired.example.net",
    # One answer is bogus, as the first label tells; "denial" is that of TLSA records.
    f"exchange.{TAMPERED}",
    f"address.{TAMPERED}",
    f"tlsa.{TAMPERED}",
    f"denial.{TAMPERED}",
)
# Proven not to have TLSA records; the last one by the absence of a DS record.
WITHOUT_DANE = (f"nodata.{TAMPERED}", f"nxdomain.{TAMPERED}", "unsigned.example.net")


def check_that_only_bogus_answers_keep_mail_waiting(author: str) -> None:
    bogus = [lab.message(author, f"bob@{domain}") for domain in BOGUS]
    proven = [lab.message(author, f"bob@{domain}") for domain in WITHOUT_DANE]
    for mail in (*bogus, *proven):
        lab.submit(mail)
    for mail in proven:
        lab.received_at_peer(mail)
    check_that_it_waits(*bogus)


def check_that_it_waits(*mails: EmailMessage) -> None:
    """Fail if a message does not stay in the queue through two attempts; then remove them."""
    queue_ids = [attempts(mail, 1)[0].partition(":")[0] for mail in mails]
    # The second attempt uses the cached answers of the first one.
    lab.on("mx", "".join(f"postqueue -i {queue_id}\n" for queue_id in queue_ids))
    for mail in mails:
        attempts(mail, 2)
    lab.on("mx", "postsuper -d -", "\n".join(queue_ids))


def attempts(mail: EmailMessage, number: int) -> list[str]:
    """Wait for this number of failed delivery attempts, and return their log lines."""

    def logged() -> list[str] | None:
        lines = lab.log_of("mx", mail, " status=")
        return lines if len(lines) >= number else None

    lines = lab.eventually(f"attempt {number} to deliver to {mail['To']}", logged)
    assert all("dsn=4." in line and "status=deferred" in line for line in lines), lines
    return lines
