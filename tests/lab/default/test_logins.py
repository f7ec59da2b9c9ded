# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins need the password, over TLS only; clients that guess are delayed and then banned."""

from __future__ import annotations

import base64
import imaplib
import smtplib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from scramp import ScramClient

from tests.lab import lab
from tests.lab.lab import IMAPS, MANAGESIEVE, POP3S, SMTP, SUBMISSION, SUBMISSIONS

ALICE = "alice@example.org"
CAROL = "carol@example.org"
DAVE = "dave@example.org"
INVOICES = "invoices@example.org"
LOBBY = "lobby@example.org"
PHONE = "dave+phone@example.org"
SCRAM = "SCRAM-SHA-256"

SSH = 22
LOGIN_PORTS = {IMAPS, POP3S, MANAGESIEVE, SUBMISSIONS, SUBMISSION}
PEER, HOST, CONTROLLER = "198.18.0.20", "198.18.0.10", "198.18.0.1"
STRANGER = "203.0.113.99"

LOGINS = str(Path(__file__).with_name("logins.yml"))
USERS, VERIFIERS = "/etc/dovecot/users", "/etc/dovecot/scram"


def steps(login: str, secret: str) -> Callable[[bytes | None], str]:
    """Return the client's side of a SCRAM exchange, which also verifies the server (RFC 5802)."""
    client = ScramClient([SCRAM], login, secret)

    def answer(challenge: bytes | None = None) -> str:
        if not challenge:
            return str(client.get_client_first())
        if challenge.startswith(b"r="):
            client.set_server_first(challenge.decode())
            return str(client.get_client_final())
        client.set_server_final(challenge.decode())
        return ""

    return answer


def log_in(port: int, mechanism: str, login: str, secret: str) -> None:
    """Log in once; raises the exceptions of imaplib or smtplib."""
    if port == IMAPS:
        session = imaplib.IMAP4_SSL(lab.MX, port, ssl_context=lab.trusting_the_ca(), timeout=20)
        try:
            if mechanism == SCRAM:
                session.authenticate(SCRAM, steps(login, secret))  # type: ignore[arg-type]
            else:
                session.login(login, secret)
        finally:
            session.shutdown()
        return
    with lab.submission(port) as smtp:
        smtp.ehlo()
        if mechanism == SCRAM:
            smtp.auth(SCRAM, steps(login, secret))  # type: ignore[arg-type]
        else:
            smtp.user, smtp.password = login, secret
            smtp.auth(mechanism, getattr(smtp, f"auth_{mechanism.lower()}"))


@pytest.fixture
def forgetful() -> Iterator[None]:
    lab.forget_failures()
    yield
    lab.forget_failures()


# --- TLS before logins


def clear_text(port: int) -> bytes:
    """Return a port's answers to logins without TLS, by IMAP and by SMTP commands."""
    secret = lab.password(ALICE)
    plain = base64.b64encode(f"\0{ALICE}\0{secret}".encode()).decode()
    lines = ["EHLO client", f"AUTH PLAIN {plain}", f"a LOGIN {ALICE} {secret}"]
    lines += [f"b AUTHENTICATE PLAIN {plain}", f"AUTH {SCRAM}"]
    heard = b""
    with socket.create_connection((lab.MX, port), timeout=1) as connection:
        for line in ["", *lines]:
            try:
                if line:
                    connection.sendall(f"{line}\r\n".encode())
                heard += connection.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break  # the server closed the connection
    return heard


def test_no_port_offers_or_takes_a_login_before_tls() -> None:
    listening = lab.on("mx", "ss -tlnH").splitlines()
    sockets = [line.split()[3].rsplit(":", 1) for line in listening]
    ports = {int(port) for host, port in sockets if not host.startswith(("127.", "[::1]"))}
    assert ports >= {SMTP, *LOGIN_PORTS}
    for port in ports - {SSH}:
        heard = clear_text(port)
        offers = (b"250-AUTH", b"250 AUTH", b"AUTH=", b'"SASL" "PLAIN')
        offered = [word for word in offers if word in heard]
        taken = [word for word in (b"\r\n235", b"\r\n334", b"a OK", b"b OK") if word in heard]
        assert (port, offered, taken) == (port, [], []), heard


def test_other_mail_servers_are_never_asked_to_log_in() -> None:
    with smtplib.SMTP(lab.MX, SMTP, "client.example.org", timeout=20) as session:
        session.starttls(context=lab.trusting_the_ca())
        session.ehlo()
        assert not session.has_extn("auth")
        assert session.docmd("AUTH", "PLAIN")[0] == 503


# --- Successful logins


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", SCRAM])
@pytest.mark.parametrize("port", [IMAPS, SUBMISSIONS, SUBMISSION])
def test_a_login_name_may_be_written_in_any_case(port: int, mechanism: str) -> None:
    for login, account in (("Alice@Example.ORG", ALICE), ("Dave+Phone@example.org", PHONE)):
        log_in(port, mechanism, login, lab.password(account))


@pytest.mark.parametrize(
    ("port", "login", "secret"),
    [
        (IMAPS, ALICE, "a wrong one"),
        (SUBMISSIONS, "nobody@example.org", "any"),
        (IMAPS, DAVE, lab.password(PHONE)),
        (IMAPS, INVOICES, lab.password(INVOICES)),
        (SUBMISSIONS, LOBBY, lab.password(LOBBY)),
    ],
    ids=["wrong", "unknown", "another's", "send_only", "services"],
)
def test_scram_admits_no_login_that_a_password_does_not(
    port: int, login: str, secret: str, forgetful: None
) -> None:
    with pytest.raises((imaplib.IMAP4.error, smtplib.SMTPAuthenticationError)) as refusal:
        log_in(port, SCRAM, login, secret)
    assert b"AUTHENTICATIONFAILED" in str(refusal.value).encode() or "535" in str(refusal.value)


def test_dovecot_makes_the_same_verifiers() -> None:
    line = lab.on("mx", f"grep ^{ALICE}: {VERIFIERS}").split(":")[1]
    verify = "doveadm pw -t {!r} -p {!r}"
    assert "(verified)" in lab.on("mx", verify.format(line, lab.password(ALICE)))
    assert "(verified)" not in lab.on("mx", verify.format(line, "another"), check=False)


def stored(path: str) -> list[str]:
    """Return the lines of a passwd-file; none if it does not exist."""
    lines = lab.on("mx", f"cat {path}", check=False).splitlines()
    return [line for line in lines if "@" in line and not line.startswith("#")]


class Seen(NamedTuple):
    """The state of logins on the host."""

    mechanisms: list[str]
    hashes: list[str]
    verifiers: list[str]
    jails: str
    firewall: str

    @classmethod
    def now(cls) -> Seen:
        with lab.submission(SUBMISSIONS) as session:
            session.ehlo()
            mechanisms = session.esmtp_features["auth"].split()
        jails, firewall = (
            lab.on("mx", what) for what in ("fail2ban-client status", "nft list ruleset")
        )
        return cls(mechanisms, stored(USERS), stored(VERIFIERS), jails, firewall)


@pytest.fixture(scope="module")
def switched() -> tuple[Seen, Seen, Seen]:
    """Return the state before, without, and again with SCRAM and the ban."""
    lab.on("mx", f"fail2ban-client set pillarbox banip {STRANGER}")
    before = Seen.now()
    try:
        off = lab.playbook(LOGINS, mail_scram=False, fail2ban_enabled=False)
        without = Seen.now()
        log_in(IMAPS, "PLAIN", ALICE, lab.password(ALICE))
    finally:
        on = lab.playbook(LOGINS)
    # With the list of roles that are off, which "pillarbox status" reads.
    assert (lab.changed(off), lab.changed(on)) == (5, 4)
    return before, without, Seen.now()


def test_scram_is_switched_off_without_a_trace_and_no_password_is_hashed_anew(
    switched: tuple[Seen, Seen, Seen],
) -> None:
    before, without, after = switched
    assert {line.split(":")[0] for line in before.verifiers} >= {ALICE, PHONE, LOBBY}
    assert (without.mechanisms, without.verifiers) == (["PLAIN", "LOGIN"], [])
    assert before.hashes == without.hashes == after.hashes
    assert after.mechanisms == ["PLAIN", "LOGIN", SCRAM]
    log_in(IMAPS, SCRAM, ALICE, lab.password(ALICE))


def test_the_ban_is_switched_off_and_lifted(switched: tuple[Seen, Seen, Seen]) -> None:
    before, without, after = switched
    assert "pillarbox" in before.jails and STRANGER in before.firewall
    assert "pillarbox" not in without.jails and "-pillarbox" not in without.firewall
    assert "pillarbox" in after.jails


# --- Guessing


def test_a_client_that_fails_to_log_in_has_to_wait_next_time(forgetful: None) -> None:
    # By IPv6, where Dovecot delays a whole /48.
    wrong = f"swaks -6 --server {lab.MX} --tlsc --to {ALICE} --auth PLAIN"
    said = lab.on("peer", f"{wrong} --auth-user {ALICE} --auth-password wrong", check=False)
    assert "535 5.7.8" in said, said
    assert "2001:2:" in lab.on("mx", "doveadm penalty")


@pytest.fixture
def unbanned(forgetful: None) -> Iterator[None]:
    yield
    lab.unban()


def open_to(host: str, port: int) -> bool:
    """Whether a port of the mail host accepts a connection from another host."""
    probe = f"timeout 5 bash -c '</dev/tcp/{HOST}/{port}'"
    return lab.on(host, f"{probe} 2>/dev/null && echo open", check=False) == "open\n"


def test_a_client_that_guesses_passwords_is_banned_from_logging_in_and_no_other_is(
    unbanned: None,
) -> None:
    imap = f"curl -sk -m 30 imaps://{HOST} -u {CAROL}:guess$n"
    submission = f"swaks --server {HOST}:465 --tlsc --to x@example.org --auth PLAIN"
    submission += f" --auth-user {CAROL} --auth-password guess$n"
    # In parallel, as Dovecot would delay each attempt after a failed one.
    for command in (imap, submission):
        lab.on("peer", f"for n in 1 2 3 4 5 6; do {command} >/dev/null 2>&1 & done")

    lab.eventually("the ban", lambda: PEER in lab.banned() or None)
    assert not any(open_to("peer", port) for port in LOGIN_PORTS)
    assert lab.answer_to(CAROL).startswith("250 ")
    lab.forget_failures()
    log_in(IMAPS, "PLAIN", CAROL, lab.password(CAROL))

    lab.on("mx", f"fail2ban-client unban {PEER}")
    assert all(open_to("peer", port) for port in LOGIN_PORTS)


def test_neither_the_host_nor_ignored_addresses_are_ever_banned(unbanned: None) -> None:
    lab.ban_after(3)
    addresses = ("127.0.0.1", "::1", HOST, CONTROLLER, STRANGER)
    guess = f"doveadm auth test -x service=imap -x rip=$rip {CAROL} guess$n >/dev/null 2>&1 &"
    loop = f"for n in 1 2 3; do for rip in {' '.join(addresses)}; do {guess} done; done; wait"
    lab.on("mx", loop, check=False)

    def all_seen() -> bool | None:
        log = lab.on("mx", "tail -n 100 /var/log/fail2ban.log")
        return all(f"Ignore {address} by" in log for address in addresses[:-1]) or None

    lab.eventually("the ban", lambda: lab.banned() or None)
    lab.eventually("the others", all_seen)
    assert lab.banned() == [STRANGER]
