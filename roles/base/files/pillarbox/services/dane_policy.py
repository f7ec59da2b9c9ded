# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell Postfix which destinations DANE verifies (RFC 7672), by socketmap_table(5).

For these it returns a level of smtp_tls_policy_maps. For others it returns none, so that Postfix
tries its next table. If DNS does not answer, mail has to wait.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import socketserver
from collections.abc import Iterator

import dns.exception
import dns.name

from pillarbox import lookup
from pillarbox.lookup import Answer, Unknown
from pillarbox.parts import part

# In seconds. Postfix gives up after 100.
PATIENCE = 20
SMTP = 25
# RFC 7672 section 3.1: DANE-TA and DANE-EE; any selector and matching type of RFC 6698.
USAGES, SELECTORS, MATCHING_TYPES = (2, 3), (0, 1), (0, 1, 2)
SERVER = re.compile(r"\[(.+)\](?::(\d+))?")
LONGEST = 10_000


def ask(name: dns.name.Name, rdtype: str) -> Answer:
    """Ask the validating resolver. Raises Unknown."""
    return lookup.ask(name, rdtype, PATIENCE)


def servers(destination: str) -> Iterator[tuple[dns.name.Name, int]]:
    """Yield the servers of a next hop whose names an attacker cannot have forged."""
    server = SERVER.fullmatch(destination)
    if server:
        try:
            ipaddress.ip_address(server[1].removeprefix("ipv6:"))
        except ValueError:
            yield dns.name.from_text(server[1]), int(server[2] or SMTP)
        return
    domain = dns.name.from_text(destination)
    found = ask(domain, "MX")
    if not found.records:
        yield domain, SMTP
    elif found.secure:
        for record in found.records:
            # The root means that a domain accepts no mail (RFC 7505).
            if record.exchange != dns.name.root:
                yield record.exchange, SMTP


def has_tlsa(host: dns.name.Name, port: int) -> bool:
    """Whether a server has usable TLSA records, RFC 7672 section 2.2."""
    for rdtype in ("A", "AAAA"):
        address = ask(host, rdtype)
        if not address.records or not address.secure:
            continue
        for name in dict.fromkeys((address.name, host)):
            tlsa = ask(dns.name.from_text(f"_{port}._tcp", name), "TLSA")
            if tlsa.records and tlsa.secure:
                return any(
                    record.usage in USAGES
                    and record.selector in SELECTORS
                    and record.mtype in MATCHING_TYPES
                    for record in tlsa.records
                )
        return False
    return False


def is_verified(destination: str) -> bool:
    """Whether at least one of the servers has TLSA records. Raises Unknown."""
    if destination.startswith("."):
        return False
    unknown = None
    try:
        for host, port in servers(destination):
            try:
                if has_tlsa(host, port):
                    return True
            except Unknown as error:
                unknown = error
    except dns.exception.DNSException:
        # An invalid name has no records.
        return False
    if unknown:
        raise unknown
    return False


def answer(request: str, level: str) -> str:
    """Answer a request of socketmap_table(5), a table's name and a key."""
    try:
        return f"OK {level}" if is_verified(request.partition(" ")[2]) else "NOTFOUND "
    except Unknown as error:
        return f"TEMP {error}"


class Connection(socketserver.StreamRequestHandler):
    """Netstrings from a Postfix process, which sends several requests over a connection."""

    level = "dane"

    def handle(self) -> None:
        while (request := self.read()) is not None:
            reply = answer(request, self.level).encode()
            self.wfile.write(b"%d:%s," % (len(reply), reply))

    def read(self) -> str | None:
        digits = b""
        while (byte := self.rfile.read(1)).isdigit():
            digits += byte
        if byte != b":" or not digits or int(digits[:6]) > LONGEST:
            return None
        return self.rfile.read(int(digits) + 1)[:-1].decode("utf-8", "replace")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    # As many as may connect at once: the processes of the four services in master.cf that send
    # mail to other servers.
    request_queue_size = 400


def ready() -> None:
    """Tell systemd, sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            # "@" denotes an abstract socket address.
            notify.sendto(b"READY=1", address.replace("@", "\0", 1))


def main() -> int:
    config = part("tls_policy")
    # For destinations that DANE verifies.
    Connection.level = config["level"]
    with Server(("127.0.0.1", config["port"]), Connection) as server:
        ready()
        server.serve_forever()
    return 0
