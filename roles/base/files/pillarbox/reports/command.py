# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``reports``: receive and import reports about our mail, and show what they say."""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from pillarbox import Failure
from pillarbox.manual import Manual
from pillarbox.parts import switched_on
from pillarbox.reports import dmarc, tlsrpt
from pillarbox.reports.foreign import Refused
from pillarbox.reports.own import addresses
from pillarbox.reports.saved import from_path
from pillarbox.reports.screen import as_json, screen
from pillarbox.reports.store import DAY, FILE, KEEP_DAYS, WAIT, Store, opened
from pillarbox.reports.summary import summaries
from pillarbox.reports.unpack import DMARC, MOST_BYTES, Document, from_message
from pillarbox.status.finding import quoted

MANUAL = Manual(
    "reports",
    """\
Show what other mail servers report about your domains: who sends mail in their name and whether
it passes DMARC, and whether TLS sessions to your servers succeed.

"receive" reads one message with a report from standard input, as a mail delivery does; "import"
reads saved messages and reports; "show" is the default. Mail at the address of a domain for reports
(mail_reports) needs no command.

If this host sends reports to others (mail_send_reports), "sent" shows what became of its TLS
reports, and "send" sends all that are due, as timers do every night.
""",
    """\
Use it when mail of yours lands in spam folders or is rejected, before you make the DMARC policy
stricter, and after a change of certificates or MX records.

Anybody can send a report in any name. One that came by mail counts only if Rspamd has authenticated
the domain of its sender; others are listed as "not counted". Reports that root reads count.

Examples
  pillarbox reports                                   # the last 30 days, of all domains
  pillarbox reports --days 7 --json example.org       # of one domain, for programs
  pillarbox reports import /root/reports.mbox         # mbox files, Maildirs, .eml
  pillarbox reports import 'google.com!example.org!1795651200!1795737599.zip'
  pillarbox reports receive <message.eml              # one message
  pillarbox reports sent                              # TLS reports that this host has sent
  pillarbox reports send --now                        # also those about today

Exit status
   0  success. For "receive" that includes a report that was refused, as its sender may be forged
      and should get no bounce; the reason is on standard output
   1  failure; see the message on standard error
  75  "receive" could not store the report, and the mail should wait (EX_TEMPFAIL)

Files
  /var/lib/pillarbox-reports/reports.sqlite   what was reported in the last 90 days
  /var/lib/pillarbox-tlsrpt/tlsrpt.sqlite     the TLS sessions of today, and the reports sent
  /etc/pillarbox/parts/base.json      the domains whose reports are kept, and the host's addresses
""",
)
SHOW_DAYS = 30
PIECE = 1_000_000

Report = dmarc.Report | tlsrpt.Report


def domains_of(given: list[str]) -> frozenset[str]:
    """Return the domains whose reports are kept: as given, or those of this host."""
    base = switched_on("base") or {}
    # TLS reports about TLSA records are about the name of the host (RFC 8460, section 1.1).
    own = [base["hostname"]] if "hostname" in base else []
    domains = given or [*base.get("domains", []), *base.get("parked", []), *own]
    if not domains:
        raise Failure("no domains are configured; run site.yml, or name them with --served")
    return frozenset(domain.lower() for domain in domains)


def keep(
    store: Store,
    found: Iterable[Document | Refused],
    served: frozenset[str],
    sender: str | None = None,
) -> Counter[str]:
    """Store the reports of a message, print why others are refused, and count the outcomes.

    Args:
        sender: the domain that has sent it; empty if that is not proven.
    """
    outcomes: Counter[str] = Counter()
    for each in found:
        others = []
        try:
            for report in _parsed(each):
                if report.domain in served:
                    outcomes[_kept(store, report, sender)] += 1
                else:
                    others.append(report)
            if others:
                about = others[0].domain or "no domain"
                more = f" and {len(others) - 1} more" if len(others) > 1 else ""
                raise Refused(f"{_named(others[0])} is about {about}{more}, not of this host")
        except Refused as refused:
            outcomes["refused"] += 1
            print(f"refused a report: {refused}")
    return outcomes or Counter({"without a report": 1})


def _parsed(found: Document | Refused) -> list[Report]:
    if isinstance(found, Refused):
        raise found
    with _no_bounces():
        if found.kind == DMARC:
            return [dmarc.parse(found.content)]
        return [*tlsrpt.parse(found.content)]


@contextmanager
def _no_bounces() -> Iterator[None]:
    """Refuse what shows an error of this program: its sender may be forged, and gets no bounce."""
    try:
        yield
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"it cannot be read ({type(error).__name__})") from error


def _named(report: Report) -> str:
    kind = "DMARC" if isinstance(report, dmarc.Report) else "TLS"
    return f"{kind} report {quoted(report.report_id)} of {quoted(report.reporter)}"


def _kept(store: Store, report: Report, sender: str | None) -> str:
    """Store a report, print what it is, and return the outcome."""
    named = f"{_named(report)} about {report.domain}"
    if not (report.report_id and report.reporter):
        raise Refused(f"{named} lacks its name or that of the reporter")
    try:
        outcome = "kept" if store.add(report, time.time(), KEEP_DAYS, sender) else "known before"
    except Refused as refused:
        raise Refused(f"{named}: {refused}") from None
    print(f"{outcome}: {named}{', whose sender is not proven' if sender == '' else ''}")
    return outcome


def take(message: bytes, served: list[str], sender: str | None = None) -> Counter[str]:
    """Keep the reports of one message, and count the outcomes. Raises Failure if it must wait.

    Args:
        sender: the domain that has sent it; empty if that is not proven.
    """
    found: list[Document | Refused] = []
    try:
        with _no_bounces():
            found = [*from_message(message)]
    except Refused as refused:
        found = [refused]
    with opened(FILE, WAIT) as store:
        return keep(store, found, domains_of(served), sender)


def receive(stream: BinaryIO, served: list[str]) -> int:
    """Keep the reports of one message, and return the exit status for its delivery."""
    message = stream.read(MOST_BYTES + 1)
    # To the end, so that the delivery does not fail at a closed pipe.
    while stream.read(PIECE):
        pass
    try:
        outcomes = take(message, served)
    except Failure as failure:
        print(f"pillarbox reports: {failure}", file=sys.stderr)
        return os.EX_TEMPFAIL
    if outcomes["without a report"]:
        print("the message contains no report")
    return 0


def import_all(paths: list[Path], served: frozenset[str]) -> None:
    """Keep the reports in files, and print the outcomes of each."""
    with opened(FILE, WAIT) as store:
        for path in paths:
            outcomes: Counter[str] = Counter()
            for found in from_path(path):
                outcomes += keep(store, found, served)
            counts = [f"{count} {outcome}" for outcome, count in sorted(outcomes.items())]
            print(f"{path}: {', '.join(counts) or 'no messages'}")


def show(days: int, name: str, for_programs: bool) -> None:
    """Print what the reports say."""
    now = time.time()
    found = []
    # Looking creates no database.
    if FILE.exists():
        with opened(FILE, WAIT) as store:
            found = summaries(store, now - days * DAY, addresses(), name.lower())
    print(as_json(found, days, now) if for_programs else screen(found, days))


def accept_any_name() -> None:
    """Print the names of reporters in any locale, as a daemon may have chosen one without them."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _days(text: str) -> int:
    if not 1 <= int(text) <= KEEP_DAYS:
        raise ArgumentTypeError(f"reports are kept for 1 to {KEEP_DAYS} days")
    return int(text)


def main(arguments: list[str]) -> int:
    accept_any_name()
    parser = MANUAL.parser()
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command, what in (
        ("show", "show what the reports say"),
        ("receive", "keep the report in a message from standard input"),
        ("import", "keep the reports in files"),
        ("sent", "show the TLS reports that this host has sent to others"),
        ("send", "send the reports to others that are due"),
    ):
        subparser = subparsers.add_parser(command, help=what, description=what.capitalize() + ".")
        if command == "show":
            subparser.add_argument("name", nargs="?", default="", metavar="DOMAIN")
            subparser.add_argument("--json", action="store_true", help="for programs")
            subparser.add_argument(
                "--days",
                type=_days,
                default=SHOW_DAYS,
                metavar="N",
                help=f"how far back, up to {KEEP_DAYS} (default: {SHOW_DAYS})",
            )
        if command == "send":
            subparser.add_argument("--now", action="store_true", help="also about today, until now")
        if command not in ("receive", "import"):
            continue
        subparser.add_argument(
            "--served",
            action="append",
            default=[],
            metavar="DOMAIN",
            help="keep reports about this domain; may be repeated (default: those of this host)",
        )
        if command == "import":
            subparser.add_argument("paths", nargs="+", type=Path, metavar="FILE")
    if not {"-h", "--help", *subparsers.choices} & {*arguments[:1]}:
        arguments = ["show", *arguments]
    given = parser.parse_args(arguments)
    if given.command == "show":
        show(given.days, given.name, given.json)
    elif given.command == "import":
        import_all(given.paths, domains_of(given.served))
    elif given.command in ("sent", "send"):
        # Only here, as the process for each message with a report does without it.
        sending = import_module("pillarbox.reports.sending.command")
        sending.main(given)
    else:
        return receive(sys.stdin.buffer, given.served)
    return 0
