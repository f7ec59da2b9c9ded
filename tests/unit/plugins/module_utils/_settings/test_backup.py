# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups."""

from __future__ import annotations

from typing import Any

import pytest

from ....settings import check
from .good import GOOD, assert_told

KEY = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQy
-----END OPENSSH PRIVATE KEY-----
"""
HOSTS = "store.example.net ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ\n"
LOCAL = {"repository": "/srv/backup", "password": "a long s3cret"}
SFTP = {
    **LOCAL,
    "repository": "sftp:backup@store.example.net:/srv/mx",
    "ssh_key": KEY,
    "ssh_known_hosts": HOSTS,
}


@pytest.mark.parametrize(
    ("backup", "expected"),
    [
        ("/srv/backup", "mail_backup: must be a dictionary with any of the keys repository,"),
        ({"repository": "/srv/backup"}, "mail_backup.password: is missing"),
        ({"password": "a long s3cret"}, "mail_backup.repository: is missing"),
        ({**LOCAL, "pasword": ""}, "mail_backup.pasword: is unknown; did you mean password?"),
        ({**LOCAL, "password": "s3cret"}, "mail_backup.password: must have 12 or more characters"),
        ({**LOCAL, "password": "s3cret\n" * 3}, "mail_backup.password: must have 12 or more"),
        ({**LOCAL, "password": 123456789012}, "mail_backup.password: must be a string"),
        ({**LOCAL, "repository": "srv/s3cret"}, "mail_backup.repository: must be an absolute"),
        ({**LOCAL, "repository": "b2:s3cret"}, "mail_backup.repository: must be an absolute"),
        ({**LOCAL, "repository": "/srv/my s3cret"}, "mail_backup.repository: must be an absolute"),
        ({**LOCAL, "repository": "/var/vmail/x"}, "mail_backup.repository: is in /var/vmail,"),
        ({**LOCAL, "repository": "/srv/../tmp"}, "mail_backup.repository: is in /tmp,"),
        ({**LOCAL, "environment": []}, "mail_backup.environment: must be a dictionary"),
        (
            {**LOCAL, "environment": {"aws key": "s3cret"}},
            "mail_backup.environment['aws key']: is no name of an environment variable",
        ),
        (
            {**LOCAL, "environment": {"RESTIC_PASSWORD": "s3cret"}},
            "mail_backup.environment.RESTIC_PASSWORD: is set by the host itself",
        ),
        (
            {**LOCAL, "environment": {"AWS_DEFAULT_REGION": 1}},
            "mail_backup.environment.AWS_DEFAULT_REGION: must be a string",
        ),
        (
            {key: SFTP[key] for key in ("repository", "password", "ssh_known_hosts")},
            "mail_backup.ssh_key: is missing; a bare host has no other way",
        ),
        ({**LOCAL, "ssh_key": KEY}, "mail_backup.ssh_key: is for a repository by SFTP"),
        ({**SFTP, "ssh_key": "s3cret"}, "mail_backup.ssh_key: must be a private key of OpenSSH"),
        ({**SFTP, "ssh_known_hosts": "s3cret"}, "mail_backup.ssh_known_hosts: must have lines"),
        ({**LOCAL, "keep": {"daily": 0}}, "mail_backup.keep: keeps no backup"),
        ({**LOCAL, "keep": {"daily": -1}}, "mail_backup.keep.daily: must be a whole number from 0"),
        ({**LOCAL, "keep": {"hourly": 1}}, "mail_backup.keep.hourly: is unknown"),
        ({**LOCAL, "time": 150}, 'mail_backup.time: must be a time, such as "02:30"'),
        ({**LOCAL, "time": "24:00"}, 'mail_backup.time: must be a time, such as "02:30"'),
        ({**LOCAL, "upload_limit": -1}, "mail_backup.upload_limit: must be a whole number from 0"),
    ],
)
def test_what_is_wrong_is_told_without_its_secret(backup: Any, expected: str) -> None:
    problems = check({**GOOD, "mail_backup": backup})
    assert_told(problems, expected)
    assert "s3cret" not in "".join(problems)


def test_a_repository_is_not_within_the_mail() -> None:
    settings = {"mail_backup": {**LOCAL, "repository": "/srv/mail/x"}}
    assert check({**GOOD, **settings, "dovecot_mail_dir": "/srv/mai"}) == []
    problems = check({**GOOD, **settings, "dovecot_mail_dir": "/srv/mail/"})
    assert_told(problems, "mail_backup.repository: is in /srv/mail/, which is backed up itself")


@pytest.mark.parametrize(
    "backup",
    [
        {},
        LOCAL,
        SFTP,
        {**SFTP, "repository": "sftp://backup@store.example.net:2222//srv/mx"},
        {
            **LOCAL,
            "repository": "s3:https://s3.example.net/bucket/mx",
            "environment": {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"},
        },
        {**LOCAL, "repository": "rest:https://mx:password@store.example.net/mx/", "keep": {}},
        {**LOCAL, "keep": {"daily": 3}, "time": "23:59", "upload_limit": 500},
    ],
)
def test_these_are_fine(backup: dict[str, Any]) -> None:
    assert check({**GOOD, "mail_backup": backup}) == []
