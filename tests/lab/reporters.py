# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of others that report to us, on the other mail server: tlsrpt-reporter, Mail::DMARC."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from importlib import metadata
from pathlib import Path

from tests.lab import lab
from tests.lab.reports import arrived

# Sessions of mail from the first are reported; those of the other find no cipher in common.
REPORTED, FAILING = "bob-reported@example.net", "bob-failing@example.net"
# As in /etc/tlsrpt, where its own files of the day before are.
SOCKET, COUNTED = "/run/tlsrpt-collectd.sock", "/var/lib/tlsrpt/collectd.sqlite"
YESTERDAY = f"{COUNTED}.yesterday"


def _install() -> None:
    """Copy tlsrpt-reporter from the tests' environment, as peer cannot reach PyPI."""
    package = metadata.distribution("tlsrpt-reporter")
    names = {file.parts[0] for file in package.files or []} - {".."}
    place = "/usr/lib/python3/dist-packages"
    lab.send("peer", place, Path(str(package.locate_file(""))), "--exclude=__pycache__", *names)


def _start(program: str) -> None:
    unit = ["--quiet", "--collect", f"--unit={program}", "--property=StateDirectory=tlsrpt"]
    run = ["python3", "-m", f"tlsrpt_reporter.{program}"]
    lab.on("peer", shlex.join(["systemd-run", *unit, *run]))


@contextmanager
def tls_sessions_reported() -> Iterator[None]:
    """Have tlsrpt-reporter count TLS sessions, and send its report about them at the end."""
    _install()
    try:
        _start("tlsrpt_collectd")
        lab.on("peer", f"timeout 20 sh -c 'until [ -S {SOCKET} ]; do sleep 0.1; done'")
        yield
        # What it calls a roll-over for development: today becomes yesterday.
        lab.on("peer", f"rm {YESTERDAY}; systemctl kill -s USR2 tlsrpt_collectd")
        lab.on("peer", f"timeout 20 sh -c 'until [ -e {YESTERDAY} ]; do sleep 0.1; done'")
        _start("tlsrpt_reportd")
        # Until the database exists, the program prints a traceback.
        sent = "python3 -m tlsrpt_reporter.tlsrptctl status 2>/dev/null | grep -w sent"
        lab.eventually("a TLS report", lambda: lab.on("peer", sent, check=False) or None)
    finally:
        lab.on("peer", "systemctl stop tlsrpt_collectd tlsrpt_reportd", check=False)
        lab.on("peer", "rm -rf /var/lib/tlsrpt")


def send_dmarc_report(*mails: EmailMessage) -> None:
    """Have Mail::DMARC evaluate messages that arrive, and send its report about them."""
    for mail in mails:
        lab.received_at_peer(mail)
    files = [name for mail in mails for name in arrived(str(mail["Subject"]))]
    lab.on("peer", "rm -f /var/lib/mail-dmarc.sqlite")
    lab.on("peer", f"{shlex.join(['lab-dmarc', *files])} && dmarc_send_reports --delay 0")
