# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings, keys and the records that they give."""

from __future__ import annotations

import subprocess

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SETTINGS = {"hostname": "mx.example.org", "domains": {"example.org": {}}}


def key(algorithm="ecdsa", role="current"):
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"algorithm": algorithm, "role": role, "public_key": pem}


def digest(tls_key, algorithm):
    """Return the digest computed by openssl, as an independent check."""
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"],
        input=tls_key["public_key"].encode(),
        capture_output=True,
        check=True,
    ).stdout
    done = subprocess.run(
        ["openssl", "dgst", f"-{algorithm}", "-r"], input=der, capture_output=True, check=True
    )
    return done.stdout.decode().split()[0]


def table(records, state="present"):
    return {(r["name"], r["type"]): r["values"] for r in records if r["state"] == state}


def with_domain(**domain):
    return {**SETTINGS, "domains": {"example.org": domain}}
