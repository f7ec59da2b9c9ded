# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages signed before a step of a rotation still verify after it.

The tests simulate time by moving the dates in the ledger back, which a run cannot distinguish from
real days; clock, software and periods are the real ones. The tests build on each other.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lab import lab

ALICE, BOB = "alice@example.org", "bob@example.net"
LEDGER = "/var/lib/pillarbox/dkim.json"
KEYS = "/var/lib/rspamd/dkim"
SECONDARY = lab.SECONDARY
DNS = {
    "provider": "rfc2136",
    "server": lab.PRIMARY,
    "tsig_name": "record-set",
    "tsig_secret": (lab.STATE / "secrets" / "tsig-record-set").read_text().strip(),
    "ttl": lab.TTL,
}
FIRST, SECOND, THIRD = ({"r1", "e1"}, {"r2", "e2"}, {"r3", "e3"})


@dataclass
class Mailbag:
    """Messages from Alice to Bob, as they arrived, with their selectors."""

    arrived: list[tuple[set[str], bytes]] = field(default_factory=list)

    def send(self, *, signed_with: set[str]) -> None:
        """Send one; peer verifies it on arrival, and dkimpy with the current DNS."""
        mail = lab.message(ALICE, BOB)
        lab.submit(mail)
        message = lab.received_at_peer(mail)
        assert lab.verdicts(message) >= {"dkim=pass", "dmarc=pass"}
        assert {name for name, _valid in lab.signatures(message)} == signed_with
        self.arrived.append((signed_with, message))
        self.verifies(signed_with)

    def verifies(self, *those_signed_with: set[str]) -> None:
        """Check that all messages signed with these selectors verify now."""
        for selectors, message in self.arrived:
            if selectors in those_signed_with:
                valid = {(name, True) for name in selectors}
                assert set(lab.signatures(message)) == valid, selectors

    def fails(self, selectors: set[str]) -> None:
        """Check that no message signed with these selectors verifies any more."""
        messages = [message for signed, message in self.arrived if signed == selectors]
        assert messages
        for message in messages:
            assert not any(valid for _selector, valid in lab.signatures(message))


@pytest.fixture(scope="module")
def mail() -> Mailbag:
    return Mailbag()


def ledger() -> dict[str, dict[str, Any]]:
    """Return the keys of the domain in the host's ledger."""
    keys: dict[str, dict[str, Any]] = json.loads(lab.on("mx", f"cat {LEDGER}"))["example.org"]
    return keys


def states() -> dict[str, str]:
    return {selector: key["state"] for selector, key in ledger().items()}


def days_pass(days: int) -> None:
    """Move every date in the ledger back."""

    def earlier(match: re.Match[str]) -> str:
        moment = datetime.fromisoformat(match[0]) - timedelta(days=days)
        return f"{moment:%Y-%m-%dT%H:%M:%SZ}"

    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", earlier, lab.on("mx", f"cat {LEDGER}"))
    lab.on("mx", f"cat >{LEDGER}", text)


def record(selector: str, server: str = lab.PRIMARY) -> str:
    """Return a key's record with its strings joined, or "" if there is none."""
    return "".join(re.findall(r'"([^"]*)"', "".join(lab.dig(f"{selector}._domainkey.example.org",
                                                            "TXT", server))))  # fmt: skip


def changed_tasks(run: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the names of the tasks that changed something, or would in check mode."""
    assert run.returncode == 0, run.stdout
    task, found = "", []
    for line in run.stdout.splitlines():
        if line.startswith("TASK ["):
            task = line
        elif line.startswith("changed: ["):
            found.append(task)
    return found


def site_as_predicted(playbook: str = "pillarbox.mail.site", **settings: Any) -> str:
    """Run a playbook in check mode, then for real, with the same changes. Returns its output."""
    check = lab.playbook(playbook, "--check", **settings)
    run = lab.playbook(playbook, **settings)
    assert changed_tasks(run) == changed_tasks(check)
    assert changed_tasks(run) != []
    return run.stdout


def test_the_first_keys_sign_once_their_records_are_everywhere(mail: Mailbag) -> None:
    assert states() == dict.fromkeys(FIRST, "active")
    assert lab.on("mx", f"stat -c '%a %U' {LEDGER}") == "644 root\n"
    mail.send(signed_with=FIRST)


def test_while_a_secondary_lags_the_old_keys_sign_even_if_a_run_is_killed_or_does_not_wait(
    mail: Mailbag,
) -> None:
    lab.on("internet", "lab-lag on")
    try:
        killed = lab.start("pillarbox.mail.rotate_dkim")
        lab.eventually("the new record at the primary", lambda: record("r2") or None)
        mail.send(signed_with=FIRST)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
        assert states() == {**dict.fromkeys(FIRST, "active"), **dict.fromkeys(SECOND, "future")}

        run = lab.site(mail_dns={**DNS, "wait": False})

        assert lab.changed(run) == 0
        assert f"({SECONDARY}) does not serve r2._domainkey.example.org TXT" in run.stdout
        assert "example.org: not signing with e2, r2 yet" in run.stdout
        mail.send(signed_with=FIRST)
    finally:
        lab.on("internet", "lab-lag off")


def test_the_next_run_finishes_the_rotation_and_old_mail_goes_on_to_verify(mail: Mailbag) -> None:
    site_as_predicted()

    assert states() == {**dict.fromkeys(FIRST, "retired"), **dict.fromkeys(SECOND, "active")}
    mail.send(signed_with=SECOND)
    mail.verifies(FIRST)


def test_old_mail_verifies_until_the_last_day_of_the_retirement(mail: Mailbag) -> None:
    days_pass(13)
    assert lab.changed(lab.site()) == 0
    mail.verifies(FIRST, SECOND)


def test_after_it_the_old_keys_are_revoked(mail: Mailbag) -> None:
    days_pass(1)
    mail.verifies(FIRST)

    site_as_predicted()

    assert states() == {**dict.fromkeys(FIRST, "revoked"), **dict.fromkeys(SECOND, "active")}
    assert record("r1") == record("r1", SECONDARY) == "v=DKIM1; k=rsa; p="
    mail.fails(FIRST)
    mail.verifies(SECOND)
    mail.send(signed_with=SECOND)


def test_in_the_end_nothing_is_left_of_them_and_the_next_are_stolen(mail: Mailbag) -> None:
    days_pass(30)

    told = site_as_predicted("pillarbox.mail.rotate_dkim", rspamd_dkim_compromised=True)

    assert record("r1") == record("e1") == ""
    assert lab.on("mx", f"ls {KEYS} | grep -c '[er]1[.]key'", check=False) == "0\n"
    assert states() == {**dict.fromkeys(SECOND, "revoked"), **dict.fromkeys(THIRD, "active")}
    assert "example.org: r2 (rsa) is revoked since" in told
    assert record("r2", SECONDARY) == "v=DKIM1; k=rsa; p="
    mail.fails(SECOND)
    mail.send(signed_with=THIRD)


def test_keys_are_replaced_by_age_and_with_a_zone_file_not_before_it_was_copied(
    mail: Mailbag, tmp_path: Path
) -> None:
    days_pass(180)
    settings: dict[str, Any] = {
        "rspamd_dkim_max_age_days": 180,
        "mail_dns": {"provider": "zonefile", "path": str(tmp_path), "ttl": lab.TTL},
    }

    run = lab.site(**settings)

    assert lab.changed(run) > 0
    assert "does not serve r4._domainkey.example.org TXT" in run.stdout
    assert "example.org: not signing with e4, r4 yet" in run.stdout
    mail.send(signed_with=THIRD)

    copy_to_the_zone(tmp_path / "example.org.zone", "r4", "e4")
    assert lab.changed(lab.site(**settings)) > 0
    assert {key for key, state in states().items() if state == "active"} == {"r4", "e4"}
    mail.send(signed_with={"r4", "e4"})
    mail.verifies(THIRD)


def copy_to_the_zone(file: Path, *selectors: str) -> None:
    """Copy records from a zone file by hand, as with a provider's web form."""
    lines = [line.partition(" ;")[0].split(None, 3) for line in file.read_text().splitlines()]
    wanted = {f"{selector}._domainkey" for selector in selectors}
    adds = [
        f"update add {name}.example.org. {ttl} {value}"
        for name, ttl, _class, value in (line for line in lines if len(line) == 4)
        if name in wanted
    ]
    assert len(adds) == len(selectors)
    key = (lab.STATE / "secrets" / "tsig-record-set").read_text().strip()
    commands = "\n".join([f"server {lab.PRIMARY}", *adds, "send"])
    lab.on("internet", f"nsupdate -y hmac-sha256:record-set:{key}", f"{commands}\n")
    last = f"{selectors[-1]}._domainkey.example.org"
    lab.eventually("the secondary", lambda: lab.dig(last, "TXT", SECONDARY) or None)
