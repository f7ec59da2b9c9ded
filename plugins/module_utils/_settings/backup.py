# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the settings of backups.

This module util is PRIVATE to the collection. No problem shows a repository, which may contain a
password.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import (
    Also,
    Range,
    Rule,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    member,
)

# The places of a repository; restic knows others, which are not tested.
_PLACES = re.compile(
    r"/[!-~]+|sftp:[\w.@-]+:[!-~]+|sftp://[\w.@-]+(?::\d+)?/[!-~]+"
    r"|s3:[!-~]+|rest:https?://[!-~]+"
)
# What is in the backup itself, and what is gone after a boot or hidden from the job.
_OTHERS = ("/var/lib", "/var/vmail", "/etc", "/tmp", "/var/tmp", "/run", "/dev", "/proc", "/sys")
_SHORTEST = 12
# What the host sets itself, or what would change which program runs.
_OWN = re.compile(r"RESTIC_(?!REST_)\w*|PATH|HOME|LD_\w+")


def _repository(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not _PLACES.fullmatch(value):
        yield (
            where,
            "must be an absolute path, or begin with sftp:, s3: or rest:, such as"
            " sftp:backup@store.example.net:/srv/mx or rest:https://store.example.net/mx, in ASCII"
            " and without spaces",
        )
    else:
        yield from _within(where, value, _OTHERS)


def _password(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield where, "must be a string; put it in quotes"
    elif len(value) < _SHORTEST or not value.isprintable():
        yield where, f"must have {_SHORTEST} or more characters, in one line"


def _environment(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield where, "must be a dictionary; write {} for an empty one"
        return
    for name, content in value.items():
        here = member(where, name)
        if not isinstance(name, str) or not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            yield here, "is no name of an environment variable, such as AWS_ACCESS_KEY_ID"
        elif _OWN.fullmatch(name):
            yield here, "is set by the host itself; remove it"
        if not isinstance(content, str) or not content.isprintable():
            yield here, "must be a string in one line; put it in quotes"


def _ssh_key(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not re.fullmatch(
        r"-----BEGIN OPENSSH PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END OPENSSH PRIVATE KEY-----",
        value.strip(),
    ):
        yield where, "must be a private key of OpenSSH, with all its lines, as ssh-keygen wrote it"


def _known_hosts(where: str, value: Any) -> Iterator[Problem]:
    lines = value.strip().splitlines() if isinstance(value, str) else []
    if not lines or not all(len(line.split()) >= 3 or line.startswith("#") for line in lines):
        yield (
            where,
            "must have lines with a host and its key, as ssh-keyscan prints them",
        )


def _time(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        yield where, f'must be a time, such as "02:30", in quotes, not {value!r}'


def _keep(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    if value and not any(value.values()):
        yield where, "keeps no backup; remove it for the default, or write {} to keep all"


def backup_contradictions(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield that a repository would contain itself."""
    backup, mail = settings.get("mail_backup"), settings.get("dovecot_mail_dir")
    repository = backup.get("repository") if isinstance(backup, Mapping) else None
    if isinstance(repository, str) and isinstance(mail, str) and mail.startswith("/"):
        yield from _within(member("mail_backup", "repository"), repository, (mail,))


def _within(where: str, repository: str, others: Iterable[str]) -> Iterator[Problem]:
    path = posixpath.normpath(repository)
    for other in others if path.startswith("/") else ():
        if posixpath.commonpath([path, other]) == posixpath.normpath(other):
            yield (
                where,
                f"is in {other}, which is backed up itself or does not last; use a directory on"
                " another disk, such as /srv/backup",
            )


def _backup(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    if not value:
        return
    for key in ("repository", "password"):
        if key not in value:
            yield member(where, key), "is missing; a backup needs repository and password"
    repository = value.get("repository")
    sftp = isinstance(repository, str) and repository.startswith("sftp:")
    for key in ("ssh_key", "ssh_known_hosts"):
        if sftp and key not in value:
            yield (
                member(where, key),
                "is missing; a bare host has no other way to reach the repository by SFTP",
            )
        elif key in value and not sftp:
            yield member(where, key), "is for a repository by SFTP; remove it"


BACKUP_RULES: dict[str, Rule] = {
    "mail_backup": Also(_backup),
    "mail_backup.repository": _repository,
    "mail_backup.password": _password,
    "mail_backup.environment": _environment,
    "mail_backup.ssh_key": _ssh_key,
    "mail_backup.ssh_known_hosts": _known_hosts,
    "mail_backup.keep": Also(_keep),
    "mail_backup.keep.daily": Range(0, 3650),
    "mail_backup.keep.weekly": Range(0, 520),
    "mail_backup.keep.monthly": Range(0, 120),
    "mail_backup.time": _time,
    "mail_backup.upload_limit": Range(0, 10_000_000),
}
