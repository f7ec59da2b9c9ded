# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, DKIM keys, the last backup, how mail is encrypted, what others report, and the
last check."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pillarbox.backup.state import saved as backup_state
from pillarbox.certificates.web_report import failed
from pillarbox.check.output import as_metrics
from pillarbox.check.saved import saved
from pillarbox.metrics.text import Family, Sample, gauge, plain
from pillarbox.reports import store
from pillarbox.reports.own import addresses
from pillarbox.status import certificates, dkim, web_names
from pillarbox.status.finding import day
from pillarbox.status.parts import Parts
from pillarbox.tls.traffic import CLEAR, QUALITIES

# The database of "pillarbox tls", whose code takes long to load.
TLS = Path("/var/lib/pillarbox/tls.sqlite")
REPORTS = store.FILE
# What is summed up of TLS and of reports.
DAYS = 7
DAY = 86400
# Seconds to wait while another process writes.
WAIT = 5.0
# The states of a DKIM key, in the order of its life.
STATES = ("future", "active", "retired", "revoked")


def certificate_ends(parts: Parts, now: float) -> list[Family]:
    """Report when the certificates expire, and whether their renewal failed."""
    config = parts.get("acme_sh")
    if not config:
        return []
    ring = Path(config["tls_dir"])
    ends: dict[str, float] = {}
    for algorithm in config["algorithms"]:
        if leaf := certificates.in_service(ring / f"{algorithm}.pem"):
            ends[algorithm] = leaf.end
    memory = ring / "ring.json"
    failures = int(bool(memory.exists() and json.loads(memory.read_bytes()).get("failure")))
    web = config.get("web") or {}
    if web.get("sites") and config["source"] == "acme":
        file = Path(web["dir"], "state.json")
        sites = json.loads(file.read_bytes())["sites"] if file.exists() else {}
        held = [
            web_names.held(site, sites[site], config["renew_days"])
            for site in web["sites"]
            if "end" in sites.get(site, {})
        ]
        if held:
            ends["web names"] = min(one.end for one in held)
        failures += len(failed({"sites": sites}, web["sites"]))
    return [
        gauge(
            "pillarbox_certificate_expiry_timestamp_seconds",
            "When a certificate of the mail host, or the first of those of web names, expires.",
            *(({"certificate": name}, end) for name, end in ends.items()),
        ),
        plain(
            "pillarbox_certificate_renewals_failed",
            "Certificates whose last renewal failed.",
            failures,
        ),
    ]


def dkim_keys(parts: Parts, now: float) -> list[Family]:
    """Report the DKIM keys by their state, and the age of the oldest one that signs."""
    if "rspamd" not in parts:
        return []
    config = parts["rspamd"]["dkim"]
    keys = dkim.read(json.loads(Path(config["ledger"]).read_bytes()), config["held"])
    states = Counter(key.state for key in keys)
    active = [key for key in keys if key.state == "active"]
    unsigned = {key.domain for key in keys} - {key.domain for key in active}
    return [
        gauge(
            "pillarbox_dkim_keys",
            "DKIM keys in a state.",
            *(({"state": state}, states[state]) for state in STATES),
        ),
        gauge(
            "pillarbox_dkim_oldest_active_key_timestamp_seconds",
            "Since when the oldest of the DKIM keys in use signs.",
            *([({}, min(key.since for key in active))] if active else []),
        ),
        plain(
            "pillarbox_dkim_unsigned_domains",
            "Domains without a DKIM key that signs.",
            len(unsigned),
        ),
    ]


def backups(parts: Parts, now: float) -> list[Family]:
    """Report when the last backup was made, what it has, and whether the last attempt failed."""
    if "backup" not in parts:
        return []
    state = backup_state()
    # Before the first one, the time is that of the epoch, so that its age is beyond any limit.
    return [
        plain(
            "pillarbox_backup_timestamp_seconds",
            "When the last backup was made.",
            state.get("made", 0),
        ),
        plain(
            "pillarbox_backup_failed",
            "Whether the last attempt to make a backup failed.",
            int("failure" in state),
        ),
        plain("pillarbox_backup_bytes", "Size of the files in it.", state.get("size", 0)),
        plain("pillarbox_backup_duration_seconds", "How long it took.", state.get("seconds", 0)),
    ]


@contextmanager
def reading(file: Path) -> Iterator[sqlite3.Connection]:
    """Open a database of this host, which is not changed."""
    name = f"{file.as_uri()}?mode=ro"
    with closing(sqlite3.connect(name, timeout=WAIT, uri=True)) as database:
        yield database


def encryption(parts: Parts, now: float) -> list[Family]:
    """Report how mail was encrypted, as "pillarbox tls" has counted it."""
    if not parts.get("postfix", {}).get("tls_days"):
        return []
    sums: list[tuple[int, str, int]] = []
    partners: list[tuple[int, int]] = []
    # Until the timer has run for the first time, there is none; a rule has to see the first number.
    if TLS.exists():
        since = day(now - (DAYS - 1) * DAY)
        with reading(TLS) as database:
            sums = database.execute(
                "SELECT sent, quality, SUM(number) FROM messages JOIN ways ON ways.id = way"
                " WHERE day >= ? GROUP BY sent, quality",
                (since,),
            ).fetchall()
            partners = database.execute(
                "SELECT sent, COUNT(DISTINCT domain) FROM messages JOIN ways ON ways.id = way"
                " WHERE day >= ? AND quality = ? GROUP BY sent",
                (since, CLEAR),
            ).fetchall()
    messages = {(bool(sent), quality): number for sent, quality, number in sums}
    clear = {bool(sent): number for sent, number in partners}
    directions = {True: "sent", False: "received"}
    return [
        gauge(
            "pillarbox_tls_messages",
            f"Messages of the last {DAYS} days by protection, as of pillarbox tls.",
            *(
                ({"direction": name, "protection": quality}, messages.get((sent, quality), 0))
                for sent, name in directions.items()
                for quality in QUALITIES
            ),
        ),
        gauge(
            "pillarbox_tls_clear_partners",
            f"Partners with mail in clear text in the last {DAYS} days.",
            *(({"direction": name}, clear.get(sent, 0)) for sent, name in directions.items()),
        ),
    ]


def foreign_reports(parts: Parts, now: float) -> list[Family]:
    """Report what other servers say of the mail of this host, as "pillarbox reports" keeps it.

    Reports whose sender is not proven do not count.
    """
    if not REPORTS.exists():
        return []
    since = now - DAYS * DAY
    own = addresses()
    messages: Counter[tuple[str, str, str]] = Counter()
    with store.reading(REPORTS, WAIT) as database:
        rows = database.execute(
            "SELECT domain, source, dkim OR spf, SUM(count) FROM source JOIN report ON report = id"
            " WHERE end_time >= ? AND sent_by IS NOT '' GROUP BY domain, source, dkim OR spf",
            (since,),
        )
        for domain, source, passes, number in rows:
            of = "host" if source in own else "others"
            messages[domain, of, "pass" if passes else "fail"] += number
        sessions = database.execute(
            "SELECT domain, SUM(successful), SUM(failed) FROM policy JOIN report ON report = id"
            " WHERE end_time >= ? AND sent_by IS NOT '' GROUP BY domain",
            (since,),
        ).fetchall()
    tls: list[Sample] = [
        ({"domain": domain, "result": result}, number)
        for domain, *numbers in sessions
        for result, number in zip(("success", "failure"), numbers, strict=True)
    ]
    return [
        gauge(
            "pillarbox_report_dmarc_messages",
            f"Messages in DMARC reports about the last {DAYS} days, from this host or from others.",
            *(
                ({"domain": domain, "source": of, "result": result}, messages[domain, of, result])
                for domain in dict.fromkeys(key[0] for key in messages)
                for of in ("host", "others")
                for result in ("pass", "fail")
            ),
        ),
        gauge(
            "pillarbox_report_tls_sessions",
            f"TLS sessions in reports about the last {DAYS} days.",
            *tls,
        ),
    ]


def last_check(parts: Parts, now: float) -> list[Family]:
    """Report what the last daily check found, and when that was; in 1970 if there was none."""
    checked, findings = saved() or (0.0, [])
    return [
        as_metrics(findings),
        plain(
            "pillarbox_check_timestamp_seconds",
            "When pillarbox check last ran by its timer.",
            checked,
        ),
    ]
