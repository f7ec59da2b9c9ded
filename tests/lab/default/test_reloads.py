# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A daemon that cannot read its configuration at a reload runs on with the old one."""

from __future__ import annotations

from tests.lab import lab

MAILBOXES = str(lab.ROOT / "tests/lab/default/mailboxes.yml")


def reload(unit: str) -> str:
    """Return the error of a failed reload, with the daemon's log; empty if it succeeds."""
    command = f"systemctl reload {unit} 2>/dev/null || journalctl -o cat -n 20 -u {unit}"
    return lab.on("mx", command)


def test_a_run_fails_with_the_words_of_dovecot_when_that_refuses_what_it_is_to_load() -> None:
    # The run's check of the configuration reads it. Dovecot has a /tmp of its own.
    lab.on("mx", "echo 'mail_max_userip_connections = 11' >/tmp/site.conf")

    try:
        refused = lab.playbook(MAILBOXES, dovecot_extra="!include /tmp/site.conf")
    finally:
        corrected = lab.playbook(MAILBOXES)

    assert refused.returncode == 2, refused.stdout
    _, _, words = refused.stdout.partition("dovecot.service refused its new configuration")
    assert "/etc/dovecot/dovecot.conf line" in words
    assert lab.changed(corrected) == 1
    lab.imap("alice@example.org").logout()


def test_a_reload_of_rspamd_fails_when_it_cannot_read_its_configuration() -> None:
    file = "/etc/rspamd/local.d/neural.conf"
    lab.on("mx", f"echo 'enabled = ' >{file}; echo '}}' >>{file}")
    try:
        assert file in reload("rspamd.service")
    finally:
        lab.on("mx", f"rm {file}")
    assert reload("rspamd.service") == ""


def test_a_reload_of_postfix_fails_when_it_cannot_read_its_configuration() -> None:
    # Of Postfix's daemons only master(8) reads this file, so the others keep running.
    lab.on("mx", "cp -a /etc/postfix/master.cf /tmp && echo nonsense >>/etc/postfix/master.cf")
    try:
        assert "/etc/postfix/master.cf" in reload("postfix.service")
    finally:
        lab.on("mx", "mv /tmp/master.cf /etc/postfix/")
    assert reload("postfix.service") == ""
