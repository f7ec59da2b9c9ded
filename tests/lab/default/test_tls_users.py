# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users send mail with client certificates, in addition to their password or instead of it."""

from __future__ import annotations

import smtplib
import subprocess
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.lab import lab
from tests.lab.certificates import certificate, in_a_mail_program, send
from tests.lab.default.conftest import Configure
from tests.lab.lab import MX, SUBMISSION, SUBMISSIONS

ALICE, BOB, DAVE = "alice@example.org", "bob@example.net", "dave@example.org"
FRANK, LOBBY = "frank@example.org", "lobby@example.org"


def refusal(mail: EmailMessage, pem: Path | None, login: str | None) -> str:
    """Return the reply to a mail program whose message is refused."""
    with pytest.raises(smtplib.SMTPException) as refused:
        send(mail, pem, login)
    return str(refused.value)


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory, configure: Configure) -> tuple[Path, str]:
    """Issue certificates; return the administrator's directory and the output of the runs."""
    directory = tmp_path_factory.mktemp("certificates")
    configure(mail_client_certificates="required")
    # Start without certificates of an earlier run of these tests.
    lab.on("mx", "echo {} >/etc/pillarbox/clients/certificates.json")
    accounts = (ALICE, DAVE, FRANK, LOBBY)
    shown = "".join(certificate(directory, account).stdout for account in accounts)
    for account in accounts:
        in_a_mail_program(directory, account)
    return directory, shown


def test_the_keys_are_shown_nowhere_and_read_by_nobody_else(issued: tuple[Path, str]) -> None:
    directory, shown = issued
    for file in (directory / f"{ALICE}.p12", directory / f"{ALICE}.password"):
        assert file.stat().st_mode & 0o777 == 0o600, file
    assert (directory / f"{ALICE}.password").read_text().split()[0] not in shown
    assert "PRIVATE KEY" not in shown
    kept = lab.on("mx", "cd /etc/pillarbox/clients && stat -c '%n %a %U' *").splitlines()
    assert kept == ["ca.key 600 root", "ca.pem 644 root", "certificates.json 644 root"]


@pytest.mark.usefixtures("certificate_required")
@pytest.mark.parametrize("port", [SUBMISSIONS, SUBMISSION])
def test_mail_goes_by_password_and_certificate(issued: tuple[Path, str], port: int) -> None:
    mail = lab.message(ALICE, DAVE)
    send(mail, issued[0] / f"{ALICE}.pem", ALICE, port)
    lab.received(DAVE, mail)


@pytest.mark.usefixtures("certificate_required")
def test_a_device_needs_the_certificate_of_its_account(issued: tuple[Path, str]) -> None:
    mail = lab.message(DAVE, ALICE)
    send(mail, issued[0] / f"{DAVE}.pem", "dave+phone@example.org")
    lab.received(ALICE, mail)


@pytest.mark.usefixtures("certificate_required")
def test_a_password_alone_is_not_even_asked_for(issued: tuple[Path, str]) -> None:
    answer = refusal(lab.message(ALICE, DAVE), None, ALICE)
    assert "421" in answer and "No client certificate presented" in answer, answer


@pytest.mark.usefixtures("certificate_required")
def test_a_certificate_alone_is_not_enough(issued: tuple[Path, str]) -> None:
    answer = refusal(lab.message(ALICE, DAVE), issued[0] / f"{ALICE}.pem", None)
    assert "not logged in" in answer, answer


@pytest.mark.usefixtures("certificate_required")
def test_a_certificate_of_another_account_is_refused(issued: tuple[Path, str]) -> None:
    answer = refusal(lab.message(ALICE, DAVE), issued[0] / f"{DAVE}.pem", ALICE)
    assert "Your certificate is not one of alice@example.org" in answer, answer


@pytest.mark.usefixtures("certificate_required")
def test_other_servers_bring_mail_as_before(issued: tuple[Path, str]) -> None:
    mail = lab.message(BOB, ALICE)
    lab.send_from_peer(mail)
    lab.received(ALICE, mail)


def test_an_account_gets_one_certificate_only(issued: tuple[Path, str]) -> None:
    assert lab.changed(certificate(issued[0], ALICE)) == 0


@pytest.mark.usefixtures("certificate_required")
def test_a_certificate_that_was_revoked_is_refused_at_once(issued: tuple[Path, str]) -> None:
    pem = issued[0] / f"{DAVE}.pem"
    context = lab.trusting_the_ca()
    context.load_cert_chain(pem)
    with smtplib.SMTP_SSL(MX, SUBMISSIONS, "client", timeout=20, context=context) as connected:
        connected.login(DAVE, lab.password(DAVE))
        certificate(issued[0], DAVE, "absent")
        answer = connected.mail(DAVE), connected.rcpt(ALICE)

    assert b"Your certificate was revoked" in answer[1][1], answer
    assert "Your certificate was revoked" in refusal(lab.message(DAVE, ALICE), pem, DAVE)


@pytest.mark.parametrize(("account", "mode"), [("nobody@example.org", "required"), (ALICE, "none")])
def test_no_certificate_is_issued_that_could_not_be_used(
    tmp_path: Path, account: str, mode: str
) -> None:
    settings: dict[str, Any] = {
        "mail_client_certificates": mode,
        "client_certificate_account": account,
        "client_certificate_dir": str(tmp_path / "made"),
    }
    run = lab.playbook("pillarbox.mail.client_certificate", **settings)
    assert run.returncode != 0
    assert f"client_certificate_account is {account}. It must be one of" in run.stdout
    assert not (tmp_path / "made").exists()


@pytest.fixture
def sufficient(strict_or_by_certificate: None, issued: tuple[Path, str]) -> Path:
    return issued[0]


def test_mail_goes_by_a_certificate_instead_of_a_password_and_is_signed(sufficient: Path) -> None:
    mail = lab.message(ALICE, BOB)
    send(mail, sufficient / f"{ALICE}.pem", None)
    assert {ok for _selector, ok in lab.signatures(lab.received_at_peer(mail))} == {True}


def test_mail_still_goes_by_password(sufficient: Path) -> None:
    mail = lab.message(DAVE, ALICE)
    send(mail, None, DAVE)
    lab.received(ALICE, mail)


@pytest.mark.parametrize(
    ("author", "account", "expected"),
    [
        (DAVE, ALICE, "not owned by user alice@example.org"),
        (FRANK, FRANK, "Your account sent spam on Monday."),
        (LOBBY, LOBBY, "This account may not send mail"),
        # Revoked above.
        (DAVE, DAVE, "not logged in"),
    ],
)
def test_a_certificate_opens_no_more_than_a_password(
    sufficient: Path, author: str, account: str, expected: str
) -> None:
    answer = refusal(lab.message(author, BOB), sufficient / f"{account}.pem", None)
    assert expected in answer, answer


def test_a_certificate_of_another_ca_opens_nothing(sufficient: Path) -> None:
    stranger = sufficient / "stranger.pem"
    command = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj"
    output = ["-keyout", str(stranger), "-out", str(stranger)]
    subprocess.run([*command.split(), f"/CN={ALICE}", *output], check=True, capture_output=True)
    answer = refusal(lab.message(ALICE, BOB), stranger, None)
    assert "not logged in" in answer, answer
