# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record all files of the mail host, and report later which ones have changed."""

from __future__ import annotations

import sys

from tests.lab.lab import STATE, on

REMEMBERED = STATE / "bare-files"
# Logins write logs, Ansible temporary files, and Rspamd's configuration test a pattern cache.
LIST = (
    r"find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/tmp"
    r" -o -path /var/log -o -path /root/.ansible \) -prune"
    r" -o -printf '%p %y %m %u %g %s %l %T@\n' "
    r" | grep -vE '^/root d|^/var/lib/rspamd( d|/[^/]*[.]hsmp f)' | sort"
)


def main(action: str) -> int:
    now = on("mx", LIST)
    if action == "remember":
        REMEMBERED.write_text(now)
        return 0
    before = REMEMBERED.read_text()
    if now == before:
        return 0
    changed = sorted(set(now.splitlines()) ^ set(before.splitlines()))
    print("These files were changed:", *changed[:40], sep="\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
