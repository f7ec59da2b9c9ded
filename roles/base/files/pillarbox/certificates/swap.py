# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put keys and certificates in service as one transaction, and verify that they are served.

ALGORITHM.pem.new is a pair to be swapped in, ALGORITHM.pem.old the one that was in service before.
If an old one exists, the transaction is not complete: recover() completes or undoes it.
"""

from __future__ import annotations

import os
import smtplib
import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from pillarbox.certificates.pair import CertificateError, leaf_of, spki
from pillarbox.certificates.ring import Ring
from pillarbox.commands import CommandError, run
from pillarbox.files import TEMPORARY, replace

# Seconds. Old processes of a daemon serve the old certificate until they exit.
RELOADED_WITHIN = 20.0
# The cipher suites that select each algorithm in TLS 1.2.
CIPHERS = {"ecdsa": "ECDHE+aECDSA", "rsa": "ECDHE+aRSA"}
STARTTLS = (25, 587)

Pairs = dict[str, bytes]
Ports = dict[str, list[int]]


class Swap:
    """The swap of pairs in a ring."""

    def __init__(self, ring: Ring, algorithms: list[str], services: Ports, hostname: str) -> None:
        self.ring = ring
        self.algorithms = algorithms
        self.services = services
        self.hostname = hostname

    def run(self, pairs: Pairs) -> None:
        """Put these pairs in service, or keep the former. Raises CertificateError, OSError."""
        self.ring.memory.answering = self._answering(pairs)
        self.ring.remember()
        for algorithm, pair in pairs.items():
            replace(self._new(algorithm), pair)
        for algorithm in pairs:
            self._keep_old(algorithm)
        for algorithm in pairs:
            os.replace(self._new(algorithm), self.ring.served_file(algorithm))
        self._load()

    def commit(self) -> None:
        """Delete the former pairs; after that they cannot be put back."""
        for old in self.ring.directory.glob("*.pem.old"):
            old.unlink()

    def recover(self) -> bool:
        """Complete or undo the swap of a run that was killed; return whether there was one.

        If all pairs were swapped, they only have to be loaded; else the former are put back. The
        caller commits. Raises CertificateError, OSError.
        """
        unfinished = self._unfinished()
        complete = not list(self.ring.directory.glob("*.pem.new"))
        if unfinished and complete:
            self._load()
        elif unfinished:
            self._put_back()
        for pattern in ("*.pem.new", f"{TEMPORARY}*"):
            for left in self.ring.directory.glob(pattern):
                left.unlink()
        return bool(unfinished)

    def _new(self, algorithm: str) -> Path:
        return self.ring.directory / f"{algorithm}.pem.new"

    def _old(self, algorithm: str) -> Path:
        return self.ring.directory / f"{algorithm}.pem.old"

    def _unfinished(self) -> list[str]:
        return [old.name.removesuffix(".pem.old") for old in self.ring.directory.glob("*.pem.old")]

    def _keep_old(self, algorithm: str) -> None:
        """Keep the pair in service, as an empty file if there is none."""
        replace(self._old(algorithm), self.ring.served(algorithm) or b"")

    def _put_back(self) -> None:
        """Put the former pairs back; the copies stay until the daemons have loaded them."""
        unfinished = self._unfinished()
        new = [name for name in unfinished if not self._old(name).stat().st_size]
        stay = [name for name in self.ring.paired() if name not in new]
        self.ring.place(self.algorithms, stay)
        for algorithm in unfinished:
            waiting = self._new(algorithm)
            waiting.unlink(missing_ok=True)
            if algorithm not in new:
                # A link works on a full disk too.
                os.link(self._old(algorithm), waiting)
                os.replace(waiting, self.ring.served_file(algorithm))
                # rename(2) does nothing if both are the same file, as after a kill right here.
                waiting.unlink(missing_ok=True)
            elif not stay:
                self.ring.served_file(algorithm).unlink(missing_ok=True)
        self._reload()
        self.commit()

    def _load(self) -> None:
        self.ring.place(self.algorithms, self.ring.paired())
        try:
            self._reload()
            self._see()
        except CertificateError as error:
            self._put_back()
            raise CertificateError(f"{error}; the former certificate is back in service") from error

    def _reload(self) -> None:
        try:
            run("systemctl", "try-reload-or-restart", *self.services)
        except CommandError as error:
            raise CertificateError(
                f"{' or '.join(self.services)} could not be reloaded; see systemctl status"
            ) from error

    def _answering(self, algorithms: Iterable[str]) -> list[tuple[int, str]]:
        """Return the ports that serve a key of the ring now, and so must serve the new pair.

        The others need not: on a new host, while a daemon is down, or while it still has Debian's
        configuration.
        """
        found, ours = [], self.ring.spkis()
        for port in (port for ports in self.services.values() for port in ports):
            for algorithm in algorithms:
                # A foreign certificate may be of an unsupported kind.
                with suppress(OSError, smtplib.SMTPException, ValueError, UnsupportedAlgorithm):
                    der = certificate_at(port, algorithm, self.hostname)
                    if spki(x509.load_der_x509_certificate(der).public_key()) in ours:
                        found.append((port, algorithm))
        return found

    def _see(self) -> None:
        """Verify that each port serves the pair in its file. Raises CertificateError."""
        deadline = time.monotonic() + RELOADED_WITHIN
        for port, algorithm in self.ring.memory.answering:
            pair = self.ring.served(algorithm)
            if pair is None:  # put back to none
                continue
            wanted = leaf_of(pair).public_bytes(Encoding.DER)
            while True:
                try:
                    if certificate_at(port, algorithm, self.hostname) == wanted:
                        break
                    why = "another certificate is served"
                except (OSError, smtplib.SMTPException) as error:
                    why = f"there is no answer ({error})"
                if time.monotonic() > deadline:
                    raise CertificateError(
                        f"with the new {algorithm} certificate, {why} on port {port}"
                    )
                time.sleep(0.5)


def certificate_at(port: int, algorithm: str, hostname: str) -> bytes:
    """Return the certificate in DER that a client of this host gets for an algorithm.

    Raises OSError (such as ssl.SSLError) or SMTPException if it gets none.
    """
    context: Any = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The certificate is compared, not trusted.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS[algorithm])
    if port in STARTTLS:
        with smtplib.SMTP("127.0.0.1", port, hostname, timeout=5) as session:
            session.starttls(context=context)
            return bytes(session.sock.getpeercert(True))  # type: ignore[union-attr]
    with (
        socket.create_connection(("127.0.0.1", port), 5) as connection,
        context.wrap_socket(connection, server_hostname=hostname) as tls,
    ):
        return bytes(tls.getpeercert(True))
