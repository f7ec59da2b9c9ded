# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pillarbox.certificates.pair import (
    CertificateError,
    digest,
    key_spki,
    left,
    why_broken,
    why_due,
    why_unfit,
)

from .chains import CA_KEY, KEY, NAMES, OTHER_KEY, authority, certificate, issued

CONFIG: dict[str, Any] = {"names": list(NAMES), "renew_days": 30}


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        (certificate(), None),
        (certificate(names=["mx.example.org", "more.example.org"]), None),
        # The CA's clock is ahead of this host's by less than five minutes, or by an hour.
        (certificate(begin=4 / 1440), None),
        (certificate(begin=60 / 1440), "is valid only from"),
        (certificate() + certificate(OTHER_KEY), None),
        (certificate(OTHER_KEY), "is for another key"),
        (certificate(OTHER_KEY) + certificate(), "is for another key"),
        (certificate(names=["MX.example.org"]), None),
        (certificate(names=["*.example.org"]), None),
        (certificate(names=["*.org"]), "is not for mx.example.org"),
        (certificate(names=["other.example.org"]), "is not for mx.example.org"),
        (certificate(names=[]), "is not for mx.example.org"),
        (certificate(end=-1), "is valid only from"),
        (certificate(begin=30), "check this host's clock"),
        (b"", "cannot be read: no certificate found"),
        (certificate().replace(b"MII", b"!!!", 1), "cannot be read ("),
    ],
)
def test_serves_only_what_fits_the_key_the_names_and_the_time(
    chain: bytes, reason: str | None
) -> None:
    unfit = why_unfit(chain, KEY, list(NAMES))
    assert unfit is None if reason is None else reason in str(unfit)


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        (certificate(), None),
        (issued() + authority(), None),
        (issued() + authority() + certificate(OTHER_KEY, (), subject="root", ca=True), None),
        # why_unfit accepts it: the CA's clock is ahead.
        (issued(begin=4 / 1440) + authority(), None),
        # Its issuer has this name but another key, or this key but another name.
        (certificate(issuer="intermediate", signed_by=OTHER_KEY) + authority(), "signature"),
        (issued(issuer="somebody") + authority(), "unable to get"),
        (issued() + certificate(OTHER_KEY, ()), "unable to get"),
        (issued() + authority(end=-1), "expired"),
    ],
)
def test_a_chain_leads_from_one_to_the_next(chain: bytes, reason: str | None) -> None:
    broken = why_broken(chain)
    if reason is None:
        assert broken is None
    else:
        assert str(broken).startswith("has a broken chain (")
        assert reason in str(broken)


@pytest.mark.parametrize(
    ("served", "due"),
    [
        (None, "there is no certificate yet"),
        (certificate(begin=-59, end=31), None),
        (certificate(begin=-61, end=29.5), "the certificate in service expires in 29 days"),
        # Valid for six days: due with less than two left, not on the first day.
        (certificate(begin=-1, end=5), None),
        (certificate(begin=-4.1, end=1.9), "the certificate in service expires in 1 days"),
        (
            certificate(names=["old.example.org"]),
            "the certificate in service is not for mx.example.org",
        ),
        (certificate(OTHER_KEY), "the certificate in service is for another key"),
        (certificate(end=-1), "the certificate in service is valid only from"),
        (b"", "the certificate in service cannot be read: no certificate found"),
    ],
)
def test_renews_in_the_last_third_or_before_the_days_that_are_set(
    served: bytes | None, due: str | None
) -> None:
    why = why_due(None if served is None else KEY + served, KEY, CONFIG)
    assert why is None if due is None else str(why).startswith(due)


def test_digests_are_those_of_openssl() -> None:
    der = subprocess.run(
        ["openssl", "pkey", "-pubout", "-outform", "DER"],
        input=CA_KEY, capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert key_spki(CA_KEY) == key_spki(CA_KEY + certificate()) == der
    for kind, name in ((1, "sha256"), (2, "sha512")):
        done = subprocess.run(
            ["openssl", "dgst", f"-{name}", "-r"], input=der, capture_output=True, check=True
        )
        assert digest(der, kind) == done.stdout.decode().split()[0]


@pytest.mark.parametrize("pem", [b"", b"junk", certificate()])
def test_what_is_no_key_is_told(pem: bytes) -> None:
    with pytest.raises(CertificateError, match="contains no readable private key"):
        key_spki(pem)


def test_the_time_left_is_that_of_the_leaf() -> None:
    assert 9 < left(issued(end=9.5) + authority()).total_seconds() / 86400 < 10


def test_an_rsa_key_whose_numbers_do_not_fit_is_damaged() -> None:
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    damaged = rsa.RSAPrivateNumbers(
        numbers.p,
        numbers.q,
        numbers.d + 2,
        numbers.dmp1,
        numbers.dmq1,
        numbers.iqmp,
        numbers.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)
    pem = damaged.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(CertificateError, match="do not fit together"):
        key_spki(pem)
