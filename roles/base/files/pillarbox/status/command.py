# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``status``: the state of this mail host on one screen."""

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
Show the state of this mail host on one screen: what runs, what waits, and what needs attention.

It changes nothing, and sends only one query, to the host's own resolver. Each line is "ok",
"attention" if somebody has to act (the remedy is at the end), or "unknown" if the state could not
be determined. It takes at most ten seconds, and less than one on a healthy host.
""",
    """\
Use it when something seems wrong, and after each change.

Examples
  pillarbox status            # for people
  pillarbox status --json     # the same for programs

Exit status
  0  nothing needs attention
  1  something needs attention, or this command failed

Files
  /etc/pillarbox/parts/    what each role runs on this host
""",
)


def main(arguments: list[str]) -> int:
    parser = MANUAL.parser()
    parser.add_argument("--json", action="store_true", help="print the findings as a JSON object")
    given = parser.parse_args(arguments)
    parts = all_parts()
    if not parts:
        raise Failure("no role is set up on this host; run site.yml")
    # Quoted log messages may have characters that the terminal's character set lacks.
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
