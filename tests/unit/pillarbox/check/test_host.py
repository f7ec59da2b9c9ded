# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the check says of the host itself: files changed by hand, the log, Debian's support."""

from __future__ import annotations

import hashlib
import json
import platform
from datetime import date, timedelta
from pathlib import Path

import pytest

from pillarbox.check import drift, local, log, programs
from pillarbox.check.finding import CRITICAL, NOTE, OK, WARNING, Finding
from pillarbox.check.settings import Settings
from pillarbox.status.ask import Unanswered

SETTINGS = Settings({"base": {}, "dovecot": {}})


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Twelve files as config_tree has written them, the last with secrets."""
    files = [tmp_path / f"{number}.conf" for number in range(12)]
    for file in files:
        file.write_text("as it was\n")
        file.chmod(0o640)
    digest = hashlib.sha256(b"as it was\n").hexdigest()
    manifest = {"files": dict.fromkeys(map(str, files), digest), "secret": [str(files[-1])]}
    monkeypatch.setattr(drift, "MANIFESTS", tmp_path / "manifests")
    drift.MANIFESTS.mkdir()
    (drift.MANIFESTS / "postfix.json").write_text(json.dumps({**manifest, "directories": []}))
    return files


def test_files_as_they_were_written_are_fine(written: list[Path]) -> None:
    (finding,) = drift.files(SETTINGS)
    assert (finding.status, finding.found) == (OK, "12 files as site.yml wrote it")


def test_changed_and_removed_files_are_named_and_many_only_counted(written: list[Path]) -> None:
    written[0].write_text("by hand\n")
    written[1].unlink()
    found = {finding.subject: finding for finding in drift.files(SETTINGS)}
    assert [(found[str(file)].status, found[str(file)].found) for file in written[:2]] == [
        (WARNING, "changed"),
        (WARNING, "removed"),
    ]
    for file in written:
        file.unlink(missing_ok=True)
    assert [finding.found for finding in drift.files(SETTINGS)][-1] == "2 more files changed"


def test_secrets_that_all_users_can_read_are_found(written: list[Path]) -> None:
    written[-1].chmod(0o644)
    (secret,) = (found for found in drift.files(SETTINGS) if found.check == "secrets")
    assert (secret.subject, secret.status) == (str(written[-1]), CRITICAL)


@pytest.mark.parametrize(
    ("entry", "text", "expected"),
    [
        ({"_SYSTEMD_UNIT": "postfix@-.service", "PRIORITY": "2"}, "fatal: no", "postfix"),
        ({"_SYSTEMD_UNIT": "dovecot.service", "PRIORITY": "2"}, "Panic: file", "dovecot"),
        # As it says while Dovecot is down, at each connection, those of the check included.
        (
            {"_SYSTEMD_UNIT": "postfix@-.service", "PRIORITY": "2"},
            "fatal: no SASL authentication mechanisms",
            None,
        ),
        # Errors are every day's; a stranger may cause them.
        ({"_SYSTEMD_UNIT": "dovecot.service", "PRIORITY": "3"}, "Error: x", None),
        ({"_SYSTEMD_UNIT": "other.service", "PRIORITY": "0"}, "the end", None),
        ({"_PID": "1", "PRIORITY": "3"}, "x.service: killed by the OOM killer.", "memory"),
        ({"_PID": "7", "PRIORITY": "3"}, "HELO killed by the OOM killer.", None),
        ({"_TRANSPORT": "kernel"}, "Out of memory: Killed process 1 (x)", "memory"),
        ({"_TRANSPORT": "kernel"}, "I/O error, dev sda, sector 1", "disk"),
        ({"_TRANSPORT": "kernel"}, "EXT4-fs error (device sda1): bad", "disk"),
        ({"_TRANSPORT": "kernel"}, "usb 1-1: device not accepting address", None),
        # What a client has sent is no word of the kernel's.
        ({"_SYSTEMD_UNIT": "rspamd.service", "PRIORITY": "3"}, "I/O error", None),
    ],
)
def test_faults_are_told_from_other_errors_in_the_log(
    entry: dict[str, object], text: str, expected: str | None
) -> None:
    fault = log.classify(entry, text)
    assert (fault and fault.subject) == expected


@pytest.mark.parametrize(
    ("days", "column", "status"),
    [
        (400, "eol-lts", OK),
        (90, "eol-lts", WARNING),
        (-1, "eol-lts", CRITICAL),
        (90, "eol", WARNING),
    ],
)
def test_the_end_of_support_is_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, column: str, status: str
) -> None:
    end = date.today() + timedelta(days=days)
    monkeypatch.setattr(local, "RELEASES", tmp_path / "debian.csv")
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"VERSION_CODENAME": "trixie"})
    local.RELEASES.write_text(f"series,{column}\nbookworm,2001-01-01\ntrixie,{end}\n")
    assert [finding.status for finding in local.support(SETTINGS)] == [status]
    local.RELEASES.write_text(f"series,{column}\nbookworm,2001-01-01\n")
    assert list(local.support(SETTINGS)) == []


@pytest.mark.parametrize(
    ("shares", "fails", "expected"),
    [
        ([10, 94], False, (OK, "no mailbox")),
        ([10, 96], False, (NOTE, "1 mailbox over 95 %: user1@example.org")),
        # doveadm fails in the end, as a listed user does not exist.
        ([100, 96], True, (NOTE, "2 mailboxes")),
    ],
)
def test_mailboxes_that_are_almost_full_are_named(
    monkeypatch: pytest.MonkeyPatch, shares: list[int], fails: bool, expected: tuple[str, str]
) -> None:
    def lines(*command: str, patience: float) -> object:
        yield b"Username\tQuota name\tType\tValue\tLimit\t%\n"
        for number, share in enumerate(shares):
            yield f"user{number}@example.org\tMailbox\tSTORAGE\t1\t2\t{share}\n".encode()
            yield f"user{number}@example.org\tMailbox\tMESSAGE\t1\t-\t0\n".encode()
        if fails:
            raise Unanswered("doveadm: exit status 67")

    monkeypatch.setattr(programs, "lines_of", lines)
    (finding,) = programs.quotas(SETTINGS)
    assert isinstance(finding, Finding)
    assert finding.status == expected[0] and finding.found.startswith(expected[1])
