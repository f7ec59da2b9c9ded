# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No daemon has privileges that it does not need. All other tests show that it has enough."""

from __future__ import annotations

from tests.lab import lab
from tests.lab.exposure import exposed


def test_no_daemon_is_exposed() -> None:
    # Debian 12 runs Postfix in the second unit, and Rspamd's database is Redis.
    postfix, database = (
        lab.on("mx", f"systemctl is-active -q {other} && echo {other} || echo {one}").strip()
        for one, other in (("postfix", "postfix@-"), ("valkey-server", "redis-server"))
    )
    daemons = (postfix, database, "dovecot", "fail2ban", "nginx", "postsrsd", "rspamd", "unbound")
    assert exposed(*daemons, "pillarbox-setup") == {}


def test_no_job_is_exposed() -> None:
    files = "cd /etc/systemd/system; ls -d pillarbox-*.service | sed 's/@/@dovecot/; s/.service//'"
    jobs = lab.on("mx", files).split()
    assert {"pillarbox-certificates", "pillarbox-junk"} <= set(jobs)
    assert exposed(*jobs) == {}


def test_a_program_that_reads_what_strangers_send_opens_no_socket_itself() -> None:
    # The drop-in for all programs is wider, and must not come last.
    found = lab.on("mx", "systemd-analyze security --no-pager pillarbox-setup")
    for kind in ("local", "Internet", "netlink"):
        assert f"Service cannot allocate {kind} sockets" in found
