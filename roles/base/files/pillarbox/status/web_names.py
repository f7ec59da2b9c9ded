# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of web names, according to what the renewal program remembers of them.

Reading a thousand certificates would take longer than anybody waits for a screen.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from pillarbox.certificates.lifetimes import delay_of, renewal_margin
from pillarbox.certificates.web_report import failed, some, strays
from pillarbox.status.certificates import DAY, PATIENCE, RENEW, moment
from pillarbox.status.finding import ATTENTION, OK, Finding, at, counted, day, quoted, since
from pillarbox.status.parts import Parts

PART = "web names"
Sites = dict[str, dict[str, Any]]
Wanted = dict[str, list[str]]


class Held(NamedTuple):
    """A certificate from a CA: when it is due for renewal, and when it expires."""

    site: str
    renewal: float
    end: float


def look(parts: Parts, now: float) -> list[Finding]:
    """Check the certificates of all sites."""
    settings = parts.get("acme_sh", {})
    web = settings.get("web")
    if not web or not web["sites"]:
        return []
    if settings["source"] != "acme":
        text = "self-signed, as mail_tls_source is not acme"
        return [Finding(PART, "", OK, text)]
    file = Path(web["dir"], "state.json")
    sites = json.loads(file.read_bytes())["sites"] if file.exists() else {}
    return findings(sites, web["sites"], settings["renew_days"], now)


def findings(sites: Sites, wanted: Wanted, renew_days: int, now: float) -> list[Finding]:
    """Report what needs attention, and a summary."""
    certificates = sorted(
        (held(site, sites[site], renew_days) for site in wanted if "end" in sites.get(site, {})),
        key=lambda one: one.end,
    )
    found = [*late(certificates, now), *refused(sites, wanted, now)]
    text = f"{counted(len(certificates), 'certificate')} for {counted(len(wanted), 'site')}"
    if certificates:
        text += f", next renewal {day(min(one.renewal for one in certificates))}"
    if left_out := strays({"sites": sites}, wanted):
        text += f"; without one, as they do not lead here: {some(left_out)}"
    return [*found, Finding(PART, "", OK, text)]


def held(site: str, remembered: dict[str, Any], renew_days: int) -> Held:
    begin, end = moment(remembered["begin"]), moment(remembered["end"])
    margin = renewal_margin(timedelta(seconds=end - begin), renew_days, delay_of(site))
    return Held(site, end - margin.total_seconds(), end)


def late(certificates: list[Held], now: float) -> list[Finding]:
    """Report certificates that expired, or should have been renewed; the oldest by name."""
    overdue = [one for one in certificates if now > one.renewal + PATIENCE]
    if not overdue:
        return []
    first = overdue[0]
    days = counted(int((first.end - now) // DAY), "day")
    text = f"renewal overdue {since(first.renewal, now)}, {days} left"
    if now >= first.end:
        text = f"expired {at(first.end, now)}"
    if len(overdue) > 1:
        text += f"; {counted(len(overdue) - 1, 'other site')} overdue"
    return [
        Finding(PART, first.site, ATTENTION, text, f"pillarbox certificates renew {first.site}")
    ]


def refused(sites: Sites, wanted: Wanted, now: float) -> list[Finding]:
    """Report the sites whose orders failed, the one that failed most often by name."""
    failures = failed({"sites": sites}, wanted)
    if not failures:
        return []
    worst = max(failures, key=lambda site: sites[site]["tries"])
    when, tries = moment(sites[worst]["failed"]), counted(sites[worst]["tries"], "failed order")
    text = f"{tries}, the last {at(when, now)}: {quoted(failures[worst], 400)}"
    if len(failures) > 1:
        text += f"; orders of {counted(len(failures) - 1, 'other site')} failed"
    remedy = f"fix the cause named above, then: {RENEW} {worst}"
    return [Finding(PART, worst, ATTENTION, text, remedy)]
