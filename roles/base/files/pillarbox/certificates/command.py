# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``certificates``, by which a timer, site.yml, roll_tls_key.yml and people renew."""

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
Renew the TLS certificates, put the next keys in service, or say where each key stands.

Nothing is served that does not fit its key, the names and the time, that the published TLSA records
do not pin, or that the daemons do not really serve afterwards. Where one of these fails, the former
certificate stays in service, or comes back. No failure uses up a key.
""",
    """\
Use it when
  a mail says that pillarbox-certificates failed: a sentence in it says why. Put that right, then
  run "renew". The timer tries again by itself within a day.
  a key may have been stolen: on the controller, run the playbook roll_tls_key.yml with
  roll_tls_key_compromised=true. It runs "roll --compromised" here, and publishes what comes after.

Examples
  pillarbox certificates status            # each key: in service, in the DNS since when
  pillarbox certificates renew             # what is due; a timer does it every six hours
  pillarbox certificates renew --check     # only say what is due
  pillarbox certificates renew --force     # new certificates for the keys in use, whatever is due

Exit status
  0  done, or there was nothing to do; renew and roll print a JSON object
  1  failed; one sentence on standard error says why, and "status" repeats it
  3  a key may not be served yet, as senders may still know DNS records without it

Files
  /etc/pillarbox/parts/acme_sh.json    what the settings say; site.yml writes it
  /etc/pillarbox/tls/                  keys, certificates, and ring.json, what is remembered of them
  pillarbox-certificates.timer         when it is run; journalctl -u pillarbox-certificates
""",
)


def main(arguments: list[str]) -> int:
    parser = MANUAL.parser()
    # The module acme_certificate brings the settings of a run that only checks.
    parser.add_argument("--config", type=argparse.FileType(), help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    renew = commands.add_parser("renew", help="obtain and serve what is due")
    renew.add_argument("--check", action="store_true", help="only say what is due")
    renew.add_argument(
        "--scheduled", action="store_true", help="not yet again what failed a while ago"
    )
    renew.add_argument("--force", action="store_true", help="also what is not due")
    roll = commands.add_parser("roll", help="serve the next keys")
    roll.add_argument("--check", action="store_true", help="only say whether it is time")
    roll.add_argument("--compromised", action="store_true", help="also when it is not")
    commands.add_parser("status", help="say where each key stands")
    given = parser.parse_args(arguments)
    config = json.load(given.config) if given.config else part("acme_sh")
    # Whatever is written here is for root alone.
    os.umask(0o077)
    try:
        if given.command == "status":
            print(Host(config).status())
            return 0
        if given.check:
            return change(Host(config), given)
        with Path(config["tls_dir"], ".lock").open("w") as lock:
            # One at a time; the module tls_key_ring takes it too.
            fcntl.flock(lock, fcntl.LOCK_EX)
            host = Host(config)
            if getattr(given, "scheduled", False) and (until := host.due.rests()):
                print(f"the last run failed, and the next tries again after {until.isoformat()}")
                return 0
            return change(host, given)
    except (CertificateError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def change(host: Host, given: argparse.Namespace) -> int:
    """Run renew or roll and remember whether it failed."""
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
