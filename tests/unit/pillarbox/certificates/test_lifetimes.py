# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates valid for months and for days: when they are renewed, and the time for retries."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pillarbox.certificates import gate
from pillarbox.certificates.gate import Gate
from pillarbox.certificates.pair import CertificateError, why_due
from pillarbox.certificates.ring import Ring, now

from .chains import KEYS, NAMES, certificate
from .host import Host

KEY = KEYS["ecdsa", "current"]
CONFIG: dict[str, Any] = {
    "names": list(NAMES), "algorithms": ["ecdsa"], "tlsa_ports": [25], "renew_days": 30,
}  # fmt: skip
# The interval of pillarbox-certificates.timer.
EVERY = timedelta(hours=6)
# Days of life; left when it is due, when a closed gate holds it up no more; hours of rest after a
# failure. Let's Encrypt's: the usual ones until 2027, until 2028, from then on, short-lived ones.
TABLE = [(90, 30, 15, 24), (64, 64 / 3, 64 / 6, 24), (45, 15, 7.5, 24), (6, 2, 1, 6)]
SECOND = 1 / 86400


@pytest.fixture
def served(tmp_path: Path) -> Path:
    (tmp_path / "ecdsa-current.key").write_bytes(KEY)
    return tmp_path / "ecdsa.pem"


def pair(life: float, left: float) -> bytes:
    return KEY + certificate(KEY, begin=left - life, end=left)


@pytest.mark.parametrize(("life", "due", "last", "rest"), TABLE)
def test_is_due_in_the_last_month_or_third_of_its_life(
    life: float, due: float, last: float, rest: float
) -> None:
    assert why_due(pair(life, life - 0.01), KEY, CONFIG) is None
    assert why_due(pair(life, due + 60 * SECOND), KEY, CONFIG) is None
    assert why_due(pair(life, due - 60 * SECOND), KEY, CONFIG)


@pytest.mark.parametrize(("life", "due", "last", "rest"), TABLE)
def test_name_servers_without_the_key_hold_it_up_until_the_last_sixth(
    life: float,
    due: float,
    last: float,
    rest: float,
    served: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(host: str, ports: list[int]) -> None:
        raise CertificateError("all name servers are down")

    monkeypatch.setattr(gate, "published", ask)
    for left, is_last_call in ((due, False), (last + 0.01, False), (last - 0.01, True)):
        served.write_bytes(pair(life, left))
        assert Gate(Ring(str(served.parent)), CONFIG).is_last_call("ecdsa") is is_last_call


@pytest.mark.parametrize(("life", "due", "last", "rest"), TABLE)
def test_the_timer_comes_often_enough(life: float, due: float, last: float, rest: float) -> None:
    """At least four attempts that depend on the name servers, and as many that do not."""
    between = max(EVERY, timedelta(hours=rest))
    assert timedelta(days=due - last) / between >= 4
    assert timedelta(days=last) / between >= 4


@pytest.mark.parametrize(("life", "due", "last", "rest"), TABLE)
def test_what_failed_is_tried_and_told_daily_and_more_often_only_when_days_count(
    life: float, due: float, last: float, rest: float, host: Host
) -> None:
    host.config["algorithms"] = ["ecdsa"]
    host.pair_file("ecdsa").write_bytes(pair(life, due - 0.01))
    host.load()
    (host.base / "fails").touch()
    assert host.run("renew", "--scheduled").status == 1
    failure = host.memory["failure"]

    def run_after(hours: float, *arguments: str) -> int | None:
        at = (now() - timedelta(hours=hours)).isoformat()
        host.memory = {**host.memory, "failure": {**failure, "at": at}}
        return host.run("renew", *arguments).status

    assert run_after(rest - 6 if rest > 6 else 5, "--scheduled") == 0
    assert host.memory["failure"], "it is still what status tells"
    assert run_after(rest, "--scheduled") == 1
    # After a fix, a manual run need not wait.
    (host.base / "fails").unlink()
    assert run_after(0) == 0
    assert host.memory["failure"] is None
