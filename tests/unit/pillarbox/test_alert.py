# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The webhook and the heartbeat, with a real HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pillarbox import Failure, alert


class Receiver(HTTPServer):
    """A webhook: it keeps what is sent, and answers with the statuses given."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard: list[tuple[str, str, str]] = []
        self.statuses: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}/topic/s3cret"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.heard.append((self.command, self.path, body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Receiver]:
    monkeypatch.setattr(alert, "FILE", tmp_path / "alerts.json")
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    monkeypatch.setenv("no_proxy", "*")
    with Receiver() as server:
        configure(alert=server.url, heartbeat=f"{server.url}/ping")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def configure(**urls: str) -> None:
    alert.FILE.write_text(json.dumps({"alert": "", "heartbeat": "", **urls}))


def test_a_line_is_posted_and_the_heartbeat_only_asks(receiver: Receiver) -> None:
    alert.alert("mx: dovecot failed – sehr schlecht")
    alert.heartbeat()
    assert receiver.heard == [
        ("POST", "/topic/s3cret", "mx: dovecot failed – sehr schlecht"),
        ("GET", "/topic/s3cret/ping", ""),
    ]


def test_it_tries_again_and_a_failure_fails_nothing_and_shows_no_secret(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.statuses = [503]
    alert.alert("one")
    assert len(receiver.heard) == 2 and capsys.readouterr().err == ""
    receiver.statuses = [403, 403]
    alert.alert("two")
    assert capsys.readouterr().err == "the webhook in mail_alert_url failed: HTTP status 403\n"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/s3cret",
        "http://s3cret.invalid/",
        "http://127.0.0.1/s3 cret\n",
        "http://[s3cret/",
        "nothing:s3cret",
    ],
)
def test_no_address_fails_the_caller_or_is_shown(
    receiver: Receiver, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(heartbeat=url)
    alert.heartbeat()
    said = capsys.readouterr().err
    assert said.startswith("the heartbeat in mail_heartbeat_url failed: ")
    assert "s3cret" not in said


def test_a_redirected_post_is_a_failure_but_a_heartbeat_may_follow(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.statuses = [302, 301]
    alert.alert("one")
    assert "failed: HTTP status 301 (no redirect is followed)\n" in capsys.readouterr().err
    receiver.statuses = [302]
    alert.heartbeat()
    assert receiver.heard[-1] == ("GET", "/elsewhere", "")
    assert capsys.readouterr().err == ""


def test_without_an_address_nothing_is_done(receiver: Receiver) -> None:
    configure()
    alert.alert("one")
    alert.FILE.unlink()
    alert.heartbeat()
    assert receiver.heard == []


def test_a_damaged_file_fails_the_verb_but_nothing_else(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    alert.FILE.write_text('{"alert": "s3cret')
    alert.alert("one")
    said = capsys.readouterr().err
    assert "run site.yml" in said and "s3cret" not in said
    with pytest.raises(Failure, match="is damaged"):
        alert.main([])


def test_the_verb_tells_whether_it_worked(receiver: Receiver) -> None:
    assert alert.main(["the disk is noisy"]) == 0
    assert receiver.heard[0][2].endswith(": the disk is noisy")
    receiver.statuses = [500]
    assert alert.main([]) == 1
    receiver.statuses = [500]
    assert alert.main(["--patient"]) == 0
    configure()
    with pytest.raises(Failure, match="set mail_alert_url"):
        alert.main([])
