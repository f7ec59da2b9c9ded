# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``certificates``, used by the timer, site.yml, roll_tls_key.yml and administrators."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
from pathlib import Path

from pillarbox.certificates.pair import CertificateError, TooEarly
from pillarbox.certificates.renewal import Host
from pillarbox.certificates.ring import now
from pillarbox.manual import Manual
from pillarbox.parts import part

MANUAL = Manual(
    "certificates",
    """\
Renew the TLS certificates, put the next keys in service, or show the state of each key.

A certificate goes into service only if it matches its key and the host names, is valid now, and the
published TLSA records pin its key. If the daemons do not serve it afterwards, the former
certificate is put back. A failure never uses up a key.
""",
    """\
Use it when
  a mail reports that pillarbox-certificates failed: fix the cause that it names, then run "renew".
  The timer retries by itself, at most once a day.
  a key may have been stolen: run the playbook roll_tls_key.yml, which also publishes the keys after
  the next. It runs "roll --compromised" here.

Examples
  pillarbox certificates status            # each key: whether in service, since when in DNS
  pillarbox certificates renew             # renew what is due; a timer runs it every six hours
  pillarbox certificates renew --check     # only report what is due
  pillarbox certificates renew --force     # renew all certificates, due or not

Exit status
  0  success, or nothing to do; renew and roll print a JSON object
  1  failure; see the message on standard error, which "status" repeats
  3  a key may not be served yet, as senders may still have cached DNS records without it

Files
  /etc/pillarbox/parts/acme_sh.json    the configuration, which site.yml writes
  /etc/pillarbox/tls/                  keys, certificates, and ring.json, their history
  pillarbox-certificates.timer         its schedule; log: journalctl -u pillarbox-certificates
""",
)


def main(arguments: list[str]) -> int:
    parser = MANUAL.parser()
    # In check mode, the module acme_certificate passes the settings of the run.
    parser.add_argument("--config", type=argparse.FileType(), help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    renew = commands.add_parser("renew", help="renew the certificates that are due")
    renew.add_argument("--check", action="store_true", help="only report what is due")
    renew.add_argument(
        "--scheduled", action="store_true", help="do nothing shortly after a failure"
    )
    renew.add_argument("--force", action="store_true", help="also renew what is not due")
    roll = commands.add_parser("roll", help="put the next keys in service")
    roll.add_argument("--check", action="store_true", help="only report whether it is safe")
    roll.add_argument("--compromised", action="store_true", help="do not wait until it is safe")
    commands.add_parser("status", help="show the state of each key")
    given = parser.parse_args(arguments)
    config = json.load(given.config) if given.config else part("acme_sh")
    # All files written here are for root only.
    os.umask(0o077)
    try:
        if given.command == "status":
            print(Host(config).status())
            return 0
        if given.check:
            return change(Host(config), given)
        with Path(config["tls_dir"], ".lock").open("w") as lock:
            # One run at a time; the module tls_key_ring uses the same lock.
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("waiting for another run to end", file=sys.stderr)
                fcntl.flock(lock, fcntl.LOCK_EX)
            host = Host(config)
            if getattr(given, "scheduled", False) and (until := host.due.rests()):
                print(f"the last run failed; the next retries after {until.isoformat()}")
                return 0
            return change(host, given)
    except (CertificateError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def change(host: Host, given: argparse.Namespace) -> int:
    """Run renew or roll, and record whether it failed."""
    memory = host.ring.memory
    status = 0
    try:
        if not given.check:
            host.recover()
        if given.command == "renew":
            report = host.renew(given.check, given.force)
        else:
            report = host.roll(given.check, given.compromised)
        memory.failure = None
        print(json.dumps(report))
    except (CertificateError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        if isinstance(error, TooEarly):
            status = 3
        else:
            status = 1
            memory.failure = {"at": now().isoformat(), "why": str(error)}
    if not given.check:
        host.ring.remember()
    return status
