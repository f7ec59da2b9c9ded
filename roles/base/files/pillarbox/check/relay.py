# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the host relays mail of strangers, for which it would soon be on every DNS list."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator

from pillarbox.check.finding import CRITICAL, OK, UNKNOWN, Finding
from pillarbox.check.settings import Address, Settings

# Seconds. postscreen(8) lets a new client wait for six.
PATIENCE = 30
# An address that is nobody's (RFC 2606), in the forms by which relays were fooled. Nothing is sent:
# the session ends after RCPT.
STRANGER = "postmaster@example.com"
FORMS = (STRANGER, '"postmaster@example.com"', "postmaster%example.com@{}", "@{}:" + STRANGER)
CLOSED = (
    "remove mynetworks and smtpd_relay_restrictions from postfix_settings, and run site.yml; mail"
    " of strangers leaves until then"
)


def relaying(settings: Settings) -> Iterator[Finding]:
    """Try to relay, from an address of the host that is not its own network."""
    for version in (4, 6):
        for address in [a for a in settings.addresses if a.version == version][:1]:
            try:
                yield _relaying(address, settings.hostname)
            except ConnectionRefusedError:
                # What does not run is a finding of its own.
                yield Finding("open relay", str(address), UNKNOWN, "port 25 is closed")
            except (OSError, smtplib.SMTPException) as error:
                yield Finding("open relay", str(address), UNKNOWN, str(error))


def _relaying(address: Address, hostname: str) -> Finding:
    with smtplib.SMTP(
        str(address), 25, "localhost", timeout=PATIENCE, source_address=(str(address), 0)
    ) as session:
        session.ehlo()
        for form in FORMS:
            recipient = form.format(hostname)
            # The empty sender, of which no restriction can say that it does not exist.
            session.mail("")
            # Not rcpt(), which would quote and normalize the address.
            code, _said = session.docmd(f"RCPT TO:<{recipient}>")
            session.rset()
            if code < 300:
                return Finding(
                    "open relay", str(address), CRITICAL, f"accepts {recipient}", "5xx", CLOSED
                )
    return Finding("open relay", str(address), OK, "refuses to relay")
