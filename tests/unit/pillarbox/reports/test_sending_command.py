# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports to other domains, sent by hand: who does it."""

from __future__ import annotations

import time
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from pillarbox import Failure
from pillarbox.reports.sending import command, outbox, sender

from ...paths import ROLES
from .outgoing import GIVEN, MORNING, count, datagram

START = ("systemctl", "start", "pillarbox-tls-reports.service")
DMARC = ("rspamadm", "dmarc_report")
[UNIT] = ROLES.rglob(START[2])


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that ran on a host with a session to report. The service has nobody to ask."""
    ran: list[tuple[str, ...]] = []

    def run(*given: str, **_options: object) -> bytes:
        ran.append(given)
        if given == START:
            with outbox.opened() as box:
                sender.send_all(box, GIVEN, MORNING + 60)
        return b"Reporting collection has finished\n"

    monkeypatch.setattr(outbox, "opened", partial(outbox.opened, tmp_path / "tlsrpt.sqlite"))
    with outbox.opened() as box:
        count(box, datagram())
    for module in (command, sender):
        monkeypatch.setattr(module, "own_domains", frozenset)
    monkeypatch.setattr(sender, "asked", lambda _domain: [])
    monkeypatch.setattr(command, "kinds", lambda: ["dmarc", "tls"])
    monkeypatch.setattr(command, "run", run)
    monkeypatch.setattr("time.time", lambda: MORNING + 60)
    return ran


def test_what_is_due_is_sent_in_the_confinement_of_the_service(
    ran: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    command.send(early=True)
    assert ran[0] == START
    _service, shown, *_rspamd = capsys.readouterr().out.splitlines()
    assert shown.endswith("  example.net  1 session, 0 failed  given up: the domain asks for none")


def test_what_is_sent_now_includes_yesterdays_reports_of_rspamd_in_a_run_of_their_own(
    ran: list[tuple[str, ...]],
) -> None:
    command.send(early=True)
    assert ran[1:] == [DMARC, (*DMARC, time.strftime("%Y%m%d"))]


def test_without_a_report_that_is_due_the_service_is_not_started(
    ran: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    command.send(early=False)
    assert ran == [DMARC]
    assert capsys.readouterr().out.startswith("no TLS report is due\n")


def test_a_host_that_sends_none_says_so(
    ran: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "kinds", list)
    with pytest.raises(Failure, match="set mail_send_reports"):
        command.send(early=True)
    assert ran == []


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3",
        "100.64.1.2",
        "169.254.169.254",
        "172.16.1.2",
        "192.168.1.2",
        "fd00::1",
        "fe80::1",
    ],
)
def test_the_service_reaches_no_private_network(address: str) -> None:
    [networks] = [
        line.partition("=")[2].split()
        for line in UNIT.read_text().splitlines()
        if line.startswith("IPAddressDeny=")
    ]
    assert any(ip_address(address) in ip_network(network) for network in networks)
