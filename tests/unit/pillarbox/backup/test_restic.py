# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restic prints, how it reaches a repository, and which backup is chosen."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pillarbox import Failure
from pillarbox.backup import restic
from pillarbox.backup.command import choose, moment
from pillarbox.backup.restic import Restic, Snapshot, ssh_command

PASSWORD = "correct horse"
SUMMARY = {
    "message_type": "summary",
    "files_new": 1,
    "files_changed": 2,
    "files_unmodified": 40,
    "dirs_new": 0,
    "dirs_changed": 3,
    "dirs_unmodified": 7,
    "total_files_processed": 43,
    "total_bytes_processed": 12345,
    "snapshot_id": "a1b2c3d4",
}


def repository(place: str = "/srv/backup") -> Restic:
    return Restic({"RESTIC_REPOSITORY": place, "RESTIC_PASSWORD": PASSWORD})


@pytest.mark.parametrize("place", ["/srv/backup", "s3:https://s3.example.net/b", "rest:http://h/"])
def test_only_sftp_uses_ssh(place: str) -> None:
    assert ssh_command(place) == ""


@pytest.mark.parametrize(
    ("place", "end"),
    [
        ("sftp:backup@store.example.net:/srv/mx", ["backup@store.example.net", "-s", "sftp"]),
        (
            "sftp://backup@store.example.net:2222//srv/mx",
            ["-p", "2222", "backup@store.example.net", "-s", "sftp"],
        ),
    ],
)
def test_ssh_uses_the_key_of_the_settings_and_verifies_the_host(place: str, end: list[str]) -> None:
    words = shlex.split(ssh_command(place))
    assert words[-len(end) :] == end
    assert "StrictHostKeyChecking=yes" in words
    assert "IdentityFile=/etc/pillarbox/backup/ssh.key" in words


def test_what_was_read_is_summed_up() -> None:
    printed = "\n".join(["enter", json.dumps({"message_type": "status"}), json.dumps(SUMMARY)])
    assert restic._pass(printed, 1) == restic.Pass("a1b2c3d4", 6, 1, 43, 12345)
    with pytest.raises(Failure, match="no summary"):
        restic._pass("", 0)


def test_a_vanished_file_is_told_from_one_that_cannot_be_read() -> None:
    lines = [
        # 0.14, then 0.18.
        {"error": {"Op": "lstat", "Path": "/etc", "Err": 2}, "item": "/etc"},
        {"error": {"message": "lstat /etc: no such file or directory"}, "item": "/etc"},
        # 0.14 may say nothing, as of a file that is renamed while it is read.
        {"error": {}, "item": "/etc/no such file"},
        {"error": {"Op": "read", "Path": "/etc", "Err": 5}, "item": "/etc"},
        {"error": {"message": "read /etc: input/output error"}, "item": "/etc"},
    ]
    printed = "\n".join(json.dumps({"message_type": "error", **line}) for line in lines)
    found = list(restic._unread(printed))
    assert [vanished for _text, vanished in found] == [True, True, True, False, False]
    assert found[4][0] == "/etc: read /etc: input/output error"


def test_a_message_shows_no_password() -> None:
    place = "rest:https://mx:s3cret@store.example.net/"
    stored = repository(place)
    assert "s3cret" not in stored.repository
    for text in (f"cannot open {place}", f"sent {PASSWORD}"):
        told = stored._reason("cat", json.dumps({"message_type": "exit_error", "message": text}))
        assert "s3cret" not in told and PASSWORD not in told
    assert "mail_backup.password" in stored._reason("cat", "Fatal: wrong password or no key found")


@pytest.mark.parametrize(
    ("printed", "missing"),
    [
        ("config file: Lstat: file does not exist\nIs there a repository", True),
        ("config file: stat /b/config: no such file or directory\nIs there a repository", True),
        ("config file: Stat: Access Denied.\nIs there a repository", False),
        ("repository at sftp:b@h:/: unable to start the sftp session", False),
    ],
)
def test_a_repository_that_cannot_be_reached_is_not_missing(printed: str, missing: bool) -> None:
    said = f"Fatal: unable to open {printed} at the following location?"
    assert bool(restic.MISSING.search(said)) == missing


def test_a_killed_restic_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "restic").write_text("#!/bin/sh\nkill -KILL $$\n")
    (tmp_path / "restic").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(Failure, match="restic backup was killed by SIGKILL; run this again"):
        repository().run("backup")


def snapshot(name: str, day: int, host: str = "mx.example.org") -> Snapshot:
    return Snapshot(name, host, datetime(2026, 11, day, 2, 30, tzinfo=UTC))


def test_the_last_backup_until_then_is_chosen() -> None:
    found = [snapshot("a", 20), snapshot("b", 21), snapshot("x", 22, "other.example.org")]
    names = ["old.example.org", "mx.example.org"]
    assert choose(found, names, None).id == "b"
    assert choose(found, names, moment("2026-11-20")).id == "a"
    assert choose(found, names, moment("2026-11-21T02:30:00+00:00")).id == "b"
    assert choose(found, names, moment("2026-11-21T02:29:59+00:00")).id == "a"
    with pytest.raises(Failure, match="there is no backup until 2026-11-19"):
        choose(found, names, moment("2026-11-19"))
    with pytest.raises(Failure, match=r"backups of other\.example\.org only"):
        choose(found[2:], names, None)
