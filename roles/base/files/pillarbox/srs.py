# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``srs``: the secret that signs the sender addresses of forwarded mail."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from pillarbox import Failure
from pillarbox.commands import run
from pillarbox.files import read, replace
from pillarbox.manual import Manual
from pillarbox.parts import part

MANUAL = Manual(
    "srs",
    """\
Rotate the secret that signs the sender addresses of forwarded mail.

The former secret is still accepted, so that bounces of mail under way come back; the one before
that is not. Addresses are valid for 21 days, so rotate no more often than that.
""",
    """\
Use it when somebody may have read the secret, or routinely once a year.

Example
  pillarbox srs rotate

Exit status
  0  success: PostSRSd signs with the new secret
  1  failure; see the message on standard error

Files
  /etc/postsrsd.secret                  the current secret, then the former one
  /etc/pillarbox/parts/postsrsd.json    its path, and the daemon that reads it
""",
)


def rotate(secret: Path, unit: str) -> None:
    """Create a new secret, keep the current one as the former, and have the daemon read both."""
    before = read(secret) or b""
    former = before.splitlines(keepends=True)[:1]
    replace(secret, b"".join([base64.b64encode(os.urandom(24)), b"\n", *former]))
    try:
        run("systemctl", "restart", unit)
    except Failure:
        # Another attempt would drop the secret that has signed until now.
        replace(secret, before)
        raise


def main(arguments: list[str]) -> int:
    parser = MANUAL.parser()
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("rotate", help="sign with a new secret, and accept the former one")
    parser.parse_args(arguments)
    config = part("postsrsd")
    rotate(Path(config["secret"]), config["unit"])
    return 0
