# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``certificates``, used by the timer, site.yml, roll_tls_key.yml and administrators."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from pillarbox.certificates import web_report
from pillarbox.certificates.lock import locked
from pillarbox.certificates.pair import CertificateError, TooEarly
from pillarbox.certificates.renewal import Host
from pillarbox.certificates.ring import now
from pillarbox.certificates.sites import Sites
from pillarbox.certificates.web import Web
from pillarbox.certificates.web_due import MOST
from pillarbox.manual import Manual
from pillarbox.parts import part

MANUAL = Manual(
    "certificates",
    """\
Renew the TLS certificates, put the next keys in service, or show the state of each key.

A certificate goes into service only if it matches its key and the host names, is valid now, and the
published TLSA records pin its key. If the daemons do not serve it afterwards, the former
certificate is put back. A failure never uses up a key.

The names that only the web server serves have certificates of their own, one for each mail domain,
with a new key each time. They are ordered at the same time, and their failures concern no other
site.
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
  pillarbox certificates renew example.org # order that of its web names now, if it is due

Exit status
  0  success, or nothing to do; renew and roll print a JSON object. A failure of a web name is a
     warning in it, until a certificate in service is in the last sixth of its lifetime
  1  failure; see the message on standard error, which "status" repeats
  3  a key may not be served yet, as senders may still have cached DNS records without it
  4  only the web names failed, altogether or with a certificate in the last sixth of its lifetime

Files
  /etc/pillarbox/parts/acme_sh.json    the configuration, which site.yml writes
  /etc/pillarbox/tls/                  keys, certificates, and ring.json, their history
  /etc/pillarbox/web/                  certificates of web names, and state.json, their history
  pillarbox-certificates.timer         its schedule; log: journalctl -u pillarbox-certificates
""",
)


Part = Future[dict[str, Any]]


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
    renew.add_argument(
        "--orders", type=int, default=MOST, metavar="N", help="order at most N for web names"
    )
    renew.add_argument(
        "what", nargs="*", metavar="WHAT", help='"mail", "web", or sites such as example.org'
    )
    roll = commands.add_parser("roll", help="put the next keys in service")
    roll.add_argument("--check", action="store_true", help="only report whether it is safe")
    roll.add_argument("--compromised", action="store_true", help="do not wait until it is safe")
    commands.add_parser("status", help="show the state of each key")
    given = parser.parse_args(arguments)
    config = json.load(given.config) if given.config else part("acme_sh")
    # All files written here are for root only, unless the web server reads them.
    os.umask(0o077)
    try:
        if given.command == "status":
            print(status(config))
            return 0
        if given.check:
            return run(config, given, lambda: None)
        with locked(config["tls_dir"]) as give_way:
            return run(config, given, give_way)
    except (CertificateError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def status(config: dict[str, Any]) -> str:
    web = config.get("web")
    sites = Sites(web["dir"], web["sites"]) if web else None
    lines = web_report.status(vars(sites.memory), sites.wanted) if sites else []
    return "\n".join([Host(config).status(), *lines])


def run(config: dict[str, Any], given: argparse.Namespace, give_way: Callable[[], None]) -> int:
    """Do what is given, and print the report. A failure of one part concerns no other."""
    report: dict[str, Any] = {}
    status = 0
    with ThreadPoolExecutor() as pool:
        ring, web = start(pool, config, given, give_way)
        for running in filter(None, (ring, web)):
            try:
                merge(report, running.result())
            except (CertificateError, OSError, ValueError) as error:
                print(error, file=sys.stderr)
                only_web = ring and running is web
                status = status or (4 if only_web else 3 if isinstance(error, TooEarly) else 1)
            except KeyboardInterrupt:
                # At once: a kill is safe at any step, and what it does to orders is no failure.
                os._exit(130)
    for text in report.pop("urgent", []):
        print(text, file=sys.stderr)
        status = status or 4
    if given.command == "renew" and given.scheduled:
        # Of a thousand domains they would be a lot for a log.
        report.pop("unserved", None)
    if report:
        print(json.dumps(report))
    return status


def start(
    pool: Executor, config: dict[str, Any], given: argparse.Namespace, give_way: Callable[[], None]
) -> tuple[Part | None, Part | None]:
    """Start what is given of the ring and the web names, at once, as both mostly wait for the CA.

    Each returns its report, or raises its own errors.
    """
    what = ["mail"] if given.command == "roll" else given.what or ["mail", "web"]
    ring = web = None
    if "mail" in what:
        ring = pool.submit(roll_or_renew, config, given)

    def give_way_without_the_ring() -> None:
        if not ring or ring.done():
            give_way()

    if what != ["mail"] and (config.get("web") or given.what):
        asked = [] if "web" in what else [site for site in what if site != "mail"]
        web = pool.submit(renew_web, config, asked, given, give_way_without_the_ring)
    return ring, web


def merge(report: dict[str, Any], other: dict[str, Any]) -> None:
    """Add another report, whose values are lists or dictionaries."""
    for key, value in other.items():
        if isinstance(value, list):
            report[key] = [*report.get(key, []), *value]
        else:
            report[key] = {**report.get(key, {}), **value}


def renew_web(
    config: dict[str, Any],
    asked: list[str],
    given: argparse.Namespace,
    give_way: Callable[[], None],
) -> dict[str, Any]:
    if not config.get("web"):
        raise CertificateError("this host has no web server; its certificates are those of mail")
    web = Web(config, config["web"], asked, given.force)
    if given.check:
        return web.check(given.orders)
    return web.renew(given.orders, give_way)


def roll_or_renew(config: dict[str, Any], given: argparse.Namespace) -> dict[str, Any]:
    """Roll the keys of the ring or renew its certificates, and record whether it failed."""
    host = Host(config)
    if given.command == "renew" and given.scheduled and (until := host.due.rests()):
        print(f"the last run failed; the next retries after {until.isoformat()}")
        return {}
    memory = host.ring.memory
    try:
        if not given.check:
            host.recover()
        if given.command == "renew":
            report = host.renew(given.check, given.force)
        else:
            report = host.roll(given.check, given.compromised)
        memory.failure = None
    except (CertificateError, OSError, ValueError) as error:
        if not isinstance(error, TooEarly):
            memory.failure = {"at": now().isoformat(), "why": str(error)}
        raise
    finally:
        if not given.check:
            host.ring.remember()
    return report
