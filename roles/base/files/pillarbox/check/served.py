# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that the ports serve, compared with those on disk and with TLSA records."""

from __future__ import annotations

import hashlib
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from pillarbox import lookup
from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import Settings, ask

# How TLS begins; implicitly if not listed.
STARTTLS = {25: "smtp", 587: "smtp", 4190: "sieve"}
DAEMONS = {25: "postfix", 465: "postfix", 587: "postfix", 443: "nginx"}
# A client that accepts only these signatures gets the certificate of that algorithm.
SIGNATURES = {
    "ecdsa": "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512",
    "rsa": "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512",
}
LOOPBACK = {"IPv4": "127.0.0.1", "IPv6": "[::1]"}
# Seconds for a handshake.
PATIENCE = 15
PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)
HASHES = {1: hashlib.sha256, 2: hashlib.sha512}


def certificates(settings: Settings) -> Iterator[Finding]:
    """Check that each port serves the certificate of each algorithm that is on disk."""
    leaves = _leaves(settings)
    for port in settings.ports:
        for family, host in LOOPBACK.items():
            if family == "IPv6" and not Path("/proc/net/if_inet6").exists():
                continue
            if closed := _closed(port, family, host):
                yield closed
                continue
            for algorithm, leaf in leaves.items():
                yield _certificate(settings, port, algorithm, leaf, family, host)


def _closed(port: int, family: str, host: str) -> Finding | None:
    """Return a finding if nothing listens on a port."""
    try:
        with socket.create_connection((host.strip("[]"), port), PATIENCE):
            return None
    except TimeoutError:
        return Finding("port", f"{port}, {family}", UNKNOWN, f"no answer in {PATIENCE} s")
    except OSError as error:
        daemon = DAEMONS.get(port, "dovecot")
        see = f"journalctl -eu {daemon} shows why; then systemctl restart {daemon}"
        found = error.strerror or str(error)
        return Finding("port", f"{port}, {family}", CRITICAL, found, "open", see)


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
    """Return the first certificate of a file or a printed chain."""
    found = PEM.search(pem)
    if not found:
        raise ValueError("there is no certificate")
    return x509.load_pem_x509_certificate(found[0]).public_bytes(Encoding.DER)


def _certificate(
    settings: Settings, port: int, algorithm: str, leaf: bytes, family: str, host: str
) -> Finding:
    subject = f"port {port}, {algorithm}, {family}"
    daemon = DAEMONS.get(port, "dovecot")

    def finding(status: str, found: str, remedy: str = "") -> Finding:
        wanted = "the certificate on disk"
        return Finding("certificate served", subject, status, found, wanted, remedy)

    try:
        printed = handshake(settings.hostname, host, port, "-sigalgs", SIGNATURES[algorithm])
    except subprocess.TimeoutExpired:
        return finding(UNKNOWN, f"no handshake in {PATIENCE} s")
    match = PEM.search(printed)
    if not match:
        see = f"journalctl -eu {daemon} shows why; then systemctl restart {daemon}"
        return finding(CRITICAL, f"no {algorithm} certificate", see)
    served = _der(match[0])
    if served == leaf:
        return Finding("certificate served", subject, OK, _fingerprint(leaf))
    text = f"another certificate, {_fingerprint(served)} instead of {_fingerprint(leaf)}"
    return finding(CRITICAL, text, f"systemctl reload {daemon}")


def _fingerprint(der: bytes) -> str:
    return f"SHA-256 {hashlib.sha256(der).hexdigest()[:16]}…"


def handshake(name: str, host: str, port: int, *options: str) -> bytes:
    """Return what "openssl s_client" prints. Raises subprocess.TimeoutExpired."""
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-servername", name, *options]
    if port in STARTTLS:
        command += ["-starttls", STARTTLS[port], "-name", "localhost"]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=PATIENCE
    ).stdout


def old_protocols(settings: Settings) -> Iterator[Finding]:
    """Check that no port speaks TLS 1.1, which RFC 8996 forbids."""
    for port in settings.ports:
        options = ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        try:
            printed = handshake(settings.hostname, "127.0.0.1", port, *options)
        except subprocess.TimeoutExpired:
            yield Finding("old TLS", f"port {port}", UNKNOWN, f"no handshake in {PATIENCE} s")
            continue
        if b"BEGIN CERTIFICATE" not in printed:
            yield Finding("old TLS", f"port {port}", OK, "refuses TLS 1.1")
            continue
        remedy = "set mail_tls_profile to modern, and run site.yml"
        yield Finding(
            "old TLS", f"port {port}", WARNING, "accepts TLS 1.1", "TLS 1.2 and newer", remedy
        )


def tlsa(settings: Settings) -> Iterator[Finding]:
    """Check that the TLSA records include each key that is served, and each that will be.

    A sender may use the strongest matching type only, so each must include the key (RFC 7671
    sections 8 and 9).
    """
    if not ask(settings.hostname, "A").secure and not ask(settings.hostname, "AAAA").secure:
        found = f"{settings.hostname} is not signed with DNSSEC, so senders ignore its TLSA records"
        yield Finding("TLSA", settings.hostname, NOTE, found, "a signed zone")
        return
    keys = _keys(settings)
    for port in settings.ports:
        name = f"_{port}._tcp.{settings.hostname}"
        try:
            yield _tlsa(port, ask(name, "TLSA"), keys)
        except lookup.Unknown as error:
            yield Finding("TLSA", f"port {port}", UNKNOWN, str(error))


def _keys(settings: Settings) -> dict[str, bytes]:
    """Return the public half of each key, in the format that TLSA records pin (RFC 6698)."""
    acme = settings.parts["acme_sh"]
    keys = {}
    for algorithm in acme["algorithms"]:
        for role in ("current", "next"):
            file = Path(acme["tls_dir"], f"{algorithm}-{role}.key")
            if file.exists():
                key: Any = load_pem_private_key(file.read_bytes(), None)
                keys[f"the {role} {algorithm} key"] = key.public_key().public_bytes(
                    Encoding.DER, PublicFormat.SubjectPublicKeyInfo
                )
    return keys


def _tlsa(port: int, answer: lookup.Answer, keys: dict[str, bytes]) -> Finding:
    subject, publish = f"port {port}", "run site.yml at once, which publishes them"

    def finding(status: str, found: str, remedy: str = publish) -> Finding:
        return Finding("TLSA", subject, status, found, "all keys of the ring", remedy)

    if not answer.records:
        return finding(WARNING, "no records")
    if not answer.secure:
        return finding(NOTE, "not signed with DNSSEC, so senders ignore them", "")
    ours = [record for record in answer.records if (record.usage, record.selector) == (3, 1)]
    types = {record.mtype for record in answer.records if record.mtype in HASHES}
    lacking = [
        name
        for name, key in keys.items()
        if not types
        or any(
            HASHES[kind](key).digest() not in [r.cert for r in ours if r.mtype == kind]
            for kind in types
        )
    ]
    if any("current" in name for name in lacking):
        return finding(
            CRITICAL, f"{', '.join(lacking)} missing: senders that verify DANE do not deliver"
        )
    if lacking:
        return finding(WARNING, f"{', '.join(lacking)} missing")
    known = {HASHES[kind](key).digest() for key in keys.values() for kind in HASHES}
    if strange := [record for record in answer.records if record.cert not in known]:
        return finding(NOTE, f"all keys, and {len(strange)} that are not in the ring")
    return Finding("TLSA", subject, OK, f"all keys, {len(answer.records)} records")
