# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each service has its table of denied logins.

Without it, Dovecot would let everybody in, and say so only at the level of information.
"""

from __future__ import annotations

import re

from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.addresses import SERVICES

from pillarbox.services import login

from ..paths import ROLES

DOVECOT = ROLES / "dovecot/templates"
TABLES = {
    file.name.removeprefix("denied.").removesuffix(".j2")
    for file in DOVECOT.glob("common/etc/dovecot/denied.*")
}
# What Dovecot calls the services of accounts: Postfix's is smtp (smtpd_sasl_service).
NAMES = {"smtp" if service == "submission" else service for service in SERVICES}


def test_each_service_of_accounts_has_a_table_with_its_logins() -> None:
    assert TABLES == NAMES
    for service in SERVICES:
        name = "smtp" if service == "submission" else service
        table = (DOVECOT / f"common/etc/dovecot/denied.{name}.j2").read_text()
        assert f"mail_addresses.denied_logins.{service} " in table


def test_what_has_passwords_verified_uses_a_service_with_a_table() -> None:
    assert login.SERVICE in TABLES
    for version in ("2.3", "2.4"):
        text = (DOVECOT / version / "etc/dovecot/dovecot.conf.j2").read_text()
        servers = set(re.findall(r"service ([a-z0-9]+)-login {", text))
        assert servers == {"imap", "pop3", "managesieve"}
        assert {name.removeprefix("manage") for name in servers} <= TABLES
