# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where certificates come from: an ACME server by acme.sh, the settings, or the key itself."""

from __future__ import annotations

import os
import re
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from pillarbox.certificates.pair import CertificateError, why_broken, why_due, why_unfit
from pillarbox.certificates.ring import now
from pillarbox.commands import CommandError, CommandTimeout, run
from pillarbox.files import read


def obtain_pair(algorithm: str, key: bytes, config: dict[str, Any]) -> bytes:
    """Return a key with a chain for it that may be served. Raises CertificateError."""
    chain = obtain(algorithm, key, config)
    pair = key.rstrip(b"\n") + b"\n" + chain
    unfit = why_unfit(chain, key, config["names"]) or why_broken(chain)
    unfit = unfit or why_due(pair, key, config)
    if unfit:
        raise CertificateError(
            f"the {algorithm} certificate from {config['issuer']} {unfit}; it is not used"
        )
    return pair


def obtain(algorithm: str, key: bytes, config: dict[str, Any]) -> bytes:
    """Return a chain in PEM for this key, leaf first. Raises CertificateError."""
    sources = {"acme": _acme, "files": _provided, "self_signed": _self_signed}
    return sources[config["source"]](algorithm, key, config)


def _names(config: dict[str, Any]) -> tuple[x509.Name, x509.SubjectAlternativeName]:
    # A common name has at most 64 characters (RFC 5280 appendix A.1); an empty subject is valid.
    common = [name for name in config["names"][:1] if len(name) <= 64]
    return (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common]),
        x509.SubjectAlternativeName([x509.DNSName(name) for name in config["names"]]),
    )


def _acme(algorithm: str, key: bytes, config: dict[str, Any]) -> bytes:
    """Have the CA sign a CSR for the key, which acme.sh never sees.

    In an empty certificate home and with an empty account.conf, so that no request, credential or
    option of an earlier run is reused, mixed up or left behind. The account itself is in acme_home.
    """
    subject, san = _names(config)
    request = x509.CertificateSigningRequestBuilder(subject).add_extension(san, critical=False)
    private_key: Any = load_pem_private_key(key, None)
    with tempfile.TemporaryDirectory(prefix="pillarbox-") as home:
        csr = Path(home, "request.csr")
        csr.write_bytes(request.sign(private_key, hashes.SHA256()).public_bytes(Encoding.PEM))
        command = ["acme.sh", "--config-home", config["acme_home"], "--cert-home", home,
                   "--accountconf", f"{home}/account.conf", "--server", config["server"],
                   "--sign-csr", "--csr", str(csr), *config["challenge"], "--force"]  # fmt: skip
        if "--standalone" in command and Path("/proc/net/if_inet6").exists():
            # On both protocols; by default it does not listen on IPv6.
            command.append("--listen-v6")
        try:
            printed = run(
                *command,
                merge=True,
                env={
                    # acme.sh needs it, and a systemd service lacks it.
                    "HOME": "/root",
                    # By default a file in acme_home, which orders at the same time would share.
                    "HTTP_HEADER": f"{home}/http.header",
                    **os.environ,
                    **config["environment"],
                },
                umask=0o077,
                timeout=config["patience"],
            ).decode(errors="replace")
        except CommandTimeout as error:
            raise CertificateError(
                f"{config['server']} issued no {algorithm} certificate in {config['patience']} s; "
                "it or a name server does not respond; the next run retries"
            ) from error
        except CommandError as error:
            raise CertificateError(_why_none(algorithm, config, error.output)) from error
        chains = list(Path(home).glob("*/fullchain.cer"))
        if len(chains) != 1:
            raise CertificateError(_why_none(algorithm, config, printed))
        return chains[0].read_bytes()


def _why_none(algorithm: str, config: dict[str, Any], printed: str) -> str:
    lines = [re.sub(r"^\[[^]]*\] ", "", line) for line in printed.splitlines()]
    return f"{config['server']} issued no {algorithm} certificate for {config['names'][0]}: " + (
        " | ".join(lines[-5:]) or "acme.sh printed nothing"
    )


def _provided(algorithm: str, _key: bytes, config: dict[str, Any]) -> bytes:
    file = Path(config["tls_dir"], f"{algorithm}-provided.pem")
    chain = read(file)
    if chain is None:
        raise CertificateError(f"{file} is missing: set mail_tls_provided.{algorithm}.chain")
    return chain


def _self_signed(_algorithm: str, key: bytes, config: dict[str, Any]) -> bytes:
    """Good for DANE-EE, which ignores issuer and dates (RFC 7672 section 3.1.1)."""
    subject, san = _names(config)
    private_key: Any = load_pem_private_key(key, None)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now())
        .not_valid_after(now() + timedelta(days=365))
        .add_extension(san, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    return certificate.sign(private_key, hashes.SHA256()).public_bytes(Encoding.PEM)
