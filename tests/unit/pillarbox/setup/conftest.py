# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.setup.application import Application
from pillarbox.setup.service import Server
from pillarbox.setup.settings import Settings

from .host import EVERYTHING, Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The service on a real socket, with everything that a host may have."""
    path = tmp_path / "setup.sock"
    settings = Settings.of({**EVERYTHING, "certificates": str(tmp_path)})
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        server = Server(listening, Application(settings), idle=30)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Site(path)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
