# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When nginx validates its configuration: in check mode only if nothing is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..playbook import play

SETTINGS = {
    "mail_hostname": "mx.example.org",
    "mail_domains": {"example.org": {}},
    "mail_users": {"alice@example.org": {"password": "hunter2"}},
}
MISSING, COMPLETE = ({"acme_sh_certificates": {"missing": it}} for it in (["first.pem"], []))
CHANGED, UNCHANGED = ({"web_https": {"changed": changed}} for changed in (True, False))
# What earlier tasks of a run registered, and whether nginx can then validate.
RUNS: dict[str, tuple[dict[str, Any], bool]] = {
    "the first role alone": ({}, True),
    "a complete host": (COMPLETE | UNCHANGED, True),
    "a first run that the CA ended": (MISSING, False),
    # The site of webmail refers to the others.
    "a first run that a later role ended": (COMPLETE | CHANGED, False),
}


def test_check_mode_does_not_have_nginx_read_what_is_not_there_yet(tmp_path: Path) -> None:
    settings = {"ansible.builtin.import_role": {"name": "pillarbox.mail.mail"}}
    tasks = [
        {"ansible.builtin.debug": {"msg": f"not: {run}"}, "vars": results, "when": "mail_web_lacks"}
        for run, (results, _valid) in RUNS.items()
    ]
    content = [{"hosts": "mx", "gather_facts": False, "tasks": [settings, *tasks]}]
    (tmp_path / "play.yml").write_text(json.dumps(content))
    done = play(tmp_path, "--check", "-i", "mx,", "-e", json.dumps(SETTINGS))
    assert done.returncode == 0, done.stdout + done.stderr
    for run, (_results, valid) in RUNS.items():
        assert (f"not: {run}" not in done.stdout) is valid, run
