# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client certificates, as an administrator issues them and a mail program uses them."""

from __future__ import annotations

import subprocess
from email.message import EmailMessage
from pathlib import Path

from tests.lab import lab
from tests.lab.lab import SUBMISSIONS


def certificate(
    directory: Path, account: str, state: str = "present", *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Issue or revoke the certificate of an account, as an administrator does."""
    run = lab.playbook(
        "pillarbox.mail.client_certificate",
        "-vvv",
        "--diff",
        *arguments,
        mail_client_certificates="required",
        client_certificate_account=account,
        client_certificate_state=state,
        client_certificate_dir=str(directory),
    )
    assert run.returncode == 0, run.stdout
    return run


def in_a_mail_program(directory: Path, account: str) -> Path:
    """Return the key and the certificate in a PKCS#12 file, as PEM."""
    pem = directory / f"{account}.pem"
    password = f"file:{directory}/{account}.password"
    command = ["openssl", "pkcs12", "-in", f"{directory}/{account}.p12", "-nodes", "-out", str(pem)]
    subprocess.run([*command, "-passin", password], check=True, capture_output=True)
    return pem


def send(mail: EmailMessage, pem: Path | None, login: str | None, port: int = SUBMISSIONS) -> None:
    """Send a message with a certificate, logged in by password, or both."""
    with lab.submission(port, pem) as session:
        if login:
            session.login(login, lab.password(login))
        session.send_message(mail)
