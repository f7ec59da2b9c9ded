# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A way out when mail itself is broken: a line to a webhook, and a heartbeat to a watcher.

Neither failure keeps its caller from anything. The addresses may contain a secret token, so they
are in a file that only root can read, and in no message or argument list.
"""

from __future__ import annotations

import json
import socket
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

from pillarbox import Failure
from pillarbox.files import read
from pillarbox.manual import Manual
from pillarbox.redirects import NoRedirects

FILE = Path("/etc/pillarbox/alerts.json")
# Seconds for a request.
PATIENCE = 10.0
# Seconds before each attempt: the network may be down for a moment, or not up yet.
WHEN_CHECKED = (0.0, 5.0)
WHEN_FAILED = (0.0, 5.0, 30.0, 60.0)
# ntfy and most chat services cut longer messages, or refuse them.
LONGEST = 1000
_POST = urllib.request.build_opener(NoRedirects)

MANUAL = Manual(
    "alert",
    """\
Send a line to the webhook of mail_alert_url, which works without mail.
""",
    """\
Use it when you have set mail_alert_url, to try it out. Daemons and jobs that fail do this by
themselves, and the daily check if something became critical.

Examples
  pillarbox alert                        # "mx: test of pillarbox alert"
  pillarbox alert "the disk is noisy"

Exit status
  0  the webhook has accepted it
  1  failure; see the message on standard error

Files
  /etc/pillarbox/alerts.json    mail_alert_url and mail_heartbeat_url
""",
)


def main(arguments: list[str]) -> int:
    parser = MANUAL.parser()
    parser.add_argument("text", nargs="?", default="test of pillarbox alert", metavar="TEXT")
    parser.add_argument("--patient", action="store_true", help="try for a few minutes")
    given = parser.parse_args(arguments)
    url = configured("alert")
    if not url:
        raise Failure("there is no webhook; set mail_alert_url, and run site.yml")
    text = f"{socket.gethostname()}: {given.text}"
    return 0 if sent(url, text, WHEN_FAILED if given.patient else (0.0,)) else 1


def alert(text: str) -> None:
    """Send a line to the webhook, if there is one; a failure is only logged."""
    beside("alert", text)


def heartbeat() -> None:
    """Tell the watcher, if there is one, that the host is alive and was checked."""
    beside("heartbeat", "")


def beside(which: str, text: str) -> None:
    """Make a request beside other work, which goes on whatever comes of it."""
    try:
        if url := configured(which):
            sent(url, text, WHEN_CHECKED)
    except (Failure, OSError) as error:
        print(error, file=sys.stderr)


def configured(which: str) -> str:
    """Return an address; empty if there is none."""
    try:
        return str(json.loads(read(FILE) or b"{}").get(which, ""))
    except ValueError as error:
        raise Failure(f"{FILE} is damaged ({error}); run site.yml, which writes it") from error


def sent(url: str, text: str, pauses: tuple[float, ...]) -> bool:
    """Post a text, or without one only ask for the address; say if no attempt succeeded."""
    why = ""
    for pause in pauses:
        time.sleep(pause)
        why = attempt(url, text)
        if not why:
            return True
    what = "the webhook in mail_alert_url" if text else "the heartbeat in mail_heartbeat_url"
    print(f"{what} failed: {why}", file=sys.stderr)
    return False


def attempt(url: str, text: str) -> str:
    """Make a request, and return why it failed; empty if it did not."""
    data = text[:LONGEST].encode() if text else None
    headers = {"User-Agent": "pillarbox", "Content-Type": "text/plain; charset=utf-8"}
    try:
        request = urllib.request.Request(url, data, headers)
        open_url = _POST.open if data else urllib.request.urlopen
        with open_url(request, timeout=PATIENCE):
            return ""
    except urllib.error.HTTPError as error:
        moved = " (no redirect is followed)" if 300 <= error.code < 400 else ""
        return f"HTTP status {error.code}{moved}"
    # Only the cause: other messages may quote the address.
    except urllib.error.URLError as error:
        reason = error.reason
        return str(reason.strerror or reason) if isinstance(reason, OSError) else "no connection"
    except (OSError, HTTPException, ValueError) as error:
        return type(error).__name__
