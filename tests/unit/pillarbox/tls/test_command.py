# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of "pillarbox tls"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pillarbox import cli, parts
from pillarbox.tls import command, journal
from pillarbox.tls.verification import Verification

from .log import RECEIVED, SENT
from .log import journal as processes


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database of a host that keeps 90 days, and whose log has two messages."""
    file = tmp_path / "tls.sqlite"
    monkeypatch.setattr(parts, "DIRECTORY", str(tmp_path))
    monkeypatch.setattr(command, "DATABASE", file)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("time.time", lambda: 1795738580.0)
    monkeypatch.setattr(journal, "lines_of", lines_of)
    monkeypatch.setattr(Verification, "of", lambda *_: "dane")
    keep(tmp_path, 90)
    return file


def keep(directory: Path, days: int) -> None:
    (directory / "postfix.json").write_text(json.dumps({"tls_days": days, "mta_sts": False}))


def lines_of(*command: str, patience: float) -> Iterator[bytes]:
    for number, (daemon, pid, text) in enumerate(processes(RECEIVED + SENT)):
        fields = {
            "__CURSOR": f"s=1;i={number};t={number}",
            "__REALTIME_TIMESTAMP": "1795738580000000",
            "SYSLOG_IDENTIFIER": daemon,
            "SYSLOG_PID": pid,
            "MESSAGE": text,
        }
        if f"--cursor={fields['__CURSOR']}" in command or command[5].startswith("--since"):
            command = (*command[:5], "--since")
            yield json.dumps(fields).encode()


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["tls", *arguments]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    return output.out


def test_each_command_counts_what_is_new_first(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "1 message sent, 1 received" in said(capsys)
    # And nothing twice.
    assert "1 message sent, 1 received" in said(capsys)
    assert said(capsys, "update") == "0 new messages\n"


def test_it_prints_a_table_json_ciphers_and_a_chart(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "example.net       sent             1  DANE" in said(capsys)
    assert json.loads(said(capsys, "--json", "--days", "1"))["since"] == "2026-11-27"
    assert said(capsys, "ciphers").startswith("cipher")
    chart = ElementTree.fromstring(said(capsys, "chart", "--days", "7"))
    assert chart[0].text == "Messages by protection, 2026-11-21 to 2026-11-27"


def test_it_shows_no_more_days_than_are_kept(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(database.parent, 7)
    assert said(capsys, "--days", "1000").startswith("From 2026-11-21 to 2026-11-27")


def test_nothing_is_kept_if_recording_is_switched_off(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "update")
    assert database.exists()
    keep(database.parent, 0)
    # By the timer, which is still active until the host boots.
    assert said(capsys, "update") == ""
    assert not database.exists()
    assert cli.main(["tls"]) == 1
    assert "nothing is recorded, as postfix_tls_days is 0" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "x", ""])
def test_days_are_a_number(number: str, database: Path) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["tls", f"--days={number}"])
    assert end.value.code == 2


def test_a_damaged_database_is_named(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database.write_text("not a database, but longer than the header of one " * 10)
    assert cli.main(["tls"]) == 1
    assert f"pillarbox tls: {database}: file is not a database" in capsys.readouterr().err
