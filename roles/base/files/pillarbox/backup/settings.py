# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What site.yml says of backups: its part, and the file with the secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from pillarbox import Failure
from pillarbox.files import read
from pillarbox.parts import part, switched_on

# Only root can read these.
SECRETS = Path("/etc/pillarbox/backup/secrets.json")
SSH_KEY = Path("/etc/pillarbox/backup/ssh.key")
KNOWN_HOSTS = Path("/etc/pillarbox/backup/known_hosts")


class Settings(NamedTuple):
    """The settings.

    names: of this host, the present one last. A repository belongs to the host of these names.
    keep: how many daily, weekly and monthly backups remain; all if it is empty.
    environment: restic's environment, with the repository, its password and credentials.
    """

    names: list[str]
    keep: dict[str, int]
    upload_limit: int
    environment: dict[str, str]

    @property
    def host(self) -> str:
        """The name under which backups are stored."""
        return self.names[-1]


def settings() -> Settings:
    """Return the settings. Raises Failure if this host makes no backups."""
    if not switched_on("backup"):
        raise Failure("this host makes no backups; set mail_backup and run site.yml")
    own = part("backup")
    content = read(SECRETS)
    if content is None:
        raise Failure(f"{SECRETS} is missing; run site.yml, which writes it")
    return Settings(own["names"], own["keep"], own["upload_limit"], json.loads(content))
