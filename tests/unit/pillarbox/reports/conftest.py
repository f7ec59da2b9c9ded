# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that serves example.org, at the time of the samples."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pillarbox import parts
from pillarbox.reports import command, own
from pillarbox.reports.sending import outbox
from pillarbox.reports.sending.outbox import Outbox

from .samples import NOW


class Host(NamedTuple):
    """The program on a host. What it prints is in the fixture capsys."""

    file: Path
    receive: Callable[[bytes], int]
    run: Callable[..., int]
    told: Callable[..., Any]


@pytest.fixture
def host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Host:
    file = tmp_path / "reports.sqlite"
    monkeypatch.setattr(command, "FILE", file)
    monkeypatch.setattr(command, "WAIT", 0.1)
    monkeypatch.setattr("time.time", lambda: NOW)
    monkeypatch.setattr(own, "run", lambda *_command: b"10.0.0.5 2001:DB8:0::25 \n")
    monkeypatch.setattr(parts, "DIRECTORY", str(tmp_path))
    (tmp_path / "base.json").write_text(
        json.dumps(
            {
                "addresses": ["192.0.2.25"],
                "domains": ["example.org", "example.com"],
                "hostname": "mx.example.org",
            }
        )
    )
    (tmp_path / "postfix.json").write_text(json.dumps({"relay_networks": ["192.0.2.128/25"]}))

    def receive(mail: bytes) -> int:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(mail)))
            return command.main(["receive"])

    def run(*arguments: str) -> int:
        return command.main(list(arguments))

    def told(*arguments: str) -> Any:
        """Return what it tells programs about its domains, by domain."""
        capsys.readouterr()
        assert command.main(["--json", *arguments]) == 0
        whole = json.loads(capsys.readouterr().out)
        return {each["domain"]: each for each in whole["domains"]}

    return Host(file, receive, run, told)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Outbox]:
    with outbox.opened(tmp_path / "tlsrpt.sqlite") as opened:
        yield opened
