# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse the runs of site.yml in ansible-playbook's log (ANSIBLE_LOG_PATH)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

PLAY = "Build the mail server"
LINE = re.compile(r"^(?P<time>[\d-]+ [\d:,]+) p=\d+ u=\S+ n=\S+ \w+\| ?(?P<text>.*)$")


@dataclass
class Run:
    """One run: its tasks in order with their results, and its duration."""

    start: datetime
    end: datetime
    tasks: list[tuple[str, str]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()

    @property
    def changed(self) -> list[str]:
        return [task for task, result in self.tasks if result == "changed"]

    @property
    def failed(self) -> list[str]:
        return [task for task, result in self.tasks if result in ("failed", "fatal", "unreachable")]


def runs(log: str) -> list[Run]:
    """Return the runs of site.yml in a log, in order, without skipped tasks."""
    found: list[Run] = []
    current: Run | None = None
    task = ""
    for line in log.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        when = datetime.strptime(match["time"], "%Y-%m-%d %H:%M:%S,%f")
        text = match["text"]
        if text.startswith("PLAY ["):
            current = None
            if text.startswith(f"PLAY [{PLAY}]"):
                current = Run(when, when)
                found.append(current)
        elif current is None:
            continue
        elif text.startswith("TASK ["):
            task = text[6 : text.rindex("]")]
        elif text.startswith("PLAY RECAP"):
            current.end = when
            current = None
        else:
            result = re.match(r"(ok|changed|failed|fatal|unreachable): \[", text)
            if result:
                current.tasks.append((task, result.group(1)))
    return found
