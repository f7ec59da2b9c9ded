# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports of the host: those for others greet, those of its own daemons are closed."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import NamedTuple

from pillarbox.check.each import AT_A_TIME
from pillarbox.check.finding import CRITICAL, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.outside.view import View
from pillarbox.check.served import restart
from pillarbox.check.settings import Address

CHECK, INTERNAL_CHECK = "port from outside", "internal port"
# How a server begins; with HTTP the client does.
GREETINGS = {
    25: b"220",
    443: b"",
    465: b"220",
    587: b"220",
    993: b"* OK",
    995: b"+OK",
    4190: b'"',
}
TLS = (443, 465, 993, 995)
# What only the host itself may reach, and logins that would begin in clear text.
LOGINS = {110: "POP3", 143: "IMAP"}
INTERNAL = {
    783: "a spam filter",
    3310: "ClamAV",
    6379: "Valkey or Redis",
    8461: "the MTA-STS policies",
    9900: "Dovecot's metrics",
    10001: "SRS",
    10002: "SRS",
    10004: "the DANE policies",
    10005: "the milter",
    10006: "reports to others",
    11332: "Rspamd",
    11333: "Rspamd",
    11334: "Rspamd's web interface",
    11335: "Rspamd",
}
# Seconds to connect and for each greeting.
PATIENCE = 10.0
# What a connection can come to.
GREETED, STRANGE, MUTE, REFUSED, SILENT, UNREACHABLE = range(6)


class Seen(NamedTuple):
    """What happened at a port, and the words for it."""

    state: int
    text: str

    @property
    def reached(self) -> bool:
        """Whether something at this address answered, if only with a refusal."""
        return self.state in (GREETED, STRANGE, MUTE, REFUSED)


def ports(view: View) -> Iterator[Finding]:
    """Check which ports of each address answer, and how."""
    if not view.addresses:
        text = "its addresses are not known: no resolver has them, and mail_host_addresses is empty"
        yield Finding(CHECK, view.hostname, UNKNOWN, text)
    closed = [port for port in (*LOGINS, *INTERNAL) if port not in view.ports]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        doors = list(product(view.addresses, view.ports))
        seen = dict(
            zip(doors, pool.map(lambda door: look(view.hostname, *door), doors), strict=True)
        )
        reached = dict.fromkeys(address for (address, _port), one in seen.items() if one.reached)
        doors = list(product(reached, closed))
        connected = dict(zip(doors, pool.map(lambda door: _connects(*door), doors), strict=True))
    for address in view.addresses:
        yield from conclude(address, {port: seen[address, port] for port in view.ports})
        if address in reached:
            yield from exposed(address, {port: connected[address, port] for port in closed})


def look(hostname: str, address: Address, port: int) -> Seen:
    """Connect to a port and read how it greets."""
    try:
        with socket.create_connection((str(address), port), PATIENCE) as connection:
            return _greeting(connection, port, hostname)
    except TimeoutError:
        return Seen(SILENT, f"no answer in {PATIENCE:.0f} s")
    except ConnectionRefusedError as error:
        return Seen(REFUSED, error.strerror or str(error))
    except OSError as error:
        return Seen(UNREACHABLE, error.strerror or str(error))


def _greeting(connection: socket.socket, port: int, hostname: str) -> Seen:
    wanted = GREETINGS.get(port, b"")
    try:
        if port in TLS:
            # Which certificate is served is checked on the host, with those on disk.
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = context.wrap_socket(connection, server_hostname=hostname)
        line = connection.makefile("rb").readline(512) if wanted else b""
    except TimeoutError:
        return Seen(MUTE, f"connects, but does not greet in {PATIENCE:.0f} s")
    except OSError as error:
        return Seen(STRANGE, f"connects, but then: {error.strerror or error}")
    text = line.decode(errors="replace").strip()
    if line.startswith(wanted):
        return Seen(GREETED, text or "TLS")
    return Seen(STRANGE, text or "closes the connection")


def _connects(address: Address, port: int) -> bool:
    try:
        with socket.create_connection((str(address), port), PATIENCE / 2):
            return True
    except OSError:
        return False


def conclude(address: Address, seen: Mapping[int, Seen]) -> Iterator[Finding]:
    """Yield what the ports of an address mean together."""
    if not any(one.reached for one in seen.values()):
        texts = ", ".join(dict.fromkeys(one.text for one in seen.values()))
        text = f"no port can be reached from here: {texts}"
        remedy = (
            f"run this playbook where IPv{address.version} works; if it does, open the ports in the"
            " firewall of the host, or of its provider"
        )
        yield Finding(CHECK, str(address), UNKNOWN, text, "", remedy)
        return
    for port, one in seen.items():
        yield _port(f"{port}, {address}", port, one)


def _port(subject: str, port: int, seen: Seen) -> Finding:
    if seen.state == GREETED:
        return Finding(CHECK, subject, OK, seen.text)
    wanted = "open to others"
    firewall = f"open port {port} in the firewall of the host, and in that of its provider"
    if seen.state in (STRANGE, MUTE):
        # It may be busy.
        status = CRITICAL if seen.state == STRANGE else UNKNOWN
        return Finding(CHECK, subject, status, seen.text, "a greeting", restart(port))
    if seen.state == REFUSED:
        remedy = f"{restart(port)}; if it runs, {firewall}"
        return Finding(CHECK, subject, CRITICAL, seen.text, wanted, remedy)
    if port == 25:
        remedy = (
            "many networks let nobody connect to port 25, so run this playbook on a server"
            f" elsewhere; if others do not get through, either, {firewall}"
        )
        return Finding(CHECK, subject, UNKNOWN, seen.text, wanted, remedy)
    text = f"{seen.text}, while other ports answer"
    return Finding(CHECK, subject, CRITICAL, text, wanted, firewall)


def exposed(address: Address, connected: Mapping[int, bool]) -> Iterator[Finding]:
    """Yield the ports that strangers should not reach; one finding if there are none."""
    for port in (port for port, is_open in connected.items() if is_open):
        subject = f"{port}, {address}"
        if port in LOGINS:
            found = f"open, for {LOGINS[port]} that begins without TLS"
            remedy = "remove what opens it from dovecot_extra, or close it in the firewall"
            yield Finding(INTERNAL_CHECK, subject, WARNING, found, "closed", remedy)
        else:
            found = f"open to strangers; the usual port of {INTERNAL[port]}"
            remedy = f"find who listens (ss -ltnp 'sport = :{port}'), and have it use loopback"
            yield Finding(INTERNAL_CHECK, subject, CRITICAL, found, "closed", remedy)
    if not any(connected.values()):
        yield Finding(INTERNAL_CHECK, str(address), OK, f"{len(connected)} ports are closed")
