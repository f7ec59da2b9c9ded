# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find and read the account file of acme.sh.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

HOME = "/etc/acme.sh"
BACKUP = "/var/backups/pillarbox/acme.sh"


class AcmeError(Exception):
    """An account cannot be registered or read."""


def account_file(home: str, server: str) -> PurePosixPath:
    """Return the file in which acme.sh stores its account at an ACME server.

    home is acme.sh's --config-home, server the URL of the ACME directory. acme.sh drops the port
    from the directory name (_initpath in acme.sh). Raises AcmeError for anything but an https URL.
    """
    url = urlsplit(server)
    if url.scheme != "https" or not url.hostname:
        raise AcmeError(f"server {server!r} is not the https URL of an ACME directory")
    return PurePosixPath(home, "ca", url.hostname, url.path.strip("/"), "ca.conf")


def account_uri(ca_conf: str) -> str | None:
    """Return the account's URL (RFC 8555 section 7.3) in ca.conf, or None before registration."""
    found = re.search(r"^ACCOUNT_URL='([^']+)'$", ca_conf, re.MULTILINE)
    return found.group(1) if found else None


def registered(home: str, server: str) -> str | None:
    """Return the URL of the account at a server that is stored below home, None if there is none.

    Raises AcmeError for anything but an https URL.
    """
    try:
        return account_uri(Path(account_file(home, server)).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def reason(output: str) -> str:
    """Return the last lines of acme.sh's output as one line, for an error message."""
    lines = [re.sub(r"^\[[^]]*\] ", "", line) for line in output.strip().splitlines()]
    return " | ".join(lines[-5:]) or "it printed nothing"
