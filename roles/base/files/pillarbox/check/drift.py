# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that were changed by hand since site.yml wrote them."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path

from pillarbox.check.finding import CRITICAL, OK, WARNING, Finding
from pillarbox.check.settings import Settings
from pillarbox.status.finding import counted

# Where the module config_tree records the digest of each file that it wrote.
MANIFESTS = Path("/var/lib/pillarbox/config_tree")
# Findings of a kind; a larger number has one cause.
MOST = 10
WANTED = "as site.yml wrote it"
REMEDY = "site.yml --check --diff shows the change, and site.yml undoes it"


def files(settings: Settings) -> Iterator[Finding]:
    """Compare the files of all roles with those that the last run wrote."""
    manifests = [json.loads(file.read_bytes()) for file in sorted(MANIFESTS.glob("*.json"))]
    digests = {path: digest for one in manifests for path, digest in one["files"].items()}
    secret = [path for one in manifests for path in one["secret"]]
    changed = {path: text for path, digest in digests.items() if (text := _change(path, digest))}
    for path in list(changed)[:MOST]:
        yield Finding("drift", path, WARNING, changed[path], WANTED, REMEDY)
    if len(changed) > MOST:
        text = f"{counted(len(changed) - MOST, 'more file')} changed"
        yield Finding("drift", "", WARNING, text, WANTED, REMEDY)
    for path in [path for path in secret if _is_public(path)][:MOST]:
        text = "has secrets, and all users can read it"
        yield Finding("secrets", path, CRITICAL, text, WANTED, f"run site.yml, or chmod o-r {path}")
    if not changed:
        yield Finding("drift", "", OK, f"{counted(len(digests), 'file')} {WANTED}")


def _change(path: str, digest: str) -> str:
    """Return how a file differs; empty if it does not."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return "removed"
    return "" if hashlib.sha256(content).hexdigest() == digest else "changed"


def _is_public(path: str) -> bool:
    """Whether others than the owner and the group may read a file."""
    file = Path(path)
    return file.exists() and bool(file.stat().st_mode & stat.S_IROTH)
