# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the journal bit by bit, given the output of journalctl(1)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox import Failure
from pillarbox.status.ask import Cut, Unanswered
from pillarbox.tls import journal, update
from pillarbox.tls.store import Store
from pillarbox.tls.verification import Verification

from ...paths import PROGRAM
from .log import CLEAR_THEN_REUSED, RECEIVED, SENT
from .log import journal as processes

NOW = 1795738580
LOG = RECEIVED + SENT + CLEAR_THEN_REUSED


def cursor(number: int, boot: str = "b1") -> str:
    return f"s=efdc;i={number:x};b={boot};m={number:x};t={number:x};x=6cf1"


def printed(log: str = LOG, first: int = 0) -> list[bytes]:
    """The lines of "journalctl -o json"."""
    return [
        json.dumps({
            "__CURSOR": cursor(number),
            "__REALTIME_TIMESTAMP": f"{(NOW + number) * 1_000_000}",
            "SYSLOG_IDENTIFIER": daemon,
            "SYSLOG_PID": pid,
            "MESSAGE": text,
        }).encode() + b"\n"
        for number, (daemon, pid, text) in enumerate(processes(log), first)
    ]  # fmt: skip


def moment(text: str) -> int:
    """The time in a cursor."""
    return int(text.split("t=")[1].split(";")[0], 16)


class Journal:
    """A journal that journalctl(1) reads."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.commands: list[tuple[str, ...]] = []
        self.error: Exception | None = None

    def lines_of(self, *command: str, patience: float) -> Iterator[bytes]:
        self.commands.append(command)
        [start] = [word for word in command if word.startswith(("--cursor=", "--since="))]
        lines = self.lines
        if start.startswith("--cursor="):
            # As sd_journal_seek_cursor(3): if that entry is gone, from the one after it.
            lines = [
                line for line in lines if moment(json.loads(line)["__CURSOR"]) >= moment(start)
            ]
        yield from lines
        if self.error:
            raise self.error


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Journal:
    there = Journal()
    monkeypatch.setattr(journal, "lines_of", there.lines_of)
    monkeypatch.setattr(time, "time", lambda: float(NOW))
    monkeypatch.setattr(Verification, "of", lambda *_: "dane")
    return there


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "tls.sqlite")
    yield opened
    opened.close()


def read(store: Store, days: int = 90) -> int:
    return update.update(store, days, Verification(mta_sts=True))


def counted(store: Store) -> dict[tuple[str, bool, str], int]:
    found: dict[tuple[str, bool, str], int] = {}
    for count in store.counts(""):
        key = (count.domain, count.sent, count.way.quality)
        found[key] = found.get(key, 0) + count.number
    return found


ALL = {
    ("peer.example.net", False, "encrypted"): 1,
    ("peer.example.net", True, "clear"): 1,
    ("example.net", True, "dane"): 2,
}


def test_everything_is_counted_once_however_often_it_is_read(host: Journal, store: Store) -> None:
    host.lines = printed()
    assert read(store) == 4
    assert counted(store) == ALL
    assert read(store) == 0
    assert counted(store) == ALL


def test_a_reading_goes_on_where_the_last_one_ended(
    host: Journal, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed()
    for end in range(len(lines) + 1):
        host.lines = lines[:end]
        read(store)
    assert counted(store) == ALL
    assert capsys.readouterr() == ("", "")


def test_the_first_reading_begins_with_the_days_that_are_kept(host: Journal, store: Store) -> None:
    read(store, 14)
    assert "--since=-14d" in host.commands[0]


def test_only_what_postfix_itself_has_logged_is_read(host: Journal, store: Store) -> None:
    read(store)
    [command] = host.commands
    assert {"_SYSTEMD_UNIT=postfix.service", "_SYSTEMD_UNIT=postfix@-.service"} <= {*command}
    daemons = {word for word in command if word.startswith("SYSLOG_IDENTIFIER=")}
    assert "SYSLOG_IDENTIFIER=postfix/smtpd" in daemons
    assert not [word for word in daemons if "submission" in word or "srs" in word]


def test_a_large_log_is_stored_in_parts(
    host: Journal, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update, "BATCH", 3)
    host.lines = printed()
    # The last part is not reached.
    host.error = Cut("journalctl did not finish within 1800 s")
    read(store)
    assert store.reading()[0] != ""
    host.error = None
    read(store)
    assert counted(store) == ALL


def test_a_journal_that_was_deleted_is_reported_once(
    host: Journal, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    host.lines = printed(RECEIVED)
    read(store)
    host.lines = printed(SENT, first=1000)
    assert read(store) == 1
    assert "the journal no longer has all" in capsys.readouterr().err
    host.lines += printed(CLEAR_THEN_REUSED, first=2000)
    assert read(store) == 2
    assert capsys.readouterr().err == ""
    assert counted(store) == ALL


def test_an_entry_stays_the_same_when_journald_moves_it_to_the_disk() -> None:
    moved = cursor(7).replace("s=efdc;i=7", "s=0815;i=9")
    assert journal.same(cursor(7), moved)
    assert not journal.same(cursor(7), cursor(8))


def test_a_failure_of_journalctl_is_the_message(host: Journal, store: Store) -> None:
    host.error = Unanswered("journalctl: Failed to seek to cursor: Invalid argument")
    with pytest.raises(Failure, match="Failed to seek to cursor"):
        read(store)


def test_what_is_too_old_is_forgotten(
    host: Journal, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.lines = printed()
    read(store)
    monkeypatch.setattr(time, "time", lambda: float(NOW + 90 * 86400))
    read(store)
    assert counted(store) == {}


@pytest.mark.parametrize(
    "message",
    [
        # As journalctl prints text that is not UTF-8, and a field that occurs twice.
        list(b"connect from unknown[192.0.2.1]"),
        ["connect from unknown[192.0.2.1]", "another"],
        None,
    ],
)
def test_odd_entries_do_no_harm(host: Journal, store: Store, message: object) -> None:
    fields = {**json.loads(printed()[0]), "SYSLOG_IDENTIFIER": "postfix/smtpd", "MESSAGE": message}
    host.lines = [json.dumps(fields).encode()]
    assert read(store) == 0


# A process of its own, which can be killed. It prints the number of each line that it has read.
READ = """
import json, sys, time
from pathlib import Path
from pillarbox.tls import journal, update
from pillarbox.tls.store import Store
from pillarbox.tls.verification import Verification

def lines_of(*command, patience):
    [start] = [word for word in command if word.startswith(("--cursor=", "--since="))]
    wanted = start.removeprefix("--cursor=")
    found = not start.startswith("--cursor=")
    for number, line in enumerate(open(sys.argv[2], "rb")):
        found = found or json.loads(line)["__CURSOR"] == wanted
        if found:
            print(number, flush=True)
            time.sleep(0.002)
            yield line

journal.lines_of = lines_of
Verification.of = lambda *_: "dane"
update.BATCH = 5
update.update(Store(Path(sys.argv[1])), 36500, Verification(False))
"""


def test_a_reading_that_is_killed_neither_loses_nor_doubles_a_message(tmp_path: Path) -> None:
    file, log = tmp_path / "tls.sqlite", tmp_path / "log"
    log.write_bytes(b"".join(printed(LOG * 10)))
    command = [sys.executable, "-c", READ, str(file), str(log)]
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM)}
    kills = 0
    for lines in (7, 12, 23, 31, 46):
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout
            for _ in range(lines):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        kills += process.returncode == -signal.SIGKILL
    assert kills == 5
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=True)
    store = Store(file)
    assert counted(store) == {key: 10 * number for key, number in ALL.items()}
    store.close()
