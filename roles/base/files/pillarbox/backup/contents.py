# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is made of: the one list of what is backed up, and of what is left out.

Left out is what site.yml writes (packages, configuration, accounts other than their hashes), and
what is derived from the rest: indexes of searches, indexes of Maildirs, learned bans, logs, the
challenges of the CA, metrics.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from pillarbox import parts

MEMORY = "/var/lib/pillarbox"
REDIS, VALKEY = "/var/lib/redis/dump.rdb", "/var/lib/valkey/dump.rdb"
# The states of mail that Postfix has accepted (qmgr(8)). It is restored into the last one.
QUEUE = ("incoming", "active", "deferred", "hold")
# Mail of a backup on its way into a mailbox, in the directory of all mail.
RESTORING = ".restore-"


class Item(NamedTuple):
    """Files that belong together.

    paths: files and directories.
    bare: a host with any of these lives; a whole host is not restored onto it.
    databases: SQLite's files among them are copied in SQLite's own way.
    """

    what: str
    paths: list[str]
    bare: bool = False
    databases: bool = False


# Directories of search indexes; each Xapian database has this file, and mail has none.
DERIVED_IF_PRESENT = "iamglass"
# Written anew by site.yml or by jobs. The manifests of config_tree describe the host itself.
DERIVED = [f"{MEMORY}/{name}" for name in ("acme", "config_tree", "findings.json", "metrics.json")]


def contents(found: dict[str, dict[str, Any]]) -> list[Item]:
    """Return what this host is made of, in the order in which restic reads it.

    Args:
        found: the parts of the roles. What a role keeps on a host that no longer has it, too.
    """
    acme, rspamd = found.get("acme_sh", {}), found.get("rspamd", {})
    clients = found.get("client_certificates", {}).get("certificates", "")
    queue = found.get("postfix", {}).get("directories", {}).get("queue", "")
    return [
        Item("mail, Sieve scripts and subscriptions", _directories(found, "dovecot"), bare=True),
        # That names of folders were escaped, which is done once.
        Item("state of folders", ["/var/lib/dovecot/folders-escaped"]),
        Item("hashes of passwords", ["/etc/dovecot/users", "/etc/dovecot/scram"], bare=True),
        Item("TLS keys and certificates", _named(acme, "tls_dir"), bare=True),
        Item("certificates of web names", _named(acme.get("web") or {}, "dir")),
        Item("ACME account", [*_named(acme, "acme_home"), "/var/backups/pillarbox"]),
        Item("DKIM keys", _named(rspamd.get("dkim", {}), "keys"), bare=True),
        Item("CA of client certificates", [str(Path(clients).parent)] if clients else []),
        Item("secret of forwarded senders", _named(found.get("postsrsd", {}), "secret")),
        Item("what the spam filter has learned", [REDIS, VALKEY]),
        Item("calendars and contacts", _directories(found, "dav")),
        Item("settings and contacts of webmail", _directories(found, "webmail"), databases=True),
        Item("names of the host", ["/etc/pillarbox/hostnames"]),
        # DKIM ledger, MTA-STS, maturity, statistics of TLS.
        Item("memory", [MEMORY], databases=True),
        Item(
            "reports from and to others",
            ["/var/lib/pillarbox-reports", "/var/lib/pillarbox-tlsrpt"],
            databases=True,
        ),
        Item("MTA-STS policies of others", ["/var/lib/mta-sts"], databases=True),
        Item("mail in the queue", [f"{queue}/{state}" for state in QUEUE] if queue else []),
    ]


def derived(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return the patterns of what is left out."""
    return [*DERIVED, *(f"{path}/{RESTORING}*" for path in _directories(found, "dovecot"))]


def all_parts() -> dict[str, dict[str, Any]]:
    """Return the part of each role, also of those that were switched off: their data remain."""
    roles = sorted(file.stem for file in Path(parts.DIRECTORY).glob("*.json"))
    return {role: parts.part(role) for role in roles}


def existing(paths: list[str]) -> list[str]:
    """Return those of the paths that exist. A symbolic link is followed, and remains a link."""
    found: list[str] = []
    for path in paths:
        if os.path.lexists(path):
            found.append(path)
        if os.path.islink(path) and os.path.exists(path):
            found.append(os.path.realpath(path))
    return found


def _directories(found: dict[str, dict[str, Any]], role: str) -> list[str]:
    return list(found.get(role, {}).get("directories", {}).values())


def _named(part: dict[str, Any], key: str) -> list[str]:
    return [part[key]] if part.get(key) else []
