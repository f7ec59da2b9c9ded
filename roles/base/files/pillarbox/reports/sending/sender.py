# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send the TLS reports that are due, by mail or HTTPS, as each domain asks in DNS."""

from __future__ import annotations

import re
import signal
import smtplib
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import dns.exception
import dns.name

from pillarbox import lookup
from pillarbox.redirects import NoRedirects
from pillarbox.reports.command import accept_any_name
from pillarbox.reports.foreign import plain
from pillarbox.reports.sending import outbox
from pillarbox.reports.sending.document import document, mail
from pillarbox.reports.sending.outbox import GIVEN_UP, SENT, Outbox, Report
from pillarbox.reports.sending.settings import Settings, own_domains, settings

# Seconds to wait: for DNS, for each answer of Postfix, for all that somebody's web server does.
DNS_PATIENCE, SMTP_PATIENCE, WEB_PATIENCE = 20.0, 120.0, 60.0
# Destinations of a record that are used.
MOST = 5
_RECORD = re.compile(r"v=TLSRPTv1[ \t]*;(.*)", re.DOTALL)
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


class Refusal(Exception):
    """Why a report cannot go to a destination."""


# The destination is the one in DNS.
_WEB = urllib.request.build_opener(NoRedirects, urllib.request.ProxyHandler({}))


def destinations(record: str) -> list[str]:
    """Return the URIs in a TLSRPT record (RFC 8460, section 3)."""
    found = _RECORD.fullmatch(record.strip())
    for field in found[1].split(";") if found else ():
        name, _equals, value = field.partition("=")
        if name.strip() == "rua":
            return [uri.strip() for uri in value.split(",") if uri.strip()][:MOST]
    return []


def asked(domain: str) -> list[str]:
    """Return where a domain wants reports to go. Raises Unknown."""
    try:
        name = dns.name.from_text(f"_smtp._tls.{domain}")
    except dns.exception.DNSException:
        return []
    texts = [
        b"".join(record.strings).decode("ascii", "replace")
        for record in lookup.ask(name, "TXT", DNS_PATIENCE).records
    ]
    # With several, there is none.
    records = [text for text in texts if _RECORD.fullmatch(text.strip())]
    return destinations(records[0]) if len(records) == 1 else []


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """End a block with TimeoutError after a time; the timeout of a socket is for each step."""

    def stop(*_arguments: object) -> None:
        raise TimeoutError(f"not done within {seconds:.0f} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def post(uri: str, report: Report, given: Settings) -> None:
    """Send a report by HTTPS (RFC 8460, section 5.4)."""
    request = urllib.request.Request(
        uri,
        document(report, given.sender),
        {"Content-Type": "application/tlsrpt+gzip", "User-Agent": "pillarbox"},
        method="POST",
    )
    with within(WEB_PATIENCE), _WEB.open(request, timeout=WEB_PATIENCE):
        pass


def send_mail(uri: str, report: Report, given: Settings) -> None:
    """Send a report by mail."""
    recipient = unquote(urlsplit(uri).path)
    if not _ADDRESS.fullmatch(recipient):
        raise Refusal("no address")
    content = mail(report, given.sender, recipient).as_bytes()
    with smtplib.SMTP("127.0.0.1", given.port, "localhost", SMTP_PATIENCE) as postfix:
        postfix.sendmail(given.sender, [recipient], content)


# Strangers choose what these get, so they raise anything.
WAYS: dict[str, Callable[[str, Report, Settings], None]] = {"https": post, "mailto": send_mail}


def send(box: Outbox, report: Report, given: Settings) -> str:
    """Send a report wherever its domain wants it, and return what became of it."""
    try:
        uris = asked(report.domain)
    except lookup.Unknown as unknown:
        box.postpone(report, str(unknown))
        return f"waits: {unknown}"
    sent, failed = [], []
    for uri in uris:
        shown = plain(uri, 100)
        way = WAYS.get(uri.partition(":")[0].lower())
        try:
            if not way:
                raise Refusal("neither mailto nor https")
            way(uri, report, given)
            sent.append(shown)
        # No record and no server may keep the reports to other domains from being sent.
        except Exception as error:
            failed.append(f"{shown}: {plain(str(error)) or type(error).__name__}")
    if failed and not sent:
        box.postpone(report, "; ".join(failed))
        return f"waits: {'; '.join(failed)}"
    if not sent:
        box.conclude(report, GIVEN_UP, "the domain asks for none")
        return "the domain asks for none"
    remark = "; ".join([f"to {', '.join(sent)}", *(f"not to {each}" for each in failed)])
    box.conclude(report, SENT, remark)
    return f"sent {remark}"


def send_all(box: Outbox, given: Settings, now: float) -> None:
    """Send all reports that are due, and print what became of each."""
    box.close_days(now, own_domains())
    for report in box.due():
        if box.claim(report):
            print(f"TLS report about {report.domain}: {send(box, report, given)}")


def main() -> int:
    accept_any_name()
    with outbox.opened() as box:
        send_all(box, settings(), time.time())
    return 0
