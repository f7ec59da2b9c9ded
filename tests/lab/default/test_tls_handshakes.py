# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The handshakes that each TLS profile accepts."""

from __future__ import annotations

import pytest

from tests.lab import lab
from tests.lab.default.conftest import Configure
from tests.lab.lab import IMAPS, MANAGESIEVE, MX, POP3S, SMTP, SUBMISSION, SUBMISSIONS

STARTTLS = {SMTP: "smtp", SUBMISSION: "smtp", MANAGESIEVE: "sieve"}
PORTS = [SMTP, SUBMISSIONS, SUBMISSION, IMAPS, POP3S, MANAGESIEVE]
# Security level 0 on the client, or it would not offer what the server must refuse.
HANDSHAKES = {
    "TLS 1.1": "-tls1_1 -cipher ALL:@SECLEVEL=0",
    "RSA with SHA-1": "-tls1_2 -cipher ALL:@SECLEVEL=0 -sigalgs RSA+SHA1",
    "ECDSA with SHA-1": "-tls1_2 -cipher ALL:@SECLEVEL=0 -sigalgs ECDSA+SHA1",
    "key exchange by RSA": "-tls1_2 -cipher kRSA:@SECLEVEL=0",
    "finite fields in TLS 1.2": "-tls1_2 -cipher kDHE:@SECLEVEL=0",
    "ffdhe2048": "-tls1_3 -groups ffdhe2048",
    "ffdhe3072": "-tls1_3 -groups ffdhe3072",
    "CBC": "-tls1_2 -cipher ECDHE+AES:-ECDHE+AESGCM:-AESCCM:@SECLEVEL=0",
    "anonymous": "-tls1_2 -cipher aNULL:@SECLEVEL=0",
    "TLS 1.2 of today": "-tls1_2",
    "X25519": "-tls1_3 -groups X25519",
    "P-256": "-tls1_3 -groups P-256",
    "ML-KEM": "-tls1_3 -groups X25519MLKEM768",
}
REFUSED = [*HANDSHAKES][:9]
TAKEN = [*HANDSHAKES][9:12]


def handshakes(ports: list[int], names: list[str]) -> dict[tuple[int, str], str]:
    """Return the output of openssl s_client for each handshake at each port."""

    def client(port: int, number: int, options: str) -> str:
        starttls = f"-starttls {STARTTLS[port]}" if port in STARTTLS else ""
        target = f"-connect {MX}:{port} {starttls}"
        return f"timeout 20 openssl s_client {target} {options} </dev/null >{number} 2>&1"

    cases = [(port, name) for port in ports for name in names]
    script = ["cd $(mktemp -d)"]
    for port in ports:
        one_after_another = [
            client(port, number, HANDSHAKES[name])
            for number, (at, name) in enumerate(cases)
            if at == port
        ]
        script.append(f"{{ {'; '.join(one_after_another)}; }} &")
    script += ["wait", f"for number in $(seq 0 {len(cases) - 1})", "do echo @@; cat $number; done"]
    outputs = lab.on("peer", "\n".join(script)).split("@@\n")[1:]
    return dict(zip(cases, outputs, strict=True))


def is_done(output: str) -> bool:
    """Whether the handshake succeeded. A missing answer must not count as a refusal."""
    assert "New, " in output, output
    return "New, (NONE)" not in output


@pytest.fixture(scope="module")
def modern(configure: Configure) -> dict[tuple[int, str], str]:
    configure()
    return handshakes(PORTS, [*HANDSHAKES])


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("handshake", REFUSED)
def test_the_default_profile_refuses(
    modern: dict[tuple[int, str], str], port: int, handshake: str
) -> None:
    assert not is_done(modern[port, handshake]), modern[port, handshake]


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("handshake", TAKEN)
def test_the_default_profile_takes(
    modern: dict[tuple[int, str], str], port: int, handshake: str
) -> None:
    assert is_done(modern[port, handshake]), modern[port, handshake]


@pytest.mark.parametrize("port", PORTS)
def test_ml_kem_is_taken_where_openssl_has_it(
    modern: dict[tuple[int, str], str], port: int
) -> None:
    version = lab.on("mx", "openssl version").split()[1]
    has_it = tuple(map(int, version.split(".")[:2])) >= (3, 5)
    assert is_done(modern[port, "ML-KEM"]) == has_it, modern[port, "ML-KEM"]


@pytest.mark.parametrize("port", PORTS)
def test_tls_1_2_has_the_extended_master_secret(
    modern: dict[tuple[int, str], str], port: int
) -> None:
    assert "Extended master secret: yes" in modern[port, "TLS 1.2 of today"]


@pytest.mark.usefixtures("compatible_with_policies")
def test_compatible_takes_cbc_and_nothing_else_that_is_refused_by_default() -> None:
    found = handshakes([SMTP, IMAPS], [*REFUSED, *TAKEN])
    done = {handshake for handshake, output in found.items() if is_done(output)}
    assert done == {(port, name) for port in (SMTP, IMAPS) for name in ("CBC", *TAKEN)}
