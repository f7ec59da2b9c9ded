# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A resolver with the addresses of a test, some of which it fails to answer."""

from __future__ import annotations

import socket
import threading
from contextlib import closing

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset

# Instead of addresses: the resolver cannot find out, or does not answer.
BROKEN, SILENT = "broken", "silent"


class NameServer:
    """Answers A and AAAA queries from a table; other names do not exist."""

    def __init__(self) -> None:
        self.table: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def resolver(self) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.port
        return resolver

    def stop(self) -> None:
        self.socket.sendto(b"", ("127.0.0.1", self.port))

    def _serve(self) -> None:
        with closing(self.socket):
            while True:
                wire, client = self.socket.recvfrom(4096)
                if not wire:
                    return
                if answer := self._answer(dns.message.from_wire(wire)):
                    self.socket.sendto(answer.to_wire(), client)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        addresses = self.table.get(name)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if addresses == [SILENT]:
            return None
        if addresses == [BROKEN]:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif addresses is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        else:
            kind = dns.rdatatype.to_text(question.rdtype)
            found = [one for one in addresses if (":" in one) == (kind == "AAAA")]
            if found:
                response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
        return response
