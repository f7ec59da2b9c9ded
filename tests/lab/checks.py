# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run "pillarbox check" on the host, and change what it looks at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.lab import lab

# By name and type: the values of an RRset.
Records = Mapping[tuple[str, str], list[str]]


def check(patience: int = 60) -> dict[str, Any]:
    """Return what the check prints for programs, given so many seconds.

    Without security updates, which may be published at any time after the image was built.
    """
    printed = lab.on("mx", f"pillarbox check --json --patience {patience}", check=False)
    whole: dict[str, Any] = json.loads(printed)
    published = ("updates", "security")
    whole["findings"] = [f for f in whole["findings"] if (f["check"], f["subject"]) != published]
    return whole


@contextmanager
def replaced(records: Records) -> Iterator[None]:
    """Replace records of example.org by hand, for a while. The host forgets what it has cached."""
    before = {key: lab.dig(*key) for key in records}
    _replace(records)
    try:
        yield
    finally:
        _replace(before)


def _replace(records: Records) -> None:
    lab.publish(records)
    # Either may be asked.
    lab.eventually("the same zone at both name servers", _are_equal)
    # So often that systemd would refuse it.
    lab.on("mx", "systemctl reset-failed unbound; systemctl restart unbound")


def _are_equal() -> bool | None:
    first, second = (lab.dig("example.org", "SOA", at) for at in (lab.PRIMARY, lab.SECONDARY))
    return True if first == second else None
