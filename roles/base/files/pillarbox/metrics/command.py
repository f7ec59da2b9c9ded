# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``metrics``: the numbers of this host for Prometheus."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from pillarbox import Failure
from pillarbox.files import replace
from pillarbox.manual import Manual
from pillarbox.metrics import host, kept, postfix
from pillarbox.metrics.text import Family, as_text, gauge, plain
from pillarbox.status.parts import Parts, all_parts

MANUAL = Manual(
    "metrics",
    """\
Print the numbers of this mail host in the text format of Prometheus: daemons, queue, deliveries,
certificates, keys, backups, file systems, encryption, reports of others, and the last daily check.

Dovecot and Rspamd have metrics of their own, which the web server offers beside these.
""",
    """\
Use it when you want to see what Prometheus gets. With mail_metrics_password, a timer writes them
once a minute for the web server; on a host without one, cron can write them for node_exporter.
docs/monitoring.md shows both.

Examples
  pillarbox metrics                  # print them
  pillarbox metrics --write FILE     # replace a file, as for node_exporter's textfile collector

Exit status
  0  success, even if a part failed: pillarbox_collector_success says which
  1  failure; see the message on standard error

Files
  /etc/pillarbox/parts/              what each role runs on this host
  /var/lib/pillarbox/metrics.json    the counts of what Postfix did
  /var/lib/pillarbox/findings.json   the result of the last daily check
  /run/pillarbox-metrics/host.prom   what the web server offers
  pillarbox-metrics.timer            the schedule; log: journalctl -u pillarbox-metrics
""",
)

Collector = Callable[[Parts, float], list[Family]]
COLLECTORS: dict[str, Collector] = {
    "units": host.unit_states,
    "queue": host.queue,
    "log": postfix.log,
    "certificates": kept.certificate_ends,
    "dkim": kept.dkim_keys,
    "backup": kept.backups,
    "file systems": host.file_systems,
    "memory": host.memory,
    "status": host.status,
    "tls": kept.encryption,
    "reports": kept.foreign_reports,
    "last check": kept.last_check,
}


def main(arguments: list[str]) -> int:
    parser = MANUAL.parser()
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace a file")
    given = parser.parse_args(arguments)
    parts = all_parts()
    if not parts:
        raise Failure("no role is set up on this host; run site.yml")
    text = collected(parts, time.time(), COLLECTORS)
    if given.write:
        # There is nothing secret in it, and node_exporter is not root.
        replace(given.write, text.encode(), mode=0o644)
    else:
        sys.stdout.write(text)
    return 0


def collected(parts: Parts, now: float, collectors: dict[str, Collector]) -> str:
    """Return the metrics of all collectors; one that fails does not keep back the others."""
    found: list[Family] = []
    success: dict[str, bool] = {}
    for name, collector in collectors.items():
        try:
            found += collector(parts, now)
            success[name] = True
        # Whatever the cause.
        except Exception as error:
            print(f"{name}: {error or type(error).__name__}", file=sys.stderr)
            success[name] = False
    return as_text([
        plain("pillarbox_metrics_timestamp_seconds", "When these metrics were read.", now),
        gauge(
            "pillarbox_collector_success",
            "Whether a part of these metrics could be read.",
            *(({"collector": name}, value) for name, value in success.items()),
        ),
        *found,
    ])  # fmt: skip
