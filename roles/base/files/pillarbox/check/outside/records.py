# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of the host at each authoritative name server, past all caches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.outside.view import View
from pillarbox.check.settings import publish_by

CHECK = "record"
SEVERITY = {"required": CRITICAL, "recommended": WARNING, "optional": NOTE}


def records(view: View) -> Iterator[Finding]:
    """Check that all name servers serve each record; one that does not answer is named once."""
    silent = [item["reason"] for item in view.unserved if not item["answered"]]
    for reason in dict.fromkeys(silent):
        yield Finding(CHECK, "name servers", UNKNOWN, reason)
    unserved = {(item["name"], item["type"]): item for item in view.unserved}
    remedy = (
        f"{publish_by(view.provider)}; if it changes nothing, that name server does not get the"
        " changes of the zone: see its log, or ask the DNS provider"
    )
    for record in view.records:
        # A value that does not exist yet is nowhere.
        if not record["pending"]:
            why = unserved.get((record["name"], record["type"]))
            if why is None or why["answered"]:
                yield _finding(record, why["reason"].rstrip(".") if why else "", remedy)


def _finding(record: dict[str, Any], reason: str, remedy: str) -> Finding:
    subject = f"{record['name']} {record['type']}"
    if record["state"] == "absent":
        if not reason:
            return Finding(CHECK, subject, OK, "absent")
        status = NOTE if record["level"] == "optional" else WARNING
        return Finding(CHECK, subject, status, reason, "no such record", remedy)
    wanted = ", ".join(record["values"])
    if not reason:
        return Finding(CHECK, subject, OK, wanted)
    return Finding(CHECK, subject, SEVERITY[record["level"]], reason, wanted, remedy)
