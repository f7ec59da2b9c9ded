# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which handshakes each TLS profile takes, and what becomes of mail without TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab import lab
from tests.lab.lab import IMAPS, MX, SMTP, SUBMISSION, SUBMISSIONS
from tests.lab.wire import wire

TLS = str(Path(__file__).with_name("tls.yml"))
ALICE, BOB = "alice@example.org", "bob@example.net"
# At a server of the same host that has a certificate and no TLSA records.
BOB_WITHOUT_DANE = "bob@relay.example.net"
POP3S, SIEVE = 995, 4190
STARTTLS = {SMTP: "smtp", SUBMISSION: "smtp", SIEVE: "sieve"}
PORTS = [SMTP, SUBMISSIONS, SUBMISSION, IMAPS, POP3S, SIEVE]
# The client's own level of security is 0, or it would not offer what is to be refused.
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
    """What openssl s_client, which knows nothing of ours, prints of each at each port."""

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
    """Whether a connection came about. A client that is not answered must not look refused."""
    assert "New, " in output, output
    return "New, (NONE)" not in output


@pytest.fixture(scope="module")
def modern() -> dict[tuple[int, str], str]:
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


@contextmanager
def profile(name: str, **settings: Any) -> Iterator[None]:
    """Have a TLS profile for a while."""
    run = lab.playbook(TLS, mail_tls_profile=name, **settings)
    assert run.returncode == 0, run.stdout
    yield


@contextmanager
def peer_without_tls() -> Iterator[None]:
    """Have the other mail server offer no TLS for a while."""
    lab.on("peer", "postconf smtpd_tls_security_level=none && postfix reload")
    try:
        yield
    finally:
        lab.on("peer", "postconf smtpd_tls_security_level=may && postfix reload")


@pytest.fixture(scope="module")
def other_profiles() -> Iterator[None]:
    """Bring the default back when all is done."""
    yield
    run = lab.playbook(TLS)
    assert run.returncode == 0, run.stdout


@pytest.mark.usefixtures("other_profiles")
def test_compatible_takes_cbc_and_nothing_else_that_is_refused_by_default() -> None:
    with profile("compatible"):
        found = handshakes([SMTP, IMAPS], [*REFUSED, *TAKEN])
    done = {handshake for handshake, output in found.items() if is_done(output)}
    assert done == {(port, name) for port in (SMTP, IMAPS) for name in ("CBC", *TAKEN)}


@pytest.fixture(scope="module")
def strict(other_profiles: None) -> Iterator[None]:
    # Without a word of the operator's about any destination.
    with profile("strict", mail_tls_policy={".peer.example.net": "none"}):
        yield


@pytest.mark.usefixtures("strict")
def test_strict_refuses_mail_of_a_client_without_tls() -> None:
    (replies,) = wire(("EHLO client.example.net\r\n", f"MAIL FROM:<{BOB}>\r\n"))
    assert replies[2].startswith("530 5.7.0 Must issue a STARTTLS command first"), replies


@pytest.mark.usefixtures("strict")
def test_strict_takes_mail_by_tls_and_lets_forwarded_mail_through() -> None:
    mail = lab.message(BOB, "team@example.org")
    lab.send_from_peer(mail)
    lab.received(ALICE, mail)
    assert b"Return-Path: <SRS0=" in lab.received_at_peer(mail)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    ("recipient", "connection"), [(BOB, "Verified TLS"), (BOB_WITHOUT_DANE, "TLS")]
)
def test_strict_sends_by_dane_or_by_any_tls(recipient: str, connection: str) -> None:
    mail = lab.message(ALICE, recipient)
    lab.submit(mail)
    lab.received_at_peer(mail)
    assert f"{connection} connection established to " in lab.connection_of("mx", mail)


@pytest.mark.usefixtures("strict")
def test_strict_keeps_mail_for_a_server_without_tls_and_says_why() -> None:
    mail = lab.message(ALICE, BOB_WITHOUT_DANE)
    with peer_without_tls():
        lab.submit(mail)
        deferred = lab.eventually(
            "the deferral", lambda: lab.log_of("mx", mail, "status=deferred") or None
        )
    assert "TLS is required, but was not offered by host relay.example.net" in deferred[0]
    lab.on("mx", "postqueue -f")
    lab.received_at_peer(mail)


@pytest.mark.usefixtures("strict")
def test_strict_mail_waits_while_nobody_tells_of_dane() -> None:
    mail = lab.message(ALICE, BOB)
    lab.on("mx", "systemctl stop pillarbox-dane.service")
    try:
        lab.submit(mail)
        deferred = lab.eventually(
            "the deferral", lambda: lab.log_of("mx", mail, "status=deferred") or None
        )
    finally:
        lab.on("mx", "systemctl start pillarbox-dane.service")
    assert "dsn=4." in deferred[0], deferred
    lab.on("mx", "postqueue -f")
    lab.received_at_peer(mail)


@pytest.mark.usefixtures("strict")
def test_strict_still_goes_by_the_operators_word_for_all_below_a_domain() -> None:
    level = "postmap -q www.peer.example.net regexp:/etc/postfix/tls_policies_below"
    assert lab.on("mx", level) == "none\n"
