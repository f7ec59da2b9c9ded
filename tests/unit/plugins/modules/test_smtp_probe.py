# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.modules import smtp_probe


class Server:
    """A server that replies to each RCPT with the next answer, and repeats the last one."""

    def __init__(self) -> None:
        self.answers = ["250 2.1.5 Ok"]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                connection, address = self.listener.accept()
            except OSError:  # closed at the end of the test
                return
            with connection, connection.makefile("rb") as commands:
                connection.sendall(b"220 mx.example.org\r\n")
                for command in commands:
                    answer = "221 bye" if command.upper().startswith(b"QUIT") else "250 ok"
                    if command.upper().startswith(b"RCPT"):
                        answer = self.answers[0]
                        self.answers = self.answers[1:] or self.answers
                    connection.sendall(f"{answer}\r\n".encode())
                    if command.upper().startswith(b"QUIT"):
                        break


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.listener.close()


def run(capsys: pytest.CaptureFixture[str], port: int, **more: Any) -> dict[str, Any]:
    args = {"recipient": "postmaster@example.org", "port": port, "timeout": 2, **more}
    with patch_module_args(args), pytest.raises(SystemExit):
        smtp_probe.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


@pytest.mark.parametrize(
    "answers",
    [["250 2.1.5 Ok"], ["451 4.7.1 Service unavailable", "450 4.2.0 Greylisted", "250 2.1.5 Ok"]],
)
def test_waits_until_the_recipient_is_accepted(
    server: Server, capsys: pytest.CaptureFixture[str], answers: list[str]
) -> None:
    server.answers = answers
    result = run(capsys, server.port)
    assert (result["changed"], result["answer"]) == (False, "250 2.1.5 Ok")


@pytest.mark.parametrize(
    "answer", ["550 5.1.1 User unknown", "451 4.3.5 Server configuration error"]
)
def test_does_not_wait_for_permanent_errors(
    server: Server, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    server.answers = [answer]
    start = time.monotonic()
    result = run(capsys, server.port, timeout=60)
    assert f"does not accept mail for postmaster@example.org: {answer}." in result["msg"]
    assert time.monotonic() - start < 10


def test_gives_up_after_the_timeout(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers = ["451 4.7.1 Service unavailable"]
    assert "451 4.7.1 Service unavailable" in run(capsys, server.port, timeout=1)["msg"]


def test_reports_a_closed_port(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "refused" in run(capsys, port, timeout=1)["msg"]


def test_does_nothing_in_check_mode(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, 1, _ansible_check_mode=True)
    assert (result["changed"], result["answer"]) == (False, None)
