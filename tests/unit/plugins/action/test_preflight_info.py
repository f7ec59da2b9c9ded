# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from ...playbook import play

# Without a resolver, a mail server or a list, so that nothing is asked.
OPTIONS: dict[str, Any] = {
    "hostname": "mx.example.org",
    "addresses": ["192.0.2.25"],
    "ports": [1],
    "smarthost": True,
    "resolvers": [],
    "dns_lists": {},
}


def run(directory: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the module for this machine, and write its findings to a file."""
    tasks = [
        {"pillarbox.mail.preflight_info": {**OPTIONS, **options}, "register": "found"},
        {
            "ansible.builtin.copy": {
                "content": "{{ found | to_json }}",
                "dest": str(directory / "found.json"),
            },
            "check_mode": False,
        },
    ]
    whole = [{"hosts": "mx", "gather_facts": False, "check_mode": True, "tasks": tasks}]
    (directory / "play.yml").write_text(json.dumps(whole))
    inventory = "mx ansible_connection=local ansible_python_interpreter={{ansible_playbook_python}}"
    (directory / "inventory").write_text(f"{inventory}\n")
    return play(directory, "-i", "inventory")


def test_the_host_and_what_others_know_of_it_are_judged_together(tmp_path: Path) -> None:
    done = run(tmp_path, now=1.0, accept=["disk", "memory"])
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    checks = {one["check"]: one["status"] for one in found["findings"]}
    assert (checks["clock"], checks["address"]) == ("critical", "note")
    [clock] = found["critical"]
    assert clock.startswith("clock: ") and found["text"].startswith("mx, ")
    assert found["changed"] is False and "host" not in found


def test_a_check_that_does_not_exist_is_refused_with_one_message(tmp_path: Path) -> None:
    done = run(tmp_path, accept=["reverse nam"])
    assert done.returncode != 0
    assert done.stdout.count("[ERROR]") == 1, done.stdout
    assert "Got no match for: reverse nam" in done.stdout


def test_what_goes_wrong_on_the_controller_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, addresses=["192.0.2.256"])
    assert done.returncode != 0
    assert "192.0.2.256' does not appear to be an IPv4 or IPv6 address" in done.stdout
    assert "Traceback" not in done.stdout
