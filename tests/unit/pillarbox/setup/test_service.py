# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the service is started, waits, and ends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pillarbox import Failure
from pillarbox.activation import LISTEN_FDS_START
from pillarbox.setup import service
from pillarbox.setup.application import Application

from ...paths import PROGRAM
from .host import EVERYTHING, PLAIN, Client

# As systemd does it: the socket is descriptor 3, and LISTEN_PID the process that gets it.
START = """
import os, sys
from pillarbox import parts
from pillarbox.setup import service
parts.DIRECTORY, service.IDLE = sys.argv[1], 0.5
os.environ["LISTEN_PID"] = str(os.getpid())
sys.exit(service.main())
"""


def test_it_answers_on_the_socket_of_systemd_and_ends_when_nobody_asks(tmp_path: Path) -> None:
    (tmp_path / "setup.json").write_text(json.dumps(EVERYTHING))
    path = tmp_path / "setup.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                [sys.executable, "-c", START, str(tmp_path)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROGRAM), *sys.path]),
                     "LISTEN_FDS": "1"},
                preexec_fn=lambda: os.dup2(listening.fileno(), LISTEN_FDS_START),
                close_fds=False,
            )  # fmt: skip

        # Twice, as systemd starts it again for the next request, which waits in the socket.
        for _again in range(2):
            client = Client(path)
            client.request("GET", "/", headers={"Host": "autoconfig.example.org"})
            process = start()
            assert client.getresponse().status == 200
            client.close()
            assert process.wait(30) == 0


def test_it_does_not_start_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTEN_PID", raising=False)
    with pytest.raises(Failure, match="started by systemd"):
        service.main()


def test_a_slow_client_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(service.Handler, "timeout", 0.3)
    path = tmp_path / "setup.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        server = service.Server(listening, Application(PLAIN), idle=1)
        with socket.socket(socket.AF_UNIX) as slow, socket.socket(socket.AF_UNIX) as slower:
            slow.connect(str(path))
            slow.sendall(b"GET / HT")
            slower.connect(str(path))
            head = b"Host: autodiscover.example.org\r\nContent-Length: 9\r\n\r\n"
            slower.sendall(b"POST /autodiscover/autodiscover.xml HTTP/1.1\r\n" + head)
            client = Client(path)
            client.request("GET", "/", headers={"Host": "autoconfig.example.org"})
            begin = time.monotonic()
            for _connection in range(3):
                server.handle_request()
            assert client.getresponse().status == 200
            client.close()
            server.server_close()
            assert time.monotonic() - begin < 10
            assert slow.recv(100) == b""
            assert b" 408 " in slower.recv(100)
    assert "Traceback" not in capfd.readouterr().err
