# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains from a stand-in for acme.sh, from the user, and from the key itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pillarbox.certificates.pair import CertificateError, why_broken, why_unfit
from pillarbox.certificates.sources import obtain

from .chains import KEY, KEYS, NAMES, certificate

Install = Callable[[str], None]


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    return {
        "source": "acme",
        "names": [*NAMES, "mail.example.org"],
        "tls_dir": str(tmp_path),
        "server": "https://ca.example/directory",
        "challenge": ["--dns", "dns_nsupdate", "--dnssleep", "5"],
        "patience": 1,
        "acme_home": "/etc/acme.sh",
        "environment": {"NSUPDATE_KEY": "/etc/acme.sh/tsig.key"},
    }


@pytest.fixture
def acme_sh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put an acme.sh on the PATH that records its arguments, then does this."""

    def install(script: str) -> None:
        program = tmp_path / "bin/acme.sh"
        program.parent.mkdir()
        program.write_text(
            f"""#!/bin/bash
while [[ $1 ]]; do
    case $1 in
        --csr) cp "$2" {tmp_path}/csr ;;
        --cert-home) home=$2 ;;
    esac
    echo "$1" >>{tmp_path}/arguments
    shift
done
env >{tmp_path}/environment
umask >{tmp_path}/umask
mkdir -p $home/mx.example.org_ecc
{script}
"""
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    return install


@pytest.mark.parametrize("algorithm", ["ecdsa", "rsa"])
def test_acme_sh_has_a_request_signed_and_never_sees_the_key(
    algorithm: str, config: dict[str, Any], acme_sh: Install, tmp_path: Path
) -> None:
    key = KEYS[algorithm, "current"]
    chain = certificate(key)
    (tmp_path / "issued").write_bytes(chain)
    acme_sh(f"cp {tmp_path}/issued $home/mx.example.org_ecc/fullchain.cer")
    assert obtain(algorithm, key, config) == chain

    arguments = (tmp_path / "arguments").read_text().splitlines()
    # Without --force it would accept the request, but order nothing.
    assert "--force" in arguments and "--sign-csr" in arguments
    home = arguments[arguments.index("--cert-home") + 1]
    assert not Path(home).exists(), "what acme.sh stored would be mixed up with the next"
    assert arguments[arguments.index("--accountconf") + 1].startswith(home)
    assert arguments[arguments.index("--server") + 1] == "https://ca.example/directory"
    environment = (tmp_path / "environment").read_text()
    assert "NSUPDATE_KEY=/etc/acme.sh/tsig.key\n" in environment
    # Orders run at the same time.
    assert f"HTTP_HEADER={home}/http.header\n" in environment
    assert (tmp_path / "umask").read_text().strip() == "0077"
    text = subprocess.run(
        ["openssl", "req", "-in", str(tmp_path / "csr"), "-noout", "-verify", "-text"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "DNS:mx.example.org, DNS:mail.example.org" in text
    assert "CN = mx.example.org" in text


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            'for n in 1 2 3 4 5 6; do echo "[Fri Nov 20 06:00:00 UTC 2026] line $n"; done; exit 1',
            "issued no ecdsa certificate for mx.example.org: line 2 | line 3 | line 4 | line 5 |",
        ),
        ("exit 1", "for mx.example.org: acme.sh printed nothing"),
        # It found nothing to do, as without --force.
        (
            "echo Skipping; touch $home/mx.example.org_ecc/fullchain.cer; exit 2",
            "for mx.example.org: Skipping",
        ),
        ("echo Success", "for mx.example.org: Success"),
        (
            "mkdir $home/other; echo two; touch $home/{other,mx.example.org_ecc}/fullchain.cer",
            "for mx.example.org: two",
        ),
        ("exec sleep 10", "issued no ecdsa certificate in 1 s; it or a name server does not"),
    ],
)
def test_what_is_no_certificate_is_told_in_acme_sh_s_words(
    script: str, reason: str, config: dict[str, Any], acme_sh: Install
) -> None:
    acme_sh(script)
    with pytest.raises(CertificateError) as error:
        obtain("ecdsa", KEY, config)
    assert str(error.value).startswith("https://ca.example/directory issued no ecdsa certificate")
    assert reason in str(error.value)


def test_a_self_signed_certificate_fits(config: dict[str, Any]) -> None:
    for algorithm in ("ecdsa", "rsa"):
        key = KEYS[algorithm, "current"]
        chain = obtain(algorithm, key, {**config, "source": "self_signed"})
        assert why_unfit(chain, key, config["names"]) is None
        assert why_broken(chain) is None


def test_a_name_too_long_for_a_subject_is_in_the_san_alone(config: dict[str, Any]) -> None:
    name = f"{'a' * 60}.example.org"
    chain = obtain("ecdsa", KEY, {**config, "source": "self_signed", "names": [name]})
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-subject", "-ext", "subjectAltName"],
        input=chain, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    assert "CN" not in text and f"DNS:{name}" in text


def test_a_provided_chain_is_taken_as_it_is(config: dict[str, Any], tmp_path: Path) -> None:
    config["source"] = "files"
    with pytest.raises(CertificateError, match="set mail_tls_provided.ecdsa.chain"):
        obtain("ecdsa", KEY, config)
    (tmp_path / "ecdsa-provided.pem").write_bytes(certificate())
    assert why_unfit(obtain("ecdsa", KEY, config), KEY, list(NAMES)) is None
