# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``status``: how this mail host is, on one screen."""

from __future__ import annotations

import io
import os
import socket
import sys
import time

from pillarbox import Failure
from pillarbox.manual import Manual
from pillarbox.status.looks import look
from pillarbox.status.parts import all_parts
from pillarbox.status.screen import as_json, needing, screen

MANUAL = Manual(
    "status",
    """\
Say how this mail host is, on one screen: what runs, what waits, and what needs a hand.

It changes nothing, and sends nothing but one question to the host's own resolver. A line is "ok",
or "attention" if somebody has to act; what to do is then at the end. What could not be looked at is
"unknown". It takes ten seconds at most, and less than one on a host that is well.
""",
    """\
Use it when something seems wrong, and after each change.

Examples
  pillarbox status            # for people
  pillarbox status --json     # the same for programs

Exit status
  0  nothing needs a hand
  1  something does, or this could not look

Files
  /etc/pillarbox/parts/    what each role runs here, which is what is looked at
""",
)


def main(arguments: list[str]) -> int:
    parser = MANUAL.parser()
    parser.add_argument("--json", action="store_true", help="the findings as a JSON object")
    given = parser.parse_args(arguments)
    if os.geteuid() != 0:
        raise Failure("only root may look at all of it; run this as root")
    parts = all_parts()
    if not parts:
        raise Failure("no role has configured anything on this host; run site.yml")
    # Words of others may not be in the character set of the terminal.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    now, host = time.time(), socket.gethostname()
    findings = look(parts, now)
    if given.json:
        print(as_json(findings, host, now))
    else:
        colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(screen(findings, host, now, colours))
    return 1 if needing(findings) else 0
