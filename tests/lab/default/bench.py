# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what 10,000 accounts in 500 domains cost the lab's mail host. bin/bench runs this."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import yaml

from tests.lab import lab

ACCOUNTS, DOMAINS = 10_000, 500
INVENTORY = lab.ROOT / ".cache" / "bench"
ALICE = "alice@example.org"
TABLES = "/etc/dovecot/{users,mailboxes} /etc/postfix/*_* /etc/rspamd/local.d/maps.d/*.map"


def seconds(action: Callable[[], object]) -> float:
    start = time.monotonic()
    action()
    return time.monotonic() - start


def write_inventory(accounts: int) -> None:
    """An inventory beside the lab's, with so many accounts more in as many domains as ever.

    Their hashes are given, since making them costs what it has to, 0.1 s each; and the records go
    into files, as it is not the name server that is measured.
    """
    settings = yaml.safe_load((lab.ROOT / "lab/group_vars/mail_servers.yml").read_text())
    domains = [f"d{number}.example.org" for number in range(DOMAINS)]
    for number in range(accounts):
        domain = domains[number % DOMAINS]
        settings["mail_users"][f"user{number}@{domain}"] = {
            "password_hash": "{SHA512-CRYPT}$6$salt$" + "h" * 86,
            "aliases": [f"u{number}@{domain}"],
            "quota": "5G",
        }
    settings["mail_domains"].update((domain, {}) for domain in domains)
    settings["mail_scram"] = False  # which has no use for hashes
    settings["mail_dns"] = {"provider": "zonefile", "path": str(INVENTORY / "zones")}
    variables = INVENTORY / "group_vars" / "mail_servers"
    variables.mkdir(parents=True, exist_ok=True)
    keys = ("mail_domains", "mail_users", "mail_scram", "mail_dns")
    (variables / "accounts.json").write_text(
        json.dumps({key: settings[key] for key in keys}, default=str)
    )
    hosts: dict[str, object] = {"all": {"children": {"mail_servers": {"hosts": {"mx": {}}}}}}
    (INVENTORY / "hosts.yml").write_text(json.dumps(hosts))


def site() -> None:
    run = lab.site("-i", str(INVENTORY / "hosts.yml"))
    assert run.returncode == 0, run.stdout


def log_in() -> None:
    with lab.imap(ALICE):
        pass


def smtpd_memory() -> float:
    """The resident set of an smtpd with a client, in MB: all tables are open then."""
    with lab.submission(lab.SUBMISSIONS):
        status = lab.on("mx", "cat /proc/$(pgrep --newest --exact smtpd)/status")
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    assert found, status
    return int(found[1]) / 1000


def main() -> None:
    lab.use_names()
    write_inventory(0)
    site()
    few, few_login = seconds(site), seconds(log_in)
    write_inventory(ACCOUNTS)
    first, many, login = seconds(site), seconds(site), seconds(log_in)
    sizes = lab.on("mx", f"bash -c 'cat {TABLES} | wc -c; cat {TABLES} | gzip | wc -c'").split()
    raw, packed = (int(size) // 1000 for size in sizes)
    print(
        f"{ACCOUNTS} accounts  site.yml {first:.1f} s, again {many:.1f} s, {many - few:.1f} s more"
        f" than with 10 (budget 3); {raw} kB of tables, {packed} kB compressed;"
        f" a login {login:.2f} s, before {few_login:.2f} s; smtpd {smtpd_memory():.0f} MB (15)"
    )


if __name__ == "__main__":
    main()
