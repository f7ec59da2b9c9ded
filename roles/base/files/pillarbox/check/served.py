# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that the ports serve, compared with those on disk and with TLSA records."""

from __future__ import annotations

import hashlib
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import product
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from pillarbox import lookup
from pillarbox.certificates.pair import BEGIN, DIGESTS, digest, key_spki, leaf_of
from pillarbox.certificates.ring import ROLES
from pillarbox.check.each import each
from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import Address, Settings, ask

# How TLS begins; implicitly if not listed.
STARTTLS = {25: "smtp", 587: "smtp", 4190: "sieve"}
DAEMONS = {25: "postfix", 465: "postfix", 587: "postfix", 443: "nginx"}
# A client that accepts only these signatures gets the certificate of that algorithm.
SIGNATURES = {
    "ecdsa": "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512",
    "rsa": "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512",
}
# Seconds for a handshake; postscreen(8) lets a new client wait for six.
PATIENCE = 20


def certificates(settings: Settings) -> Iterator[Finding]:
    """Check that each port serves the certificate of each algorithm that is on disk."""
    leaves = _leaves(settings)
    doors = list(product(settings.base["ports"], settings.doors))
    closed = list(each("port", doors, lambda door: _closed(*door), lambda door: _door(*door)))
    yield from closed
    shut = {finding.subject for finding in closed}
    wanted = [
        (port, address, algorithm)
        for (port, address), algorithm in product(doors, leaves)
        if _door(port, address) not in shut
    ]
    compare = partial(_certificate, settings.hostname, leaves)
    yield from each("certificate served", wanted, lambda one: compare(*one), lambda one: _of(*one))


def _door(port: int, address: Address) -> str:
    return f"{port}, IPv{address.version}"


def _of(port: int, address: Address, algorithm: str) -> str:
    return f"port {_door(port, address)}, {algorithm}"


def _closed(port: int, address: Address) -> Finding | None:
    """Return a finding if nothing listens on a port."""
    try:
        with socket.create_connection((str(address), port), PATIENCE):
            return None
    except TimeoutError:
        return Finding("port", _door(port, address), UNKNOWN, f"no answer in {PATIENCE} s")
    except OSError as error:
        found = error.strerror or str(error)
        return Finding("port", _door(port, address), CRITICAL, found, "open", restart(port))


def restart(port: int) -> str:
    """Return how to start what listens on a port."""
    daemon = DAEMONS.get(port, "dovecot")
    return f"journalctl -eu {daemon} shows why; then systemctl restart {daemon}"


def _leaves(settings: Settings) -> dict[str, bytes]:
    """Return the certificate of each algorithm on disk that is in service, in DER."""
    acme = settings.parts["acme_sh"]
    files = {name: Path(acme["tls_dir"], f"{name}.pem") for name in acme["algorithms"]}
    # Until there is one, the file is empty, or a link to that of another algorithm.
    return {
        name: _der(file.read_bytes())
        for name, file in files.items()
        if file.exists() and not file.is_symlink() and file.stat().st_size
    }


def _der(pem: bytes) -> bytes:
    """Return the first certificate of a file or of a printed chain. Raises CertificateError."""
    return leaf_of(pem).public_bytes(Encoding.DER)


def _certificate(
    hostname: str, leaves: dict[str, bytes], port: int, address: Address, algorithm: str
) -> Finding:
    subject = _of(port, address, algorithm)

    def finding(status: str, found: str, remedy: str = "") -> Finding:
        wanted = "the certificate on disk"
        return Finding("certificate served", subject, status, found, wanted, remedy)

    try:
        printed = handshake(hostname, address, port, "-sigalgs", SIGNATURES[algorithm])
    except subprocess.TimeoutExpired:
        return finding(UNKNOWN, f"no handshake in {PATIENCE} s")
    if BEGIN not in printed:
        if words := _puts_off(port, address):
            return finding(UNKNOWN, f"STARTTLS is put off: {words}")
        return finding(CRITICAL, f"no {algorithm} certificate", restart(port))
    served, leaf = _der(printed), leaves[algorithm]
    if served == leaf:
        return Finding("certificate served", subject, OK, _fingerprint(leaf))
    text = f"another certificate, {_fingerprint(served)} instead of {_fingerprint(leaf)}"
    return finding(CRITICAL, text, f"systemctl reload {DAEMONS.get(port, 'dovecot')}")


def _fingerprint(der: bytes) -> str:
    return f"SHA-256 {hashlib.sha256(der).hexdigest()[:16]}…"


def handshake(name: str, address: Address, port: int, *options: str) -> bytes:
    """Return what "openssl s_client" prints. Raises subprocess.TimeoutExpired."""
    host = f"[{address}]" if address.version == 6 else str(address)
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-servername", name, *options]
    if port in STARTTLS:
        command += ["-starttls", STARTTLS[port], "-name", "localhost"]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=PATIENCE
    ).stdout


def _puts_off(port: int, address: Address) -> str:
    """Return the words with which Postfix puts TLS off, as while its filter is down; else empty."""
    if STARTTLS.get(port) == "smtp":
        with (
            suppress(OSError, smtplib.SMTPException),
            smtplib.SMTP(str(address), port, "localhost", PATIENCE) as session,
        ):
            session.ehlo()
            code, said = session.docmd("STARTTLS")
            if 400 <= code < 500:
                return f"{code} {said.decode(errors='replace')}"
    return ""


def old_protocols(settings: Settings) -> Iterator[Finding]:
    """Check that no port speaks TLS 1.1, which RFC 8996 forbids."""
    doors = [(port, address) for port in settings.base["ports"] for address in settings.doors[:1]]
    return each(
        "old TLS",
        doors,
        lambda door: _old_protocol(settings.hostname, *door),
        lambda door: f"port {door[0]}",
    )


def _old_protocol(hostname: str, port: int, address: Address) -> Finding:
    options = ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    subject = f"port {port}"
    try:
        printed = handshake(hostname, address, port, *options)
    except subprocess.TimeoutExpired:
        return Finding("old TLS", subject, UNKNOWN, f"no handshake in {PATIENCE} s")
    if BEGIN not in printed:
        return Finding("old TLS", subject, OK, "refuses TLS 1.1")
    remedy = "remove what sets it from postfix_settings, dovecot_extra or nginx_extra"
    wanted = "TLS 1.2 and newer"
    return Finding("old TLS", subject, WARNING, "accepts TLS 1.1", wanted, remedy)


def tlsa(settings: Settings) -> Iterator[Finding]:
    """Check that the TLSA records include each key that is served, and each that will be.

    A sender may use the strongest matching type only, so each must include the key (RFC 7671
    sections 8 and 9).
    """
    host = settings.hostname
    if not ask(host, "A").secure and not ask(host, "AAAA").secure:
        found = f"{host} is not signed with DNSSEC, so senders ignore its TLSA records"
        yield Finding("TLSA", host, NOTE, found, "a signed zone")
        return
    keys = _keys(settings)

    def find(port: int) -> Finding:
        return _tlsa(port, ask(f"_{port}._tcp.{host}", "TLSA"), keys, settings.publish)

    yield from each("TLSA", settings.base["tlsa_ports"], find, lambda port: f"port {port}")


def _keys(settings: Settings) -> dict[str, bytes]:
    """Return the public half of each key of the ring, by its name."""
    acme = settings.parts["acme_sh"]
    files = {
        f"the {role} {algorithm} key": Path(acme["tls_dir"], f"{algorithm}-{role}.key")
        for algorithm, role in product(acme["algorithms"], ROLES)
    }
    return {name: key_spki(file.read_bytes()) for name, file in files.items() if file.exists()}


def _tlsa(port: int, answer: lookup.Answer, keys: dict[str, bytes], publish: str) -> Finding:
    subject = f"port {port}"

    def finding(status: str, found: str, remedy: str = publish) -> Finding:
        return Finding("TLSA", subject, status, found, "all keys of the ring", remedy)

    if not answer.records:
        return finding(WARNING, "no records")
    if not answer.secure:
        return finding(NOTE, "not signed with DNSSEC, so senders ignore them", "")
    # Senders choose among the matching types of each usage and selector.
    ours = [record for record in answer.records if (record.usage, record.selector) == (3, 1)]
    values = {(record.mtype, record.cert.hex()) for record in ours}
    kinds = {kind for kind, _value in values if kind in DIGESTS}
    lacking = [
        name
        for name, key in keys.items()
        if not kinds or any((kind, digest(key, kind)) not in values for kind in kinds)
    ]
    served = [name for name in lacking if "current" in name]
    waiting = [name for name in lacking if "next" in name]
    if served and port == 25:
        names = ", ".join(served)
        found = f"{names} missing: senders that verify DANE do not deliver mail here"
        return finding(CRITICAL, found, publish)
    if served or waiting:
        return finding(WARNING, f"{', '.join([*served, *waiting])} missing")
    known = {digest(key, kind) for key in keys.values() for kind in DIGESTS}
    if strange := [record for record in answer.records if record.cert.hex() not in known]:
        found = f"all keys, and {len(strange)} that are not in the ring"
        return finding(NOTE, found, "remove the records that are not those of site.yml")
    return Finding("TLSA", subject, OK, f"all keys, {len(answer.records)} records")
