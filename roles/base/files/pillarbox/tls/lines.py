# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a line of Postfix's log, as Postfix 3.7 and 3.10 write it.

What a line quotes comes from strangers. So each pattern matches a line from its beginning, in the
order in which Postfix writes the fields; names and addresses that do not look like such match
nothing. Of addresses, only the domain is returned.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Tls(NamedTuple):
    """The parameters of a TLS connection, and what Postfix says of the partner's certificate."""

    trust: str
    version: str
    cipher: str
    # The key exchange and the server's signature are empty if they are not logged.
    exchange: str
    signature: str


class Opened(NamedTuple):
    """A client has connected to port 25."""

    pid: str


class Secured(NamedTuple):
    """TLS was negotiated with a client."""

    pid: str
    tls: Tls


class Reached(NamedTuple):
    """TLS was negotiated with a server, or a connection to it is used again."""

    pid: str
    tls: Tls
    relay: str


class Accepted(NamedTuple):
    """A client may send a message, which may still be refused."""

    pid: str
    queue_id: str
    client: str


class Queued(NamedTuple):
    """A message was received completely; the domain of its sender, empty if it has none."""

    queue_id: str
    domain: str


class Closed(NamedTuple):
    """A client has gone: whether it tried to send mail, and whether any was accepted."""

    pid: str
    tried: bool
    brought: bool


class Screened(NamedTuple):
    """A client did not get past postscreen(8)."""

    pid: str


class Delivered(NamedTuple):
    """A server has accepted or refused a message for a recipient."""

    pid: str
    queue_id: str
    domain: str
    relay: str
    host: str
    port: int
    sent: bool


class Lost(NamedTuple):
    """The connection to a server broke; Postfix may try again without TLS (RFC 7435)."""

    pid: str


Event = Opened | Secured | Accepted | Queued | Closed | Screened | Reached | Delivered | Lost

# The partner is the recipient's domain; for smarthosts it is the server.
SENDERS, SMARTHOSTS = (
    ("postfix/smtp", "postfix/relay/smtp"),
    ("postfix/smarthost/smtp", "postfix/smarthost-tls/smtp"),
)
# Not those of users, of the second pass of forwarded mail, and of deliveries to this host.
DAEMONS = ("postfix/smtpd", "postfix/qmgr", "postfix/postscreen", *SENDERS, *SMARTHOSTS)

# Where a name or address is not this, such as an address literal.
UNKNOWN = "unknown"
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# No top-level domain consists of digits (RFC 3696 section 2).
DOMAIN = re.compile(rf"(?a)(?:{LABEL}\.)+(?!\d+$){LABEL}")
LONGEST = 253

ID = r"(?!NOQUEUE)([0-9A-Za-z]{6,20})"
# A name and an address. Names are verified by Postfix, "unknown" if there is none.
PEER = r"([\w.-]{1,255})\[([\w.:%]{2,60})\]"
# The part in front of the domain is quoted unless it is an atom: postconf(5), info_log_addr_form.
ADDRESS = r'<(?:(?:"(?:[^"\\]|\\.)*"|[^\s()<>@,;:\\"\[\]]*)@)?([^\s<>@"]*)>'
ITEM = r"([\w.+-]{1,60})(?: \(([\w .+-]{1,60})\))?"

# Between client and server name (SNI), the latter is the client's choice.
SECURED = re.compile(
    r"(?a)(Anonymous|Untrusted|Trusted|Verified) TLS connection (?:established|reused)"
    rf" (?:from|to) ({PEER}(?::\d+)?)(?: to [\w.-]+)?: ([\w.]{{1,20}}) with cipher"
    rf" ([\w-]{{1,60}}) \(\d+/\d+ bits\)(?: key-exchange {ITEM})?(?: server-signature {ITEM})?"
)
OPENED = re.compile(rf"(?a)connect from {PEER}(?::\d+)?")
ACCEPTED = re.compile(rf"(?a){ID}: client={PEER}(?::\d+)?(?:, |$)")
CLOSED = re.compile(rf"(?a)disconnect from {PEER}(?::\d+)?((?: [a-z]+=\d+(?:/\d+)?)*)")
COMMAND = re.compile(r"(?a) (mail|data|bdat)=(\d+)")
QUEUED = re.compile(rf"(?a){ID}: from={ADDRESS}, size=\d+, nrcpt=\d+ \(queue \w+\)")
SCREENED = re.compile(r"(?a)DISCONNECT \[([\w.:%]{2,60})\]:\d+")
DELIVERED = re.compile(
    rf"(?a){ID}: to={ADDRESS}, (?:orig_to={ADDRESS}, )?relay=({PEER}:(\d{{1,5}})),"
    r" (?:conn_use=\d+, )?delay=[\d.]+, delays=[\d./]+, (?:tls=\S+, )?dsn=[\d.]+, status=(\w+) "
)
LOST = re.compile(rf"(?a){ID}: (?:lost connection with|conversation with) {PEER}")


def domain_of(name: str) -> str:
    """Return a domain in the form in which it is counted, UNKNOWN if it is none."""
    try:
        domain = name.removesuffix(".").encode("idna").decode().lower()
    except UnicodeError:
        return UNKNOWN
    return domain if len(domain) <= LONGEST and DOMAIN.fullmatch(domain) else UNKNOWN


def domain_of_host(name: str) -> str:
    """Return the domain of a client's name, without the labels that stand for the host."""
    labels = name.split(".")
    if len(labels) > 2:
        labels = labels[1:]
    # The address is often part of the name, as in 1.2.0.192.dynamic.example.
    while len(labels) > 2 and labels[0].isdigit():
        labels = labels[1:]
    return domain_of(".".join(labels))


def is_own(address: str) -> bool:
    """Whether this is a loopback address."""
    return address == "::1" or address.startswith("127.")


def parse(daemon: str, pid: str, line: str) -> Event | None:
    """Return what a line of one of DAEMONS reports, None if it is something else."""
    if daemon == "postfix/smtpd":
        return from_client(pid, line)
    if daemon == "postfix/qmgr":
        queued = QUEUED.fullmatch(line)
        return Queued(queued[1], domain_of(queued[2]) if queued[2] else "") if queued else None
    if daemon == "postfix/postscreen":
        screened = SCREENED.fullmatch(line)
        return Screened(pid) if screened and not is_own(screened[1]) else None
    # Not tlsproxy(8), whose lines about TLS smtp(8) repeats.
    return to_server(daemon, pid, line) if daemon in SENDERS + SMARTHOSTS else None


def from_client(pid: str, line: str) -> Event | None:
    """Read a line of smtpd(8)."""
    if opened := OPENED.fullmatch(line):
        return None if is_own(opened[2]) else Opened(pid)
    if accepted := ACCEPTED.match(line):
        return None if is_own(accepted[3]) else Accepted(pid, accepted[1], accepted[2])
    if closed := CLOSED.match(line):
        if is_own(closed[2]):
            return None
        # The number of accepted commands, which may be 0 of 1.
        commands = {name: int(number) for name, number in COMMAND.findall(closed[3])}
        brought = commands.get("data", 0) + commands.get("bdat", 0) > 0
        return Closed(pid, "mail" in commands, brought)
    found = secured(line)
    return Secured(pid, found[0]) if found else None


def to_server(daemon: str, pid: str, line: str) -> Event | None:
    """Read a line of smtp(8)."""
    if delivered := DELIVERED.match(line):
        queue_id, domain, _original, relay, host, address, port, status = delivered.groups()
        if is_own(address):
            return None
        partner = domain_of(host if daemon in SMARTHOSTS else domain)
        return Delivered(pid, queue_id, partner, relay, host, int(port), status == "sent")
    if LOST.match(line):
        return Lost(pid)
    found = secured(line)
    return Reached(pid, *found) if found else None


def secured(line: str) -> tuple[Tls, str] | None:
    """Read the line about a TLS connection: its parameters and the partner."""
    found = SECURED.match(line)
    if not found or is_own(found[4]):
        return None
    trust, relay, _host, _address, version, cipher, exchange, group, signature, key = found.groups()
    # "ECDHE (P-256)" is known by its group, "DHE (2048 bits)" is not.
    exchange = group if group and not group.endswith(" bits") else with_detail(exchange, group)
    return Tls(trust, version, cipher, exchange, with_detail(signature, key)), relay


def with_detail(name: str | None, detail: str | None) -> str:
    """Return a name as it was logged, with what is in parentheses."""
    return f"{name} ({detail})" if detail else name or ""
