# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's Thunderbird without a screen, controlled by Marionette.

See firefox-source-docs, testing/marionette: a message is its length, ":", and an array in JSON.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.lab import lab
from tests.lab.lab import LOGS, STATE

# Scripts may take so many seconds.
PATIENCE = 120
PREFERENCES = {
    "marionette.port": 0,
    "app.donation.eoy.version.viewed": 999,
    "mail.provider.enabled": False,
    "mailnews.start_page.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}
HERE = Path(__file__).parent
TRUST = """
const [certificate, done] = arguments;
const database = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
database.addCertFromBase64(certificate, "C,,");
done();
"""


class Thunderbird:
    """A running Thunderbird, which trusts the lab's CA."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.stream = connection.makefile("rb")
        self._read()  # its greeting
        self._call("WebDriver:NewSession")
        self._call("Marionette:SetContext", value="chrome")
        self._call("WebDriver:SetTimeouts", script=1000 * PATIENCE)
        pem = (STATE / "tls" / "pebble-root.pem").read_text()
        lines = [line for line in pem.splitlines() if not line.startswith("-")]
        self._run(TRUST, "".join(lines))

    def _read(self) -> Any:
        digits = b""
        while (byte := self.stream.read(1)) != b":":
            digits += byte
        return json.loads(self.stream.read(int(digits)))

    def _call(self, name: str, **parameters: Any) -> Any:
        message = json.dumps([0, 1, name, parameters]).encode()
        self.connection.sendall(b"%d:%s" % (len(message), message))
        _kind, _id, error, result = self._read()
        assert not error, error
        return result

    def run(self, name: str, *arguments: Any) -> Any:
        """Run a script of this directory with Thunderbird's privileges; return its result."""
        scripts = [(HERE / file).read_text() for file in ("common.js", f"{name}.js")]
        return self._run("".join(scripts), *arguments)

    def take_picture(self, name: str) -> None:
        """Save what would be on the screen."""
        picture = self._call("WebDriver:TakeScreenshot", full=False)["value"]
        (LOGS / f"{name}.png").write_bytes(base64.b64decode(picture))

    def _run(self, script: str, *arguments: Any) -> Any:
        result = self._call("WebDriver:ExecuteAsyncScript", script=script, args=arguments)
        return result["value"]


@contextlib.contextmanager
def started(directory: Path) -> Iterator[Thunderbird]:
    """Start it with a new profile, in which nothing is set up, and the lab's DNS."""
    profile = directory / "profile"
    profile.mkdir()
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    options = ["--headless", "--marionette", "--remote-allow-system-access", "--no-remote"]
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(LOGS / "thunderbird.log", "w") as log:
        process = subprocess.Popen(
            [
                *lab.by_the_labs_resolver(directory),
                *("thunderbird", *options, "--profile", str(profile)),
            ],
            env={**os.environ, "HOME": str(directory)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:

        def port() -> int | None:
            assert process.poll() is None, f"Thunderbird ended; see {LOGS}/thunderbird.log"
            file = profile / "MarionetteActivePort"
            return int(file.read_text()) if file.exists() and file.read_text() else None

        chosen = lab.eventually("Thunderbird's start", port, patience=PATIENCE)
        with socket.create_connection(("127.0.0.1", chosen), PATIENCE + 30) as connection:
            yield Thunderbird(connection)
    finally:
        process.terminate()
        process.wait(30)
