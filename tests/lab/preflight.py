# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look whether the mail host can become a mail server, and return what was found."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.lab import lab

# The tasks of preflight.yml, with the findings in a file. The clock of a container is that of its
# machine, so a wrong one is that of the controller.
PLAY = """
- hosts: mail_servers
  gather_facts: false
  check_mode: true
  module_defaults:
    pillarbox.mail.preflight_info: {defaults}
  tasks:
    - block:
        - ansible.builtin.import_role:
            name: pillarbox.mail.base
            tasks_from: preflight
      always:
        - ansible.builtin.copy:
            content: "{{{{ base_preflight.findings | to_json }}}}"
            dest: {report}
          delegate_to: localhost
          check_mode: false
"""
Findings = dict[str, dict[str, Any]]


def preflight(
    directory: Path, now: float | None = None, **settings: Any
) -> tuple[subprocess.CompletedProcess[str], Findings]:
    """Run the tasks, at a time of the controller's that may be wrong."""
    report, play = directory / "report.json", directory / "preflight.yml"
    defaults = json.dumps({} if now is None else {"now": now})
    play.write_text(PLAY.format(defaults=defaults, report=report))
    run = lab.playbook(str(play), **settings)
    assert report.exists(), run.stdout
    findings = json.loads(report.read_text())
    return run, {f"{one['check']}, {one['subject']}": one for one in findings}


def worse_than_a_note(findings: Findings) -> list[dict[str, Any]]:
    return [one for one in findings.values() if one["status"] not in ("ok", "note")]
