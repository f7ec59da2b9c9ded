# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host accepts from strangers: the mail of its own domains, and no other."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator

from pillarbox.check.each import each
from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import Address, Settings, is_here, is_in

# Seconds. postscreen(8) lets a new client wait for six.
PATIENCE = 30
# An address that is nobody's (RFC 2606), in forms that have fooled relays. Nothing is sent: the
# session ends after RCPT.
STRANGER = "postmaster@example.com"
FORMS = (STRANGER, '"postmaster@example.com"', "postmaster%example.com@{}", "@{}:" + STRANGER)
CLOSED = (
    "remove mynetworks and smtpd_relay_restrictions from postfix_settings, and run site.yml; until"
    " then, strangers can send mail through this host"
)
# Domains in a session. After ten refusals, Postfix would slow it down (smtpd_soft_error_limit).
DOMAINS = 5


def relaying(settings: Settings) -> Iterator[Finding]:
    """Try to relay from an address of the host, as strangers would."""
    # One of each version.
    tried = {address.version: address for address in reversed(settings.addresses)}
    wanted = [address for version, address in tried.items() if version in settings.versions]
    return each("open relay", wanted, lambda address: _relaying(settings, address))


def _relaying(settings: Settings, address: Address) -> Finding:
    subject = str(address)
    if not is_here(address):
        return Finding("open relay", subject, NOTE, "behind a router: not tested from here")
    if is_in(address, settings.parts["postfix"]["relay_networks"]):
        text = "in mail_relay_networks: not tested from here"
        return Finding("open relay", subject, NOTE, text)
    with Session(subject, source=subject) as session:
        return attempt(session, "open relay", subject, settings.hostname, settings.domains)


def attempt(
    session: Session, check: str, subject: str, hostname: str, domains: list[str]
) -> Finding:
    """Try to relay in a session with the host of these domains."""
    own = f"postmaster@{domains[0]}"
    code, said = session.recipient(own)
    if code != 250:
        # Then a refusal says nothing about relaying.
        return Finding(check, subject, UNKNOWN, f"{own} is refused: {code} {said}")
    for form in FORMS:
        recipient = form.format(hostname)
        code, said = session.recipient(recipient)
        if code < 300:
            return Finding(check, subject, CRITICAL, f"accepts {recipient}", "a refusal", CLOSED)
        if code < 500:
            return Finding(check, subject, UNKNOWN, f"{recipient}: {code} {said}")
    return Finding(check, subject, OK, "refuses to relay")


class Session(smtplib.SMTP):
    """A session with Postfix as far as RCPT, with TLS if it is offered."""

    def __init__(
        self, host: str, source: str = "", name: str = "localhost", patience: float = PATIENCE
    ) -> None:
        address = (source, 0) if source else None
        super().__init__(host, 25, name, timeout=patience, source_address=address)
        self.ehlo()
        if self.has_extn("starttls"):
            # What is checked here is not the certificate.
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.starttls(context=context)
            self.ehlo()
        # The empty sender, of which no restriction can say that it does not exist.
        code, said = self.mail("")
        if code != 250:
            raise smtplib.SMTPResponseException(code, said.decode(errors="replace"))

    def recipient(self, address: str) -> tuple[int, str]:
        """Return the reply for a recipient, whose address is sent as it is."""
        code, said = self.docmd(f"RCPT TO:<{address}>")
        return code, said.decode(errors="replace")


def required_addresses(settings: Settings) -> Iterator[Finding]:
    """Check that each domain accepts mail to postmaster (RFC 5321 section 4.5.1) and abuse."""
    domains = settings.domains
    for start in range(0, len(domains), DOMAINS):
        # From loopback, where postscreen(8) does not let clients wait.
        with Session("127.0.0.1") as session:
            for domain in domains[start : start + DOMAINS]:
                for user, severity in (("postmaster", CRITICAL), ("abuse", WARNING)):
                    yield _accepted(session, f"{user}@{domain}", severity)


def _accepted(session: Session, address: str, severity: str) -> Finding:
    code, said = session.recipient(address)
    if code == 250:
        return Finding("required addresses", address, OK, "accepted")
    if code < 500:
        return Finding("required addresses", address, UNKNOWN, f"{code} {said}")
    remedy = f"if {address} does not exist, add it to mail_aliases, and run site.yml"
    return Finding("required addresses", address, severity, f"{code} {said}", "250", remedy)
