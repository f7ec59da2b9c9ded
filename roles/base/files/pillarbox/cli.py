# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``pillarbox``: run the module of a verb or service, which is imported only then."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from pillarbox import Failure

# For people: the module with the function main(), and a short description.
VERBS = {
    "alert": ("alert", "send a line to the webhook"),
    "backup": ("backup.command", "back up this host, and restore a mailbox or all of it"),
    "certificates": ("certificates.command", "renew the TLS certificates, or roll over their keys"),
    "check": ("check.command", "check whether others can exchange mail with this host"),
    "held": ("filter.held", "show, release or delete mail of accounts that exceeded their limit"),
    "junk": ("filter.junk", "train the spam filter"),
    "maturity": ("maturity.command", "show how strict the policies of the domains are"),
    "metrics": ("metrics.command", "print the numbers of this host for Prometheus"),
    "reports": ("reports.command", "read DMARC and TLS reports from others, and send ours"),
    "srs": ("srs", "rotate the secret that signs forwarded senders"),
    "status": ("status.command", "show the state of this mail host, and what needs attention"),
    "tls": ("tls.command", "show how mail is encrypted, by partner"),
    "undelete": ("undelete", "bring back mail that a user has deleted"),
}
# For units and daemons, by "pillarbox service NAME".
SERVICES = {
    "certificate-policy": "services.certificate_policy",
    "dane-policy": "services.dane_policy",
    "dnsbls": "services.dnsbls",
    "login": "services.login",
    "page": "page.service",
    "recode": "services.recode",
    "reports": "reports.delivery",
    "setup": "setup.service",
    "tls-reports": "reports.sending.sender",
    "tls-sessions": "reports.sending.collector",
}


def main(arguments: list[str]) -> int:
    """Run a verb and return the exit status of the command."""
    verb, *rest = arguments or ["help"]
    if verb in ("help", "-h", "--help"):
        if not rest or rest[0] == "help":
            print(overview())
            return 0
        verb, rest = rest[0], ["--help"]
    if verb == "service" and len(rest) == 1 and rest[0] in SERVICES:
        return run(SERVICES[rest[0]], f"service {rest[0]}")
    if verb in VERBS:
        if os.geteuid() != 0 and not {"-h", "--help"} & {*rest}:
            print(f"pillarbox {verb}: run this as root", file=sys.stderr)
            return 1
        return run(VERBS[verb][0], verb, rest)
    print(f"pillarbox: unknown verb {verb}; see pillarbox help", file=sys.stderr)
    return 2


def run(module: str, name: str, *arguments: list[str]) -> int:
    """Run main() of a module of this package."""
    try:
        status: int = import_module(f"pillarbox.{module}").main(*arguments)
        # Here, as an error in it could not be reported later.
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader, such as head(1), has seen enough. Python would try again to write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    # OSError: for example, a command is not installed, or a port is in use.
    except (Failure, OSError) as failure:
        print(f"pillarbox {name}: {failure}", file=sys.stderr)
        return 1
    return status


def overview() -> str:
    """Return the text of "pillarbox help"."""
    width = max(map(len, VERBS))
    return "\n".join([
        "usage: pillarbox VERB …",
        "",
        *(f"    {verb:{width}}  {what}" for verb, (_module, what) in VERBS.items()),
        f"    {'help':{width}}  show this overview, or the help of a verb",
        "",
        "Run it as root. Exit status: 0 success, 1 failure, 2 invalid command line.",
        "The configuration that each role writes for it is in /etc/pillarbox/parts.",
    ])  # fmt: skip
