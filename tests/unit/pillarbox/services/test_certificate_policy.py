# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to Postfix about client certificates; tests/lab/default/ sends mail with real ones."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from pillarbox import parts
from pillarbox.services import certificate_policy

ALICE, BOB, GONE = "alice@example.org", "bob@example.org", "gone@example.org"
OWNERS = {"AA": ALICE, "BB": BOB, "CC": GONE}
SENDERS = {
    ALICE: ALICE,
    "team@example.org": f"{BOB},{ALICE}",
    "@shop.example.org": ALICE,
    "info@shop.example.org": BOB,
    BOB: BOB,
}
REFUSED = {BOB: "525 5.7.13 You sent spam", GONE: ""}


def ask(required: bool, **request: str) -> str:
    tables = certificate_policy.Tables(required, "+-", OWNERS, SENDERS, REFUSED)
    answer: str = certificate_policy.answer({"ccert_subject": "somebody", **request}, tables)
    return answer


@pytest.mark.parametrize(
    ("fingerprint", "login", "answer"),
    [
        ("AA", ALICE, "DUNNO"),
        ("AA", "alice+phone@example.org", "DUNNO"),
        # The login follows later.
        ("AA", "", "DUNNO"),
        ("AA", BOB, f"REJECT Your certificate is not one of {BOB}"),
        ("AA", "bob+phone@example.org", f"REJECT Your certificate is not one of {BOB}"),
        ("DD", ALICE, "REJECT Your certificate was revoked, or was not issued by this server"),
        ("", ALICE, "REJECT Your certificate was revoked, or was not issued by this server"),
    ],
)
def test_a_certificate_beside_a_password_must_be_of_the_same_account(
    fingerprint: str, login: str, answer: str
) -> None:
    assert ask(True, ccert_fingerprint=fingerprint, sasl_username=login) == answer


@pytest.mark.parametrize(
    ("fingerprint", "sender", "answer"),
    [
        ("AA", ALICE, "OK"),
        ("AA", "Alice@Example.ORG", "OK"),
        ("AA", "alice+lists@example.org", "OK"),
        ("AA", "alice-lists@example.org", "OK"),
        ("AA", "team@example.org", "OK"),
        ("AA", "any@shop.example.org", "OK"),
        # Disposition notifications have no sender.
        ("AA", "", "OK"),
        ("AA", BOB, f"REJECT Sender address rejected: not owned by user {ALICE}"),
        # The address of another user is not part of the catch-all.
        (
            "AA",
            "info@shop.example.org",
            f"REJECT Sender address rejected: not owned by user {ALICE}",
        ),
        ("AA", "x@elsewhere.example", f"REJECT Sender address rejected: not owned by user {ALICE}"),
        ("BB", BOB, "525 5.7.13 You sent spam"),
        ("CC", GONE, "REJECT This account may not send mail"),
        ("DD", ALICE, "DUNNO"),
        ("", ALICE, "DUNNO"),
    ],
)
def test_a_certificate_instead_of_a_password_opens_as_much_as_that(
    fingerprint: str, sender: str, answer: str
) -> None:
    assert ask(False, ccert_fingerprint=fingerprint, sender=sender) == answer


def test_a_certificate_that_tls_could_not_verify_opens_nothing() -> None:
    assert ask(False, ccert_fingerprint="AA", sender=ALICE, ccert_subject="") == "DUNNO"


def test_who_has_logged_in_needs_no_certificate_where_one_is_only_sufficient() -> None:
    assert ask(False, ccert_fingerprint="", sasl_username=BOB, sender=BOB) == "DUNNO"


def test_reads_what_the_module_and_the_templates_write(tmp_path: Path) -> None:
    register, senders = tmp_path / "certificates.json", tmp_path / "senders"
    entry = {"account": ALICE, "until": "2027-01-01T00:00:00+00:00", "revoked": None}
    gone = {**entry, "revoked": "2026-01-01T00:00:00+00:00"}
    register.write_text(json.dumps({"AA": entry, "BB": gone}))
    senders.write_text(f"# A comment.\n{ALICE} {ALICE},{BOB}\n\n{GONE}\n")
    assert certificate_policy.certificates(register) == {"AA": ALICE}
    assert certificate_policy.table(senders) == {ALICE: f"{ALICE},{BOB}", GONE: ""}


def test_reads_one_request_after_another() -> None:
    text = "request=smtpd_access_policy\nsender=a=b@example.org\n\nsender=\n\n"
    assert list(certificate_policy.requests(io.StringIO(text))) == [
        {"request": "smtpd_access_policy", "sender": "a=b@example.org"},
        {"sender": ""},
    ]


def test_goes_by_what_its_role_has_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    register = {"AA": {"account": ALICE, "revoked": None}}
    (tmp_path / "certificates.json").write_text(json.dumps(register))
    (tmp_path / "senders").write_text(f"{ALICE} {ALICE}\n")
    (tmp_path / "refused").write_text("")
    config = {
        "required": False,
        "delimiters": "+",
        "certificates": str(tmp_path / "certificates.json"),
        "senders": str(tmp_path / "senders"),
        "refused": [str(tmp_path / "refused")],
    }
    (tmp_path / "client_certificates.json").write_text(json.dumps(config))
    monkeypatch.setattr(parts, "DIRECTORY", str(tmp_path))
    of_alice = "ccert_fingerprint=AA\nccert_subject=alice\nsender="
    text = f"{of_alice}alice+shop@example.org\n\n{of_alice}{BOB}\n\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert certificate_policy.main() == 0
    assert capsys.readouterr().out == (
        f"action=OK\n\naction=REJECT Sender address rejected: not owned by user {ALICE}\n\n"
    )
