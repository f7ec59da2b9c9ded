# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many DNS messages to one server over one TCP connection, and what its refusals mean."""

from __future__ import annotations

import base64
import binascii
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError

with suppress(ImportError):  # dns_records says what to install
    import dns.exception
    import dns.message
    import dns.name
    import dns.opcode
    import dns.rcode
    import dns.rdatatype
    import dns.tsig

# Messages under way at once. Servers answer them in any order (RFC 7766 section 6.2.1.1); the
# number is small enough that neither side's socket buffer fills while nobody reads.
IN_FLIGHT = 64


@dataclass(frozen=True)
class Server:
    """A name server: how messages call it, where it is, and the key it wants (RFC 8945)."""

    title: str
    address: str
    port: int = 53
    key: dns.tsig.Key | None = None
    timeout: float = 10.0  # seconds for the connection, and for each answer

    def __str__(self) -> str:
        port = "" if self.port == 53 else f" port {self.port}"
        where = "" if self.title == self.address else f" ({self.address})"
        return f"{self.title}{where}{port}"


def tsig_key(name: str, secret: str, algorithm: str) -> dns.tsig.Key:
    """Return the TSIG key of these three settings. Raises DnsError."""
    try:
        base64.b64decode(secret, validate=True)
        return dns.tsig.Key(name, secret, algorithm)
    except (binascii.Error, ValueError):
        raise DnsError(
            f"The tsig_secret of key {name} is not base64: copy the value of `secret` from the"
            " key's file on the name server, without its quotes."
        ) from None
    except dns.exception.DNSException as error:
        raise DnsError(f"tsig_name {name!r} is not a domain name: {error}.") from None


def exchange(
    server: Server, messages: Iterable[dns.message.Message]
) -> list[tuple[dns.message.Message, dns.message.Message]]:
    """Send *messages* to *server*, pipelined, and return each with its response, in their order.

    Whatever is wrong with the way there (unreachable, silent, keys that do not match) raises
    DnsError; a response code is the caller's to judge. Each message is signed at the moment it is
    sent, as the signature carries the time, and an answer without signature to a signed message is
    refused (RFC 8945 section 5.3).
    """
    waiting: dict[int, dns.message.Message] = {}
    responses: dict[int, dns.message.Message] = {}
    sent: list[dns.message.Message] = []
    try:
        with socket.create_connection((server.address, server.port), server.timeout) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection.makefile("rb") as stream:
                for message in messages:
                    if len(waiting) == IN_FLIGHT:
                        _receive(server, stream, waiting, responses)
                    message.id = len(sent) & 0xFFFF
                    if server.key:
                        message.use_tsig(server.key)
                    sent.append(message)
                    waiting[message.id] = message
                    wire = message.to_wire(max_size=65535)
                    connection.sendall(len(wire).to_bytes(2, "big") + wire)
                while waiting:
                    _receive(server, stream, waiting, responses)
    except (socket.gaierror, UnicodeError) as error:  # the latter for what cannot be a name
        why = error.strerror if isinstance(error, socket.gaierror) else error
        raise DnsError(
            f"The name of server {server} cannot be resolved here ({why}): give its address."
        ) from error
    except OSError as error:
        raise DnsError(_network_sentence(server, error, waiting.values())) from error
    except dns.exception.DNSException as error:
        raise DnsError(_answer_sentence(server, error)) from error
    return [(message, responses[id(message)]) for message in sent]


def _receive(
    server: Server,
    stream: BinaryIO,
    waiting: dict[int, dns.message.Message],
    responses: dict[int, dns.message.Message],
) -> None:
    """Read one response and take its message, found by the ID on the wire, out of *waiting*."""
    wire = _read(stream, int.from_bytes(_read(stream, 2), "big"))
    message = waiting.get(int.from_bytes(wire[:2], "big"))
    if message is None:
        raise DnsError(f"{server} answers something that was not asked.")
    response = _parse(wire, server.key, message.mac or b"")
    if not message.is_response(response):
        raise DnsError(f"{server} answers something other than {describe(message)}.")
    if server.key and not response.had_tsig and response.rcode() in _TO_BE_SIGNED:
        raise DnsError(
            f"{server} answers {describe(message)} without a signature: something between it and"
            " here takes the TSIG away, or it does not do TSIG at all."
        )
    del waiting[message.id]
    responses[id(message)] = response


# A server that refuses a request before it looks at the key does not sign that, which is fine.
_TO_BE_SIGNED = (0, 3)  # NOERROR, NXDOMAIN


def _parse(wire: bytes, key: dns.tsig.Key | None, mac: bytes) -> dns.message.Message:
    try:
        return dns.message.from_wire(wire, keyring=key, request_mac=mac)
    except dns.exception.FormError:
        # dnspython 2.9 takes no answer without a signature, whatever its response code. Without
        # the MAC it takes such a one, and still none whose signature cannot be checked.
        return dns.message.from_wire(wire)


def _read(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ConnectionResetError("it closed the connection")
    return data


def describe(message: dns.message.Message) -> str:
    """Return what *message* asks for, in words."""
    name = message.question[0].name.to_text(omit_final_dot=True)
    if message.opcode() == dns.opcode.UPDATE:
        return f"the update of zone {name}"
    return f"the query for {name} {dns.rdatatype.to_text(message.question[0].rdtype)}"


def _network_sentence(
    server: Server, error: OSError, waiting: Iterable[dns.message.Message]
) -> str:
    why = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
    pending = next(iter(waiting), None)
    if pending is None:
        return (
            f"{server} cannot be reached by TCP ({why}): check the address and port, and that no"
            " firewall drops TCP to it."
        )
    remedy = (
        "the zone is as before or fully changed, run again to finish"
        if pending.opcode() == dns.opcode.UPDATE
        else "run again when it is well"
    )
    return f"{server} left {describe(pending)} unanswered ({why}): {remedy}."


def _answer_sentence(server: Server, error: dns.exception.DNSException) -> str:
    key = "" if server.key is None else server.key.name.to_text()
    if isinstance(error, dns.tsig.PeerBadKey):
        algorithm = server.key.algorithm.to_text(omit_final_dot=True) if server.key else ""
        return (
            f"{server} knows no TSIG key {key} for {algorithm} (BADKEY): compare tsig_name and"
            " tsig_algorithm with the key in the server's configuration."
        )
    if isinstance(error, (dns.tsig.PeerBadSignature, dns.tsig.BadSignature)):
        return (
            f"{server} has another secret for TSIG key {key} (BADSIG): compare tsig_secret with the"
            " key in the server's configuration."
        )
    if isinstance(error, (dns.tsig.PeerBadTime, dns.tsig.BadTime)):
        return (
            f"{server} and this machine disagree about the time by more than five minutes, so TSIG"
            f" key {key} is refused (BADTIME): set both clocks, for example by NTP."
        )
    return f"{server} sends an answer that cannot be used: {error}."


_MEANINGS = {
    "FORMERR": "it cannot read the message: it may be too old for this type of record",
    "SERVFAIL": "it failed by itself: its log says why, often it cannot write the zone's journal",
    "NOTIMP": "it does not do dynamic updates (RFC 2136): use another provider",
    "NOTAUTH": "it is not the primary of this zone: check server, and zones if you set it",
    "NOTZONE": "one of the names lies outside this zone: check zones",
}


def refusal(server: Server, message: dns.message.Message, rcode: dns.rcode.Rcode) -> DnsError:
    """Return the error that says what a response code means here and what to do (RFC 2136 2.2)."""
    text = dns.rcode.to_text(rcode)
    if text != "REFUSED":
        meaning = _MEANINGS.get(text, "its log may say why")
    elif message.opcode() == dns.opcode.UPDATE:
        who = f"TSIG key {server.key.name}" if server.key else "an update without a TSIG key"
        # named's check-integrity is about what a zone has at its own names.
        meaning = (
            f"its policy does not let {who} change these records, or the zone is static, or, with"
            " BIND, the target of an MX or SRV record is in the zone but has no address there"
        )
    else:
        meaning = "it does not serve this zone, or not to this machine: check server"
    return DnsError(f"{server} answers {describe(message)} with {text}: {meaning}.")
