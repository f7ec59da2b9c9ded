# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What limits the database: of a report, of a day, of the time, and of writing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pillarbox import Failure
from pillarbox.reports import database, dmarc, store, tlsrpt
from pillarbox.reports.foreign import Refused

from .conftest import Host
from .samples import BEGIN, NOW, dmarc_xml, failure, message, record, tls_json


def report(number: int = 1, sources: int = 1) -> dmarc.Report:
    rows = (record(f"2001:db8::{n:x}", n + 1, dkim="fail", spf="fail") for n in range(sources))
    return dmarc.parse(dmarc_xml(*rows, report_id=str(number)))


def rows(file: Path, table: str = "source") -> int:
    with closing(sqlite3.connect(file)) as connection:
        [count] = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(count)


def test_the_most_frequent_sources_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "reports.sqlite"
    sources = store.MOST_ROWS + 500
    with store.opened(file) as opened:
        assert opened.add(report(sources=sources), NOW, 90)
        assert opened.messages("example.org", 0).total() == sources * (sources + 1) // 2
        [(first, _), *_, (_, fewest)] = opened.sources("example.org", 0)
    # The others are the most together.
    assert (first.source, first.header_from) == ("", "")
    assert fewest == 501
    assert rows(file) == store.MOST_ROWS + 1


def test_a_flood_of_reports_about_a_day_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_REPORTS_A_DAY", 50)
    monkeypatch.setattr(store, "MOST_ROWS_A_DAY", 200)
    file = tmp_path / "reports.sqlite"
    with store.opened(file) as opened:
        for number in range(50):
            opened.add(report(number, 20), NOW, 90)
        with pytest.raises(Refused, match="there are 50 about that domain and day already"):
            opened.add(report(-1), NOW, 90)
        # All that others and other days have is theirs.
        assert opened.add(report(-1)._replace(domain="example.com"), NOW, 90)
        assert opened.add(report(-1)._replace(begin=BEGIN - 86400), NOW, 90)
        assert opened.messages("example.org", 0).total() == 50 * 210 + 1
    # The last reports have one row each.
    assert rows(file) <= 200 + 50 + 2


def test_failures_of_tls_are_limited_alike(tmp_path: Path) -> None:
    many = [failure(f"result-{number}", number + 1) for number in range(1500)]
    [parsed] = tlsrpt.parse(tls_json(*many, failed=5))
    with store.opened(tmp_path / "reports.sqlite") as opened:
        opened.add(parsed, NOW, 90)
        [(first, _), *others] = opened.failures("example.org", 0)
    assert first == tlsrpt.Failure("sts", "", "", "", "")
    assert len(others) == store.MOST_ROWS


def test_a_report_is_stored_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "reports.sqlite"
    damaged = report()
    damaged.rows[dmarc.Row(*[None] * 8)] = 1  # type: ignore[arg-type]
    with pytest.raises(Failure, match="NOT NULL"), store.opened(file) as opened:
        opened.add(damaged, NOW, 90)
    assert (rows(file, "report"), rows(file)) == (0, 0)


def test_an_identifier_that_comes_again_on_another_day_names_another_report(tmp_path: Path) -> None:
    file = tmp_path / "reports.sqlite"
    # As Mail::DMARC has it, when its database is new: the number of a row.
    monday, tuesday = report(1)._replace(begin=BEGIN - 86400, end=BEGIN - 1), report(1)
    # In a database of an earlier version.
    with database.opened(file, store.STEPS[:2], 1) as connection:
        assert store.Store(connection).add(monday, NOW, 90)
    with store.opened(file) as opened:
        assert opened.add(tuesday, NOW, 90)
        assert not opened.add(monday, NOW, 90)
        assert opened.messages("example.org", 0).total() == 2
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM report")
        connection.commit()
    assert rows(file) == 0


def test_mail_waits_while_the_database_is_locked(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    host.receive(message(dmarc_xml()))
    with closing(sqlite3.connect(host.file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert host.receive(message(dmarc_xml(report_id="2"))) == os.EX_TEMPFAIL == 75
        assert "database is locked" in capsys.readouterr().err
        other.execute("ROLLBACK")
    assert host.receive(message(dmarc_xml(report_id="2"))) == 0
    assert host.told()["example.org"]["dmarc"]["messages"] == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.mkdir(),
        lambda file: file.write_bytes(b"This is no database. " * 100),
        lambda file: file.symlink_to("/nonexistent/reports.sqlite"),
        lambda file: file.symlink_to("/dev/full"),
    ],
)
def test_mail_waits_while_the_database_cannot_be_written(
    host: Host, spoil, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(host.file)
    assert host.receive(message(dmarc_xml())) == 75
    assert capsys.readouterr().err.startswith(f"pillarbox reports: {host.file}: ")


def test_its_directory_is_made_for_the_first_report(tmp_path: Path) -> None:
    file = tmp_path / "pillarbox-reports/reports.sqlite"
    with store.opened(file) as opened:
        assert opened.add(report(), NOW, 90)
    modes = [path.stat().st_mode & 0o777 for path in (file.parent, file)]
    assert modes == [0o700, 0o600]


def test_root_gives_a_database_to_the_owner_of_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda _file, user, group: given.append((user, group)))
    for _time in range(2):
        with store.opened(tmp_path / "reports.sqlite"):
            pass
    owner = tmp_path.stat()
    assert given == [(owner.st_uid, owner.st_gid)]


def test_mail_waits_while_the_domains_are_not_known(host: Host, tmp_path: Path) -> None:
    (tmp_path / "base.json").write_text("{")
    assert host.receive(message(dmarc_xml())) == 75
    (tmp_path / "base.json").unlink()
    assert host.receive(message(dmarc_xml())) == 75


def test_an_error_of_this_program_makes_no_bounce(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def parse(_content: bytes) -> None:
        raise KeyError("x")

    monkeypatch.setattr(dmarc, "parse", parse)
    assert host.receive(message(dmarc_xml())) == 0
    assert capsys.readouterr().out == "refused a report: it cannot be read (KeyError)\n"


def test_a_file_that_cannot_be_read_is_named(host: Host, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Failure, match="/pipe is neither a file nor a Maildir"):
        host.run("import", str(tmp_path / "pipe"))
    with pytest.raises(Failure, match="is not a Maildir"):
        host.run("import", str(tmp_path))
    with pytest.raises(Failure, match="/none: No such file or directory"):
        host.run("import", str(tmp_path / "none"))


def test_the_database_of_a_later_program_is_left_alone(host: Host) -> None:
    with closing(sqlite3.connect(host.file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert host.receive(message(dmarc_xml())) == 75
