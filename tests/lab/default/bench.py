# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the cost of many accounts in many domains on the lab's mail host; for bin/bench."""

from __future__ import annotations

import imaplib
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator

import yaml

from tests.lab import lab

ACCOUNTS = int(os.environ.get("BENCH_ACCOUNTS", "10000"))
DOMAINS = int(os.environ.get("BENCH_DOMAINS", "1000"))
INVENTORY = lab.ROOT / ".cache" / "bench"
ALICE = "alice@example.org"
TABLES = "/etc/dovecot/{users,mailboxes} /etc/postfix/*_* /etc/rspamd/local.d/maps.d/*.map"
# Generating an RSA key takes a tenth of a second. A hundred are enough to measure that; all other
# domains get copies.
KEYS = "/var/lib/rspamd/dkim"
MADE = 100


def seconds(action: Callable[[], object]) -> float:
    start = time.monotonic()
    action()
    return time.monotonic() - start


def write_inventory(accounts: int, domains: int, password: str | None = None) -> None:
    """Write an inventory in addition to the lab's, with more accounts in more domains.

    The hashes are precomputed, as they take 0.1 s each by design. Records are written to files, and
    keys sign at once, as the name server is not measured.
    """
    settings = yaml.safe_load((lab.ROOT / "lab/group_vars/mail_servers.yml").read_text())
    names = [f"d{number}.example.org" for number in range(domains)]
    for number in range(accounts):
        domain = names[number % domains]
        settings["mail_users"][f"user{number}@{domain}"] = {
            "password_hash": "{SHA512-CRYPT}$6$salt$" + "h" * 86,
            "aliases": [f"u{number}@{domain}"],
            "quota": "5G",
        }
    if password:
        settings["mail_users"][ALICE]["password"] = password
    settings["mail_domains"].update((name, {}) for name in names)
    settings["mail_scram"] = False  # SCRAM needs passwords, not hashes
    settings["mail_dns"] = {"provider": "zonefile", "path": str(INVENTORY / "zones")}
    settings["mail_dkim_selectors"] = {
        "r1": {"type": "rsa", "state": "active"},
        "e1": {"type": "ed25519", "state": "active"},
    }
    variables = INVENTORY / "group_vars" / "mail_servers"
    variables.mkdir(parents=True, exist_ok=True)
    keys = ("mail_domains", "mail_users", "mail_scram", "mail_dns", "mail_dkim_selectors")
    (variables / "accounts.json").write_text(
        json.dumps({key: settings[key] for key in keys}, default=str)
    )
    hosts: dict[str, object] = {"all": {"children": {"mail_servers": {"hosts": {"mx": {}}}}}}
    (INVENTORY / "hosts.yml").write_text(json.dumps(hosts))


def site() -> None:
    for _line in running_site():
        pass


def running_site() -> Iterator[str]:
    """Run site.yml and yield its output line by line."""
    said = []
    with subprocess.Popen(
        [*lab.command("pillarbox.mail.site"), "-i", str(INVENTORY / "hosts.yml")],
        env=lab.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        assert run.stdout
        for line in run.stdout:
            said.append(line)
            yield line
    assert run.returncode == 0, "".join(said)


def copy_keys() -> None:
    """Copy the keys of the first hundred domains to all others."""
    script = f"""
cd {KEYS}
for number in $(seq {MADE} {DOMAINS - 1}); do
    for selector in r1 e1; do
        cp -p d$((number % {MADE})).example.org.$selector.key d$number.example.org.$selector.key
    done
done
"""
    lab.on("mx", "bash", script, timeout=600)


def service_of_a_password(accounts: int, domains: int) -> float:
    """Return the seconds from the task that writes a changed password to a login with it."""
    password = "another password of alice"
    write_inventory(accounts, domains, password)
    start = end = 0.0
    for line in running_site():
        if "Write the logins" in line:
            start = time.monotonic()
        if start and not end and ("ok: [mx]" in line or "changed: [mx]" in line):
            lab.eventually("the login", lambda: logged_in(password))
            end = time.monotonic()
    assert end, "the logins were not written"
    return end - start


def logged_in(password: str) -> bool | None:
    try:
        with lab.imap(ALICE, password):
            return True
    except imaplib.IMAP4.error:
        return None


def log_in() -> None:
    with lab.imap(ALICE):
        pass


def smtpd_memory() -> float:
    """Return the resident set of an smtpd with a client, in MB; it has all tables open."""
    with lab.submission(lab.SUBMISSIONS):
        status = lab.on("mx", "cat /proc/$(pgrep --newest --exact smtpd)/status")
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    assert found, status
    return int(found[1]) / 1000


def main() -> None:
    lab.use_names()
    write_inventory(0, 0)
    site()
    few, few_login = seconds(site), seconds(log_in)
    write_inventory(0, min(MADE, DOMAINS))
    keys = seconds(site) - few
    copy_keys()
    write_inventory(ACCOUNTS, DOMAINS)
    first, many, login = seconds(site), seconds(site), seconds(log_in)
    memory = smtpd_memory()
    password = service_of_a_password(ACCOUNTS, DOMAINS)
    sizes = lab.on("mx", f"bash -c 'cat {TABLES} | wc -c; cat {TABLES} | gzip | wc -c'").split()
    raw, packed = (int(size) // 1000 for size in sizes)
    print(
        f"{ACCOUNTS} accounts in {DOMAINS} domains  site.yml {first:.1f} s, again {many:.1f} s,"
        f" {many - few:.1f} s more than with 10 (budget 30); {raw} kB of tables, {packed} kB"
        f" compressed; a login {login:.2f} s, before {few_login:.2f} s; smtpd {memory:.0f} MB (15);"
        f" a changed password in service after {password:.1f} s (10);"
        f" keys of {min(MADE, DOMAINS)} domains {keys:.1f} s"
    )


if __name__ == "__main__":
    main()
