# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Obtain the certificates that are due and put them to work, all or nothing per algorithm.

The systemd timer and the module acme_certificate run it. acme.sh is only the ACME client: each
order starts in an empty certificate home and has the CSR of our own key signed, so a failed order
can neither use up a key nor leave anything that a later one would trip over.

Prints one JSON object: "due" (algorithm to the reason why) and "issued" (algorithms).
Exit status: 0 done or nothing due, 1 failed (one sentence on standard error; what was served before
is served on).
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

CONFIG = Path("/etc/pillarbox/certificates.json")
LOCK = Path("/run/pillarbox-certificates.lock")


class CertificateError(Exception):
    """A certificate that must not be served, or an order that failed."""


def spki(public_key: Any) -> bytes:
    """The DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), which TLSA records pin."""
    der: bytes = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der


def validity(leaf: x509.Certificate) -> tuple[datetime, datetime]:
    """Begin and end of validity in UTC, which cryptography before 42 has without a zone."""
    if hasattr(leaf, "not_valid_after_utc"):
        return leaf.not_valid_before_utc, leaf.not_valid_after_utc
    return (
        leaf.not_valid_before.replace(tzinfo=UTC),
        leaf.not_valid_after.replace(tzinfo=UTC),
    )


def first_certificate(pem: bytes) -> x509.Certificate:
    """The leaf of a chain, which comes first (RFC 8555 section 9.1).

    Raises CertificateError when there is none.
    """
    begin = pem.find(b"-----BEGIN CERTIFICATE-----")
    if begin < 0:
        raise CertificateError("holds no certificate")
    try:
        return x509.load_pem_x509_certificate(pem[begin:])
    except ValueError as error:
        raise CertificateError(f"holds no readable certificate ({error})") from error


def why_unfit(chain: bytes, key: bytes, names: list[str]) -> str | None:
    """Say why a chain must not be served with this key now, or None when all is well."""
    try:
        leaf = first_certificate(chain)
    except CertificateError as error:
        return str(error)
    if spki(leaf.public_key()) != spki(load_pem_private_key(key, None).public_key()):
        return "is for another key"
    try:
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        held = set(san.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        held = set()
    missing = [name for name in names if name not in held]
    if missing:
        return f"is not for {', '.join(missing)}"
    begin, end = validity(leaf)
    # A CA may date a certificate a moment ahead of this host's clock.
    if not begin - timedelta(minutes=5) <= datetime.now(UTC) < end:
        return f"is valid only from {begin} to {end}; look at this host's clock"
    return None


def why_due(served: Path, key: bytes, config: dict[str, Any]) -> str | None:
    """Say why the served pair must be replaced, or None while it is good."""
    if not served.exists():
        return "there is none yet"
    pem = served.read_bytes()
    reason = why_unfit(pem, key, config["names"])
    if reason is None:
        begin, end = validity(first_certificate(pem))
        # A third of the lifetime is the most: a certificate of six days is not due on its first.
        margin = min(timedelta(days=config["renew_days"]), (end - begin) / 3)
        left = end - datetime.now(UTC)
        if left < margin:
            reason = f"ends in {left.days} days"
    return reason and f"the one in {served} {reason}"


def order(algorithm: str, config: dict[str, Any]) -> bytes:
    """Have the CA sign the CSR of the current key and return the chain.

    Raises CertificateError with the last lines of acme.sh.
    """
    name = config["names"][0]
    csr = Path(config["tls_dir"]) / f"{algorithm}-current.csr"
    with tempfile.TemporaryDirectory(prefix="pillarbox-") as cert_home:
        # Without --dnssleep acme.sh would poll public resolvers over HTTPS for the challenge.
        command = ["acme.sh", "--config-home", config["acme_home"], "--cert-home", cert_home,
                   "--sign-csr", "--csr", str(csr), "--server", config["server"],
                   "--dns", config["dns_api"], "--dnssleep", str(config["dns_sleep"]),
                   "--force"]  # fmt: skip
        run = subprocess.run(
            command,
            # acme.sh looks below $HOME, which a systemd service has not.
            env={"HOME": "/root", **os.environ, **config["environment"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            umask=0o077,
            check=False,
        )
        chains = list(Path(cert_home).glob(f"{name}*/fullchain.cer"))
        if run.returncode != 0 or len(chains) != 1:
            log = " | ".join(run.stdout.strip().splitlines()[-5:])
            raise CertificateError(
                f"{config['server']} issued no {algorithm} certificate for {name}: {log}"
            )
        return chains[0].read_bytes()


def replace(path: Path, content: bytes) -> None:
    """Write a file that only root can read, in one step (rename(2))."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def renew(config: dict[str, Any], check: bool) -> dict[str, Any]:
    """Order, verify and serve each certificate that is due; with check only say which are.

    Raises CertificateError at the first that fails; those before it are in service by then.
    """
    directory = Path(config["tls_dir"])
    # There while something was replaced that the daemons have not loaded, also by a run that died.
    unloaded = directory / "unloaded"
    due: dict[str, str] = {}
    issued: list[str] = []
    failure: CertificateError | None = None
    for algorithm in config["algorithms"]:
        served = directory / f"{algorithm}.pem"
        key_file = directory / f"{algorithm}-current.key"
        if check and not key_file.exists():
            due[algorithm] = "its key does not exist yet"
            continue
        key = key_file.read_bytes()
        reason = why_due(served, key, config)
        if reason is None:
            continue
        due[algorithm] = reason
        if check:
            continue
        try:
            chain = order(algorithm, config)
            unfit = why_unfit(chain, key, config["names"])
            if unfit:
                raise CertificateError(
                    f"the {algorithm} certificate that {config['server']} issued {unfit}; "
                    "it is not used"
                )
        except CertificateError as error:
            failure = error
            break
        unloaded.touch()
        replace(served, key.rstrip(b"\n") + b"\n" + chain)
        issued.append(algorithm)
    if unloaded.exists() and not check:
        subprocess.run(["systemctl", "try-reload-or-restart", *config["reload"]], check=True)
        unloaded.unlink()
    if failure:
        raise failure
    return {"due": due, "issued": issued}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say what is due")
    parser.add_argument(
        "--config", type=argparse.FileType(), default=str(CONFIG), help="- for stdin"
    )
    arguments = parser.parse_args()
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            print(json.dumps(renew(json.load(arguments.config), arguments.check)))
        except (CertificateError, OSError, ValueError, subprocess.CalledProcessError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
