# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reports of this host, as the other mail server gets them; mail_send_reports."""

from __future__ import annotations

from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import default

import pytest

from tests.lab import lab
from tests.lab.reports import KEPT, arrived, flush, new_report, read

ALICE, BOB = "alice@example.org", "bob@example.net"
SENDER = "mailreports@example.org"
SESSIONS = "/var/lib/pillarbox-tlsrpt/tlsrpt.sqlite"


def sent() -> str:
    """Return what became of the TLS reports of this host."""
    return lab.on("mx", "pillarbox reports sent")


def a_session_is_counted() -> bool | None:
    found = lab.on("mx", f"grep -alF mismatch.example.net {SESSIONS}* 2>/dev/null", check=False)
    return bool(found) or None


@pytest.fixture(autouse=True)
def no_reports_kept() -> Iterator[None]:
    yield
    lab.on("mx", f"rm -f {KEPT}*")


@pytest.fixture(scope="module")
def reports() -> Iterator[dict[str, bytes]]:
    """TLS reports about a server whose TLSA record is wrong, and about one where all is well."""
    flush()
    marks = {name: f"TLS-Report-Domain: {name}.example.net" for name in ("mismatch", "asking")}
    before = {name: arrived(mark) for name, mark in marks.items()}
    wrong = lab.message(ALICE, "bob@mismatch.example.net")
    lab.submit(wrong)
    queue_id = lab.deferral("mx", wrong).partition(":")[0]
    lab.on("mx", f"postsuper -d {queue_id}")
    lab.eventually("a session that is counted", a_session_is_counted)
    # While the service that counts them runs.
    lab.on("mx", "systemctl is-active pillarbox-tls-sessions.service && systemctl restart postfix")
    right = lab.message(ALICE, "bob@asking.example.net")
    lab.submit(right)
    lab.received_at_peer(right)
    yield {name: new_report(mark, before[name]) for name, mark in marks.items()}


@pytest.mark.once
def test_a_wrong_tlsa_record_is_reported_to_its_domain(reports: dict[str, bytes]) -> None:
    assert {"spf=pass", "dkim=pass", "dmarc=pass"} <= lab.verdicts(reports["mismatch"])
    # About the name of the server (RFC 8460, section 1.1).
    [about] = read(reports["mismatch"], "mx.mismatch.example.net").values()
    [policy] = about["tls"]["policies"]
    assert (policy["type"], policy["successful"], policy["failed"]) == ("tlsa", 0, 1)
    # What Postfix calls a key that no TLSA record has.
    [failure] = about["tls"]["failures"]
    assert failure["mx"] == "mx.mismatch.example.net"
    assert failure["sender"] in ("198.18.0.10", "2001:2:0:10::10")
    assert (failure["result"], failure["count"]) == ("certificate-not-trusted", 1)


@pytest.mark.once
def test_sessions_that_succeed_are_reported_too(reports: dict[str, bytes]) -> None:
    assert {"spf=pass", "dkim=pass", "dmarc=pass"} <= lab.verdicts(reports["asking"])
    [about] = read(reports["asking"], "peer.example.net").values()
    [policy] = about["tls"]["policies"]
    assert (policy["type"], policy["successful"], policy["failed"]) == ("tlsa", 1, 0)


@pytest.mark.once
def test_a_report_is_sent_once_and_there_are_none_about_reports(reports: dict[str, bytes]) -> None:
    assert all(reports.values())
    before = sent()
    assert "asking.example.net  1 session, 0 failed  sent: to mailto:bob@" in before
    # Both went to a domain that asks for reports.
    lab.on("mx", "pillarbox reports send --now")
    assert sent() == before


@pytest.mark.once
def test_a_report_names_neither_users_nor_messages(reports: dict[str, bytes]) -> None:
    stored = lab.on("mx", f"grep -ao '[[:print:]]*' {SESSIONS}")
    assert "asking.example.net" in stored and "alice" not in stored
    user = lab.on("mx", f"stat -Lc '%a %U' {SESSIONS}").split()
    assert user[0] == "600" and user[1] != "root", user
    message = BytesParser(policy=default).parsebytes(reports["asking"])
    assert message["From"] == SENDER and "alice" not in message.as_string()


REPORT = "Report Domain: example.org Submitter: example.net"

WAY_OUT = """
import smtplib, sys
with smtplib.SMTP("127.0.0.1", 10006) as postfix:
    postfix.ehlo()
    postfix.mail(sys.argv[1])
    print(postfix.rcpt("bob@example.net"))
"""


def test_only_the_sender_of_reports_may_use_their_way_out() -> None:
    answers = [lab.on("mx", f"python3 - {who}", WAY_OUT) for who in (ALICE, "''", SENDER)]
    assert ["rejected" in answer for answer in answers] == [True, True, False], answers


def test_what_came_in_the_name_of_a_domain_is_reported_to_it() -> None:
    flush()
    mark = "example.org!example.net!"
    before = arrived(mark)
    for subject in ("", "", REPORT):
        mail = lab.message(BOB, ALICE)
        mail.replace_header("Subject", f"{mail['Subject']} {subject}".strip())
        lab.send_from_peer(mail)
        lab.received(ALICE, mail)
    forged = lab.message(BOB, ALICE)
    forged.replace_header("Subject", REPORT)
    # A domain without SPF.
    swaks = f"swaks --server {lab.MX} --from bob@policy.example.net --to {ALICE} --data -"
    lab.on("peer", swaks, forged.as_string(), check=False)

    report = new_report(mark, before)

    assert {"spf=pass", "dkim=pass", "dmarc=pass"} <= lab.verdicts(report)
    [about] = read(report, "example.net").values()
    # Not the third, which claims to be a report: two servers would report to each other for ever.
    # But the one that is forged, so that nobody hides forgeries by such a subject.
    assert (about["dmarc"]["messages"], about["dmarc"]["passing"]) == (3, 2)
    sources = {source["source"] for source in about["dmarc"]["sources"]}
    assert sources <= {"198.18.0.20", "2001:2:0:20::20"}
