# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchange many DNS messages with one server over one TCP connection, and explain its errors."""

from __future__ import annotations

import base64
import binascii
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError

with suppress(ImportError):  # dns_records reports what to install
    import dns.exception
    import dns.message
    import dns.name
    import dns.opcode
    import dns.rcode
    import dns.rdatatype
    import dns.tsig

# Unanswered messages at a time. Servers may answer in any order (RFC 7766 section 6.2.1.1). The
# limit is low enough that neither side's socket buffer fills up while the other one writes.
IN_FLIGHT = 64


@dataclass(frozen=True)
class Server:
    """A name server: its title in messages, its address, and its TSIG key (RFC 8945)."""

    title: str
    address: str
    port: int = 53
    key: dns.tsig.Key | None = None
    timeout: float = 10.0  # seconds to connect, and for each answer

    def __str__(self) -> str:
        port = "" if self.port == 53 else f" port {self.port}"
        where = "" if self.title == self.address else f" ({self.address})"
        return f"{self.title}{where}{port}"


def tsig_key(name: str, secret: str, algorithm: str) -> dns.tsig.Key:
    """Return the TSIG key for these settings. Raises DnsError."""
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
    """Send *messages* to *server*, pipelined, and return each with its response, in order.

    Raises DnsError when the server is unreachable, does not answer, or the keys do not match; the
    caller evaluates response codes. Each message is signed when it is sent, because the signature
    contains the time. An unsigned answer to a signed message is rejected (RFC 8945 section 5.3).
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
    except (socket.gaierror, UnicodeError) as error:  # UnicodeError: not a valid host name
        why = error.strerror if isinstance(error, socket.gaierror) else error
        raise DnsError(
            f"This machine cannot resolve the name of server {server} ({why}): give its address."
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
    """Read one response, and move its message, found by the ID, from *waiting* to *responses*."""
    wire = _read(stream, int.from_bytes(_read(stream, 2), "big"))
    message = waiting.get(int.from_bytes(wire[:2], "big"))
    if message is None:
        raise DnsError(f"{server} sent an answer to no query of ours.")
    response = _parse(wire, server.key, message.mac or b"")
    if not message.is_response(response):
        raise DnsError(f"{server} sent an answer that does not match {describe(message)}.")
    if server.key and not response.had_tsig and response.rcode() in _TO_BE_SIGNED:
        raise DnsError(
            f"{server} answers {describe(message)} without a signature: something on the way"
            " strips the TSIG record, or the server does not support TSIG."
        )
    del waiting[message.id]
    responses[id(message)] = response


# A server that refuses a request before it has checked the key does not sign the refusal.
_TO_BE_SIGNED = (0, 3)  # NOERROR, NXDOMAIN


def _parse(wire: bytes, key: dns.tsig.Key | None, mac: bytes) -> dns.message.Message:
    try:
        return dns.message.from_wire(wire, keyring=key, request_mac=mac)
    except dns.exception.FormError:
        # dnspython 2.9 rejects any unsigned answer, whatever its response code. Without the key it
        # accepts one, and still rejects a signature that it cannot verify.
        return dns.message.from_wire(wire)


def _read(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ConnectionResetError("it closed the connection")
    return data


def describe(message: dns.message.Message) -> str:
    """Return a description of *message* for error messages."""
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
        "the zone is unchanged or fully changed; run again to finish"
        if pending.opcode() == dns.opcode.UPDATE
        else "run again when the server works"
    )
    return f"{server} did not answer {describe(pending)} ({why}): {remedy}."


def _answer_sentence(server: Server, error: dns.exception.DNSException) -> str:
    key = "" if server.key is None else server.key.name.to_text()
    if isinstance(error, dns.tsig.PeerBadKey):
        algorithm = server.key.algorithm.to_text(omit_final_dot=True) if server.key else ""
        return (
            f"{server} has no TSIG key {key} for {algorithm} (BADKEY): compare tsig_name and"
            " tsig_algorithm with the key in the server's configuration."
        )
    if isinstance(error, (dns.tsig.PeerBadSignature, dns.tsig.BadSignature)):
        return (
            f"{server} has a different secret for TSIG key {key} (BADSIG): compare tsig_secret with"
            " the key in the server's configuration."
        )
    if isinstance(error, (dns.tsig.PeerBadTime, dns.tsig.BadTime)):
        return (
            f"The clocks of {server} and this machine differ by more than five minutes, so TSIG"
            f" key {key} is refused (BADTIME): set both clocks, for example with NTP."
        )
    return f"{server} sent an invalid answer: {error}."


_MEANINGS = {
    "FORMERR": "it cannot parse the message: it may be too old for this record type",
    "SERVFAIL": "an internal error: see its log; often it cannot write the zone's journal",
    "NOTIMP": "it does not support dynamic updates (RFC 2136): use another provider",
    "NOTAUTH": "it is not the primary of this zone: check server, and zones if you set it",
    "NOTZONE": "one of the names is outside this zone: check zones",
}


def refusal(server: Server, message: dns.message.Message, rcode: dns.rcode.Rcode) -> DnsError:
    """Return an error that explains a response code (RFC 2136 section 2.2) and the remedy."""
    text = dns.rcode.to_text(rcode)
    if text != "REFUSED":
        meaning = _MEANINGS.get(text, "see its log")
    elif message.opcode() == dns.opcode.UPDATE:
        who = f"TSIG key {server.key.name}" if server.key else "an update without a TSIG key"
        # BIND's check-integrity: MX and SRV targets within the zone must have addresses.
        meaning = (
            f"its policy does not let {who} change these records, or the zone is static, or, with"
            " BIND, the target of an MX or SRV record is in the zone but has no address there"
        )
    else:
        meaning = "it does not serve this zone, or not to this machine; check server"
    return DnsError(f"{server} answers {describe(message)} with {text}: {meaning}.")
