# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host gets a new name, and what others have cached of the old one keeps working."""

from __future__ import annotations

import re
import socket
import subprocess
from email.message import EmailMessage
from typing import Any

import pytest

from tests.lab import lab

BOB, TEAM = "bob@example.net", "team@example.org"
SETTINGS = f"@{lab.ROOT}/lab/alternative.yml"
NEW = "imap.example.org"


def renamed(*arguments: str) -> subprocess.CompletedProcess[str]:
    names: dict[str, Any] = {"mail_hostname": NEW, "mail_tls_names": [lab.MX]}
    return lab.site("-e", SETTINGS, *arguments, **names)


@pytest.fixture(scope="module")
def made_before() -> str:
    """The rewritten sender of a message that was forwarded under the old name."""
    mail = lab.message(BOB, TEAM)
    lab.send_from_peer(mail)
    arrived = lab.received_at_peer(mail).decode()
    match = re.search(r"^Return-Path: <(SRS0=.*@mx\.example\.org)>$", arrived, re.MULTILINE)
    assert match, arrived
    return match[1]


@pytest.fixture(scope="module")
def queued(made_before: str) -> EmailMessage:
    """Another forwarded message that stays queued until the host has its new name."""
    mail = lab.message(BOB, TEAM)
    lab.on("peer", "systemctl stop postfix")
    swaks = f"swaks --server {lab.MX} --tls --from {BOB} --to {TEAM} --data -"
    lab.on("peer", swaks, mail.as_string())
    lab.deferral("mx", mail)
    return mail


@pytest.fixture(scope="module")
def run(queued: EmailMessage) -> str:
    """Rename the host, as predicted by check mode, and return the output of the run."""
    try:
        predicted = lab.changed(renamed("--check"))
        run = renamed()
    finally:
        lab.on("peer", "systemctl start postfix")
    assert lab.changed(run) == predicted > 0
    return run.stdout


def test_the_run_lists_what_is_left_of_the_old_name(run: str) -> None:
    assert f"mx was formerly named {lab.MX}." in run
    for record in ("A", "AAAA", "CAA", "TXT"):
        assert f"- in the DNS, {lab.MX} {record}" in run
    assert f"- in the DNS, _25._tcp.{lab.MX} TLSA" in run
    assert set(lab.dig("example.org", "MX")) == {f"10 {NEW}.", "20 peer.example.net."}


def test_forwarded_mail_in_the_queue_leaves_with_a_sender_at_the_new_name(
    run: str, queued: EmailMessage
) -> None:
    lab.on("mx", "postqueue -f")
    arrived = lab.received_at_peer(queued)
    assert re.search(rf"^Return-Path: <SRS0=.*@{NEW}>$", arrived.decode(), re.MULTILINE), arrived
    assert "spf=pass" in lab.verdicts(arrived)


def test_a_bounce_to_a_sender_at_the_old_name_comes_back(run: str, made_before: str) -> None:
    bounce = lab.message("MAILER-DAEMON@example.net", made_before)
    lab.on("peer", f"sendmail -f '' '{made_before}'", bounce.as_string())
    assert b"for <bob@example.net>" in lab.received_at_peer(bounce)


@pytest.mark.parametrize("destination", ["example.org", f"[{lab.MX}]"], ids=["new", "cached"])
def test_a_sender_verifies_the_host_by_the_new_mx_record_and_by_a_cached_one(
    run: str, destination: str
) -> None:
    said = lab.on("peer", f"posttls-finger -c -t30 -l dane-only '{destination}' 2>&1", check=False)
    name = destination.strip("[]") if destination.startswith("[") else NEW
    assert f"Verified TLS connection established to {name}[" in said


def test_the_certificate_is_for_both_names(run: str) -> None:
    for name in (lab.MX, NEW):
        with (
            socket.create_connection((lab.ADDRESSES[lab.MX], lab.SUBMISSIONS), 20) as connection,
            lab.trusting_the_ca().wrap_socket(connection, server_hostname=name),
        ):
            pass


def test_unknown_recipients_at_the_old_name_are_refused(run: str, made_before: str) -> None:
    for stranger in (f"nobody@{lab.MX}", made_before.replace("=bob@", "=eve@")):
        swaks = f"swaks --server {NEW} --tls --from {BOB} --to '{stranger}' --quit-after RCPT"
        assert "Relay access denied" in lab.on("peer", swaks, check=False)


def test_the_next_run_changes_nothing_and_repeats_the_list_until_the_old_name_is_dropped(
    run: str,
) -> None:
    again = renamed()
    assert lab.changed(again) == 0 and f"mx was formerly named {lab.MX}." in again.stdout
    lab.on("mx", "rm /etc/pillarbox/hostnames")
    assert "was formerly named" not in renamed("--check").stdout
