# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network with a thousand connections to each port does not lock out others."""

from __future__ import annotations

import fcntl
import socket
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import pytest

from tests.lab import lab

ALICE, CAROL, DAVE = "alice@example.org", "carol@example.org", "dave@example.org"
BOB = "bob@example.net"
TLS_FIRST = (lab.SUBMISSIONS, lab.IMAPS, lab.POP3S, lab.HTTPS)
WEB_PORTS = (lab.HTTP, lab.HTTPS)
LOGIN_PORTS = (lab.SUBMISSIONS, lab.SUBMISSION, lab.IMAPS)
PORTS = (lab.SMTP, lab.SUBMISSION, lab.MANAGESIEVE, *TLS_FIRST, lab.HTTP)

PROGRAM = lab.ROOT / "tests/lab/flood_program.py"
# All addresses of both networks are routed to peer.
ATTACKERS = {
    "-4": ("198.18.5.0/24", "198.18.0.20", "198.18.0.10"),
    "-6": ("2001:2:5::/48", "2001:2:0:20::20", "2001:2:0:10::10"),
}
EACH = 1000


def greeting(port: int) -> float:
    """Return the seconds until the server answers a client in another network."""
    began = time.monotonic()
    with ExitStack() as closing:
        stream = closing.enter_context(socket.create_connection((lab.MX, port), timeout=20))
        if port in TLS_FIRST:
            context = lab.trusting_the_ca()
            stream = closing.enter_context(context.wrap_socket(stream, server_hostname=lab.MX))
        if port in WEB_PORTS:
            stream.sendall(b"GET / HTTP/1.1\r\nHost: mx.example.org\r\n\r\n")
        assert stream.recv(1000)
    return time.monotonic() - began


def login(port: int) -> float:
    """Return the seconds that a login takes."""
    began = time.monotonic()
    if port == lab.IMAPS:
        lab.imap(ALICE).shutdown()
    else:
        with lab.submission(port) as session:
            session.login(ALICE, lab.password(ALICE))
    return time.monotonic() - began


def usual(measure: Callable[[int], float], ports: Iterable[int]) -> dict[int, float]:
    """Return the median at each port, as other tests run on this machine too."""
    return {port: statistics.median(measure(port) for _ in range(5)) for port in ports}


@pytest.fixture(scope="module")
def alone() -> Iterator[None]:
    """One flood at a time on this machine, as the labs in other lanes share its processors."""
    with open("/run/lock/pillarbox-flood", "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def before(alone: None) -> dict[int, float]:
    return usual(login, LOGIN_PORTS)


@pytest.fixture(scope="module")
def flood(before: dict[int, float]) -> Iterator[None]:
    """Open all connections from both networks, and reopen those that end."""
    lab.on("peer", "cat >/run/flood.py", PROGRAM.read_text())
    try:
        # An IPv6 socket cannot be bound to any address of a routed network otherwise.
        lab.on("peer", "sysctl -q net.ipv6.ip_nonlocal_bind=1")
        for version, (network, peer, server) in ATTACKERS.items():
            lab.on("mx", f"ip {version} route add {network} via {peer}")
            lab.on("peer", f"ip {version} route add local {network} dev lo")
            command = f"python3 /run/flood.py {server} {network} {EACH} {' '.join(map(str, PORTS))}"
            # At most three minutes, and with low priority.
            limits = "-p LimitNOFILE=20000 -p RuntimeMaxSec=180 -p Nice=10"
            lab.on(
                "peer",
                f"systemd-run --collect -p Type=notify {limits} --unit flood{version} {command}",
            )
        yield
    finally:
        for version, (network, peer, _) in ATTACKERS.items():
            lab.on("peer", f"systemctl stop flood{version}", check=False)
            lab.on("peer", f"ip {version} route del local {network} dev lo", check=False)
            lab.on("mx", f"ip {version} route del {network} via {peer}", check=False)
        lab.on("peer", "sysctl -q net.ipv6.ip_nonlocal_bind=0")


def in_time(measure: Callable[[int], float], most: dict[int, float]) -> None:
    """Measure until all ports are fast: the processors are also those of other lanes.

    A server whose places are taken stays slow, by five seconds and more.
    """

    def fast() -> bool | None:
        try:
            now = usual(measure, most)
        except TimeoutError:
            return None
        return True if all(now[port] <= most[port] for port in most) else None

    lab.eventually(f"{most} seconds", fast, patience=60)


@pytest.mark.usefixtures("flood")
def test_everybody_else_is_greeted_within_a_second() -> None:
    in_time(greeting, dict.fromkeys(PORTS, 1.0))


@pytest.mark.usefixtures("flood")
@pytest.mark.parametrize("port", WEB_PORTS)
def test_a_network_has_a_small_part_of_the_web_server_for_itself(port: int) -> None:
    """Each connection in a TLS handshake takes 70 kB, and nginx counts none before its request."""
    command = f"ss -Htn state established 'sport = :{port}'"

    def flooding() -> tuple[int, int] | None:
        clients = [line.split()[3] for line in lab.on("mx", command).splitlines()]
        four, six = (sum(net in it for it in clients) for net in ("198.18.5.", "[2001:2:5:"))
        return (four, six) if four and six else None

    assert max(lab.eventually("connections of both networks", flooding)) <= 100


@pytest.mark.usefixtures("flood")
def test_everybody_else_logs_in_as_fast_as_before(before: dict[int, float]) -> None:
    in_time(login, {port: taken + 1.0 for port, taken in before.items()})


@pytest.mark.usefixtures("flood")
def test_everybody_elses_mail_arrives() -> None:
    mail = lab.message(BOB, ALICE)
    lab.send_from_peer(mail)
    lab.received(ALICE, mail)


@pytest.mark.usefixtures("flood")
def test_an_office_behind_one_address_works() -> None:
    with ExitStack() as office:
        for user in (ALICE, CAROL, DAVE):
            for _ in range(6):
                office.enter_context(lab.imap(user)).select("INBOX", readonly=True)
            for port in (lab.SUBMISSIONS, lab.SUBMISSION):
                for _ in range(3):
                    session = office.enter_context(lab.submission(port))
                    session.login(user, lab.password(user))
                    assert session.noop()[0] == 250
