# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is made of, copies of databases, passes, and what a restore does with the files."""

from __future__ import annotations

import os
import platform
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pillarbox import Failure
from pillarbox.backup import copies, host, owners, run
from pillarbox.backup.contents import Item, contents, derived, existing
from pillarbox.backup.restic import Pass, Restic, Snapshot
from pillarbox.backup.settings import Settings
from pillarbox.status import backup as status
from pillarbox.status.finding import ATTENTION, OK

PARTS: dict[str, dict[str, Any]] = {
    "acme_sh": {
        "tls_dir": "/etc/pillarbox/tls",
        "acme_home": "/etc/acme.sh",
        "web": {"dir": "/etc/pillarbox/web"},
    },
    "client_certificates": {"certificates": "/etc/pillarbox/clients/certificates.json"},
    "dovecot": {"directories": {"mailboxes": "/srv/mail"}},
    "postfix": {"directories": {"queue": "/var/spool/postfix"}},
    "postsrsd": {"secret": "/etc/postsrsd.secret"},
    "rspamd": {"dkim": {"keys": "/var/lib/rspamd/dkim"}},
    "webmail": {"directories": {"webmail": "/var/lib/pillarbox-webmail"}},
}
HOUR = 3600


def test_the_list_has_what_cannot_be_created_again() -> None:
    paths = {path for item in contents(PARTS) for path in item.paths}
    assert {
        "/etc/acme.sh",
        "/etc/dovecot/users",
        "/etc/pillarbox/clients",
        "/etc/pillarbox/tls",
        "/etc/postsrsd.secret",
        "/srv/mail",
        "/var/lib/pillarbox",
        "/var/lib/rspamd/dkim",
        "/var/spool/postfix/hold",
    } <= paths


def test_mail_on_its_way_into_a_mailbox_is_left_out_and_folders_of_that_name_are_not() -> None:
    assert "/srv/mail/.restore-*" in derived(PARTS)
    assert all(pattern.startswith("/") for pattern in derived(PARTS))


def test_a_host_without_a_role_has_nothing_of_it() -> None:
    assert all(item.what for item in contents({}))
    assert "" not in {path for item in contents({}) for path in item.paths}


def test_a_link_is_stored_with_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "mail").symlink_to(tmp_path / "disk")
    (tmp_path / "disk").mkdir()
    found = existing([str(tmp_path / "mail"), str(tmp_path / "none")])
    assert found == [str(tmp_path / "mail"), str(tmp_path / "disk")]


def test_a_database_is_copied_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "PLACE", tmp_path / "host")
    monkeypatch.setattr(copies, "ABOUT", tmp_path / "host/about.json")
    monkeypatch.setattr(copies, "DATABASES", tmp_path / "host/databases")
    data = tmp_path / "data"
    data.mkdir()
    (data / "notes.txt").write_text("no database")
    with closing(sqlite3.connect(data / "x.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE t (a)")
        database.execute("INSERT INTO t VALUES (1)")
        # In the file beside the database only, as it is open.
        replaced = copies.prepare([Item("data", [str(data)], databases=True)], [])
    assert replaced[0] == f"{data}/x.db" and f"{data}/x.db-wal" in replaced
    copy = Path(f"{copies.DATABASES}{data}/x.db")
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT a FROM t").fetchall() == [(1,)]
    assert not Path(f"{copies.DATABASES}{data}/notes.txt").exists()
    assert {"format", "paths", "users", "groups"} <= copies.about([]).keys()


def reads(monkeypatch: pytest.MonkeyPatch, *changes: int) -> list[str]:
    """Have passes find so many changes, and return the parent of each."""
    parents: list[str] = []

    def back_up(_self: Restic, _host: str, parent: str, *_paths: Any) -> Pass:
        parents.append(parent)
        return Pass(f"s{len(parents)}", changes[len(parents) - 1], 0, 9, 9)

    monkeypatch.setattr(Restic, "back_up", back_up)
    return parents


REPOSITORY = Restic({"RESTIC_REPOSITORY": "/srv/backup", "RESTIC_PASSWORD": "x"})


def test_files_are_read_until_nothing_changes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parents = reads(monkeypatch, 500, 2, 0)
    made = run.passes(REPOSITORY, "mx", "s0", [], [])
    assert [one.snapshot for one in made] == ["s1", "s2", "s3"]
    assert parents == ["s0", "s1", "s2"]
    assert "nothing changed between passes 2 and 3" in capsys.readouterr().out


def test_a_host_that_is_never_quiet_is_read_a_few_times(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reads(monkeypatch, *[7] * 10)
    assert len(run.passes(REPOSITORY, "mx", "", [], [])) == run.PASSES
    assert "7 files changed during the last of" in capsys.readouterr().out


def test_a_repository_of_another_host_is_left_alone() -> None:
    given = Settings(["old.example.org", "mx.example.org"], {}, 0, {})
    found = [Snapshot("a", "old.example.org", None), Snapshot("b", "mx.example.org", None)]  # type: ignore[arg-type]
    assert run.own(found, given, "/srv/backup") == "b"
    assert run.own([], given, "/srv/backup") == ""
    other = Snapshot("c", "web.example.org", None)  # type: ignore[arg-type]
    with pytest.raises(Failure, match=r"has backups of web\.example\.org; give this host"):
        run.own([*found, other], given, "/srv/backup")


def test_a_directory_that_contains_something_is_in_use(tmp_path: Path) -> None:
    assert not host.in_use(str(tmp_path / "none"))
    assert not host.in_use(str(tmp_path))
    (tmp_path / "lost+found").mkdir()
    assert not host.in_use(str(tmp_path))
    (tmp_path / "mail").touch()
    assert host.in_use(str(tmp_path)) and host.in_use(str(tmp_path / "mail"))


def test_a_backup_of_a_newer_release_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"VERSION_ID": "12"})
    chosen = Snapshot("a", "mx", None)  # type: ignore[arg-type]
    for about, refused in (
        ('{"format": 1, "release": "12"}', ""),
        ('{"format": 1, "release": "13"}', "this backup is of Debian 13"),
        ('{"format": 1, "release": ""}', "this backup is of Debian "),
        ('{"format": 2, "release": "12"}', "made by a newer collection"),
    ):
        monkeypatch.setattr(Restic, "dump", lambda *_args, text=about: text)
        if refused:
            with pytest.raises(Failure, match=refused):
                host.read_about(REPOSITORY, chosen)
        else:
            assert host.read_about(REPOSITORY, chosen)["release"] == "12"


def test_links_of_an_interrupted_restore_are_removed_and_those_to_a_disk_stay(
    tmp_path: Path,
) -> None:
    for name in ("disk", "own", "mail"):
        (tmp_path / name).mkdir()
    (tmp_path / "disk/script").symlink_to("sieve/mine")
    # As an administrator made it; and as it was backed up, with where it leads to.
    (tmp_path / "admin").symlink_to(tmp_path / "disk")
    (tmp_path / "state").symlink_to(tmp_path / "own")
    host.remove_links([f"{tmp_path}/{name}" for name in ("admin", "state", "own", "none")])
    assert sorted(os.listdir(tmp_path)) == ["admin", "disk", "mail", "own"]
    assert os.listdir(tmp_path / "disk") == []


def test_mail_that_waited_is_held_and_incomplete_mail_is_not(tmp_path: Path) -> None:
    for name, mode in (
        ("hold/A1", 0o700),
        ("deferred/B/B2", 0o700),
        ("active/C3", 0o700),
        ("incoming/D4", 0o600),
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        file.chmod(mode)
    states = [tmp_path / name for name in ("incoming", "active", "deferred", "hold")]
    assert host.hold(states) == 3
    assert sorted(os.listdir(tmp_path / "hold")) == ["A1", "B2", "C3"]


def test_files_and_the_directories_above_are_found_once(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c").touch()
    (tmp_path / "link").symlink_to("/etc")
    found = [*owners.everything([tmp_path / "a", tmp_path / "link", tmp_path / "none"])]
    assert len(found) == len(set(found))
    assert {tmp_path / "a/b/c", tmp_path / "link", tmp_path, tmp_path.parent} <= {*found}
    assert Path("/") not in found and Path("/etc/passwd") not in found


@pytest.mark.parametrize(
    ("state", "expected", "text"),
    [
        ({}, OK, "the first one will be made"),
        ({"made": 100 * HOUR - 25 * HOUR, "files": 7}, OK, "7 files"),
        ({"made": 100 * HOUR - 27 * HOUR, "files": 7}, ATTENTION, "the last one was made"),
        ({"made": 99 * HOUR, "failed": 100 * HOUR, "failure": "no"}, ATTENTION, "failed at"),
    ],
)
def test_an_old_backup_needs_attention(state: dict[str, Any], expected: str, text: str) -> None:
    found = status.age(state, 99 * HOUR, 100 * HOUR)
    assert found.state == expected and text in found.text


def test_a_host_that_never_had_one_needs_attention_after_a_day() -> None:
    assert status.age({}, 0, 27 * HOUR).state == ATTENTION
