# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the other programs of the host do their part: Valkey, fail2ban, ssh, mailboxes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from pillarbox.check.finding import CRITICAL, NOTE, OK, WARNING, Finding
from pillarbox.check.settings import Settings
from pillarbox.status.ask import Unanswered, lines_of, output_of
from pillarbox.status.finding import counted
from pillarbox.status.host import read_only

# Seconds.
PATIENCE = 20.0
JAIL = "pillarbox"
DOVEADM = "/run/dovecot/doveadm-server"
# Per cent of its quota.
FULL = 95
# Mailboxes that are named.
FEW = 5


def saved_data(settings: Settings) -> Iterator[Finding]:
    """Check that Valkey or Redis could save what Rspamd has learned."""
    printed = output_of(*settings.parts["rspamd"]["redis"], "INFO", "persistence")
    found = dict(re.findall(r"^(\w+):(.*?)\r?$", printed, re.MULTILINE))
    if found["rdb_last_bgsave_status"] == "ok":
        yield Finding("learned data", "", OK, "saved")
    else:
        remedy = "see journalctl -eu valkey-server -u redis-server: is the disk full or read-only?"
        text = "what the spam filter has learned could not be saved"
        yield Finding("learned data", "", WARNING, text, "saved", remedy)


def bans(settings: Settings) -> Iterator[Finding]:
    """Check that fail2ban watches the logins."""
    if "fail2ban" not in settings.parts:
        return
    try:
        output_of("fail2ban-client", "status", JAIL, patience=PATIENCE)
    except Unanswered:
        remedy = "systemctl restart fail2ban; journalctl -eu fail2ban shows why it does not watch"
        yield Finding("fail2ban", JAIL, WARNING, "nobody watches the logins", "a jail", remedy)
    else:
        yield Finding("fail2ban", JAIL, OK, "watches the logins")


def shell_logins(settings: Settings) -> Iterator[Finding]:
    """Check that nobody can guess a password of the host."""
    found = dict(re.findall(r"^(\w+) (.*)$", output_of("/usr/sbin/sshd", "-T"), re.MULTILINE))
    if found.get("passwordauthentication") != "yes":
        yield Finding("ssh", "", OK, "accepts keys only")
    else:
        remedy = "PasswordAuthentication no in a file in /etc/ssh/sshd_config.d, if you use keys"
        yield Finding("ssh", "", NOTE, "accepts passwords", "keys only", remedy)


def file_systems(settings: Settings) -> Iterator[Finding]:
    """Check that what stores mail can be written to; a kernel mounts a failing disk read-only."""
    for part in settings.parts.values():
        for name, directory in part.get("directories", {}).items():
            # "disk" reports one that is missing.
            if os.path.exists(directory) and read_only(directory):
                text = f"{directory} is mounted read-only"
                remedy = "see journalctl -k -p err for why; then mount -o remount,rw"
                yield Finding("disk", f"{name} writable", CRITICAL, text, "writable", remedy)


def quotas(settings: Settings) -> Iterator[Finding]:
    """Check which mailboxes are almost full; mail to a full one is refused."""
    if "dovecot" not in settings.parts:
        return
    # By Dovecot's socket: alone, doveadm would have to become each user.
    command = ("doveadm", "-f", "tab", "quota", "get", "-A", "-S", DOVEADM)
    rows: list[list[str]] = []
    try:
        for line in lines_of(*command, patience=PATIENCE):
            rows.append(line.decode(errors="replace").rstrip("\n").split("\t"))
    except Unanswered:
        # A name with an apostrophe is listed again, escaped; that user does not exist.
        if not rows:
            raise
    full = sorted({row[0] for row in rows if row[-1].isdigit() and int(row[-1]) >= FULL})
    if not full:
        yield Finding("quota", "", OK, f"no mailbox is over {FULL} % full")
        return
    names = ", ".join(full[:FEW]) + (" …" if len(full) > FEW else "")
    remedy = "raise their quota in mail_users, or have their users delete mail"
    text = f"{counted(len(full), 'mailbox', 'mailboxes')} over {FULL} %: {names}"
    yield Finding("quota", "", NOTE, text, "room for mail", remedy)
