# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox check" reports about a healthy host, and every day."""

from __future__ import annotations

import json
from email.message import EmailMessage

import pytest

from tests.lab import lab
from tests.lab.checks import check

ALICE = "alice@example.org"


@pytest.mark.first
def test_a_healthy_host_has_nothing_to_repair() -> None:
    whole = check()
    found = {finding["check"] for finding in whole["findings"]}
    assert {"SPF", "DKIM", "DMARC", "MX", "MTA-STS", "TLSA", "DNSSEC", "open relay"} < found
    bad = [f for f in whole["findings"] if f["status"] in ("warning", "critical")]
    # What these tests crash is in the log for a day.
    assert [f for f in bad if f["check"] != "log"] == []
    unknown = [f for f in whole["findings"] if f["status"] == "unknown"]
    assert unknown == []


@pytest.mark.first
def test_it_prints_what_people_and_programs_need() -> None:
    text = lab.on("mx", "pillarbox check; pillarbox check --metrics", check=False)
    assert "no route to the Internet by IPv4" in text
    assert 'pillarbox_check_findings{check="SPF",status="ok"} 2' in text
    assert max(map(len, text.partition("# HELP")[0].splitlines())) <= 80


@pytest.mark.once
@pytest.mark.first
def test_root_gets_a_mail_of_what_changed_and_none_if_nothing_did() -> None:
    state, daily = "/var/lib/pillarbox/check.json", "systemctl start pillarbox-check"
    lab.on("mx", f"doveadm expunge -u {ALICE} mailbox INBOX subject 'mx: '")
    lab.on("mx", f"rm -f {state} && {daily} && touch /run/reboot-required && {daily}")
    try:
        assert lab.eventually("a mail about the reboot", lambda: about_the_reboot() or None)
        lab.on("mx", daily)
    finally:
        lab.on("mx", "rm /run/reboot-required")
    lab.on("mx", daily)
    assert b"updates reboot" in lab.received(ALICE, report("1 resolved"))
    assert len(about_the_reboot()) == 1


def about_the_reboot() -> list[bytes]:
    with lab.imap(ALICE) as session:
        session.select("INBOX", readonly=True)
        # There may be one about security updates as well.
        found = session.search(None, 'SUBJECT "mx: warning updates" BODY "a reboot is due"')
        numbers: list[bytes] = found[1][0].split()
        return numbers


@pytest.mark.first
def test_the_timer_finds_no_more_than_the_command() -> None:
    # It is confined, so that all file systems are read-only for it.
    lab.on("mx", "systemctl start pillarbox-check")
    found = json.loads(lab.on("mx", "cat /var/lib/pillarbox/findings.json"))["findings"]
    urgent = [one for one in found if one[2] in ("warning", "critical", "unknown")]
    assert [one for one in urgent if one[0] not in ("log", "updates")] == []


@pytest.mark.first
def test_while_the_filter_is_down_nothing_else_is_blamed() -> None:
    lab.stop_filter()
    try:
        found = check()["findings"]
    finally:
        lab.on("mx", "systemctl start rspamd")
    assert {one["check"] for one in found if one["status"] == "critical"} == {"daemons"}
    # Postfix puts off all mail, STARTTLS included.
    assert [one for one in found if one["found"].startswith("STARTTLS is put off: 454 ")]
    assert not [one for one in found if "b'" in one["found"]]


def report(what: str) -> EmailMessage:
    """Return a message with the subject of a report to root."""
    mail = lab.message("root@mx.example.org", "root")
    mail.replace_header("Subject", f"mx: {what}")
    return mail
