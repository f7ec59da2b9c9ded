# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the renewal program on the mail host accepts, and when it acts."""

from __future__ import annotations

import importlib.util
import stat
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

PROGRAM = (
    Path(__file__).parents[3]
    / "roles/acme_sh/templates/usr/local/lib/pillarbox/certificates.py"
)  # fmt: skip
spec = importlib.util.spec_from_file_location("certificates", PROGRAM)
assert spec and spec.loader
certificates: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(certificates)

NAMES = ("mx.example.org",)
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate(
    key: ec.EllipticCurvePrivateKey = KEY,
    names: Sequence[str] = NAMES,
    begin: float = -30,
    end: float = 60,
) -> bytes:
    """A self-signed certificate, valid from and until so many days from now."""
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + timedelta(days=begin))
        .not_valid_after(now + timedelta(days=end))
    )
    if names:
        san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(san, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        (certificate(), None),
        (certificate(names=["mx.example.org", "more.example.org"]), None),
        (certificate(begin=0.003), None),
        (certificate() + certificate(OTHER_KEY), None),
        (certificate(OTHER_KEY), "is for another key"),
        (certificate(OTHER_KEY) + certificate(), "is for another key"),
        (certificate(names=["other.example.org"]), "is not for mx.example.org"),
        (certificate(names=[]), "is not for mx.example.org"),
        (certificate(end=-1), "is valid only from"),
        (certificate(begin=1), "is valid only from"),
        (b"", "holds no certificate"),
        (certificate().replace(b"MII", b"!!!", 1), "holds no readable certificate"),
    ],
)
def test_serves_only_what_fits_the_key_the_names_and_the_time(
    chain: bytes, reason: str | None
) -> None:
    unfit = certificates.why_unfit(chain, pem(KEY), NAMES)
    assert unfit is None if reason is None else reason in unfit


@pytest.mark.parametrize(
    ("served", "due"),
    [
        (certificate(begin=-59, end=31), None),
        (certificate(begin=-61, end=29.5), "ends in 29 days"),
        # Six days of life: due with less than two left, not on the first day.
        (certificate(begin=-1, end=5), None),
        (certificate(begin=-4.1, end=1.9), "ends in 1 days"),
        (certificate(names=["old.example.org"]), "is not for mx.example.org"),
        (certificate(OTHER_KEY), "is for another key"),
    ],
)
def test_renews_in_the_last_third_or_before_the_days_that_are_set(
    tmp_path: Path, served: bytes, due: str | None
) -> None:
    file = tmp_path / "ecdsa.pem"
    file.write_bytes(pem(KEY) + served)
    why = certificates.why_due(file, pem(KEY), {"names": NAMES, "renew_days": 30})
    assert why is None if due is None else due in why


def test_a_missing_certificate_is_due(tmp_path: Path) -> None:
    config = {"names": NAMES, "renew_days": 30}
    assert "none yet" in certificates.why_due(tmp_path / "rsa.pem", pem(KEY), config)


def test_replaces_a_file_without_a_moment_in_which_others_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "ecdsa.pem"
    certificates.replace(file, b"old")
    before = file.stat().st_ino
    certificates.replace(file, b"new")
    assert file.read_bytes() == b"new"
    assert file.stat().st_ino != before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_failed_replacement_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ecdsa.pem"
    certificates.replace(file, b"old")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(certificates.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        certificates.replace(file, b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def config(directory: Path) -> dict[str, Any]:
    return {
        "names": NAMES,
        "renew_days": 30,
        "algorithms": ["ecdsa"],
        "tls_dir": str(directory),
        "server": "https://ca.example/dir",
        "reload": ["postfix.service"],
    }


@pytest.fixture
def systemctl(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that the program would have run; the first fails."""
    calls: list[list[str]] = []

    def run(command: list[str], **options: Any) -> None:
        calls.append(command)
        if len(calls) == 1:
            raise certificates.subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(certificates.subprocess, "run", run)
    return calls


def test_a_certificate_that_the_daemons_could_not_load_is_loaded_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, systemctl: list[list[str]]
) -> None:
    (tmp_path / "ecdsa-current.key").write_bytes(pem(KEY))
    monkeypatch.setattr(certificates, "order", lambda algorithm, settings: certificate())
    with pytest.raises(certificates.subprocess.CalledProcessError):
        certificates.renew(config(tmp_path), check=False)
    assert certificates.renew(config(tmp_path), check=False) == {"due": {}, "issued": []}
    assert systemctl == [["systemctl", "try-reload-or-restart", "postfix.service"]] * 2
    certificates.renew(config(tmp_path), check=False)
    assert len(systemctl) == 2


def test_a_certificate_for_another_key_is_not_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ecdsa-current.key").write_bytes(pem(KEY))
    monkeypatch.setattr(certificates, "order", lambda algorithm, settings: certificate(OTHER_KEY))
    with pytest.raises(certificates.CertificateError, match="is for another key; it is not used"):
        certificates.renew(config(tmp_path), check=False)
    assert not (tmp_path / "ecdsa.pem").exists()


def test_check_names_an_algorithm_that_has_no_key_yet(tmp_path: Path) -> None:
    report = certificates.renew(config(tmp_path), check=True)
    assert report == {"due": {"ecdsa": "its key does not exist yet"}, "issued": []}
