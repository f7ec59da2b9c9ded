# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.modules import apt_packages


@pytest.mark.parametrize(
    ("states", "missing"),
    [
        ("", ["postfix", "dovecot-imapd"]),
        ("postfix installed\n", ["dovecot-imapd"]),
        ("dovecot-imapd installed\npostfix installed\n", []),
        # Of two architectures, one is enough.
        ("postfix installed\npostfix not-installed\n", ["dovecot-imapd"]),
        ("dovecot-imapd config-files\npostfix half-configured\n", ["postfix", "dovecot-imapd"]),
        ("postfix not-installed\ndovecot-imapd unpacked\n", ["postfix", "dovecot-imapd"]),
    ],
)
def test_only_what_is_wholly_installed_is_there(states: str, missing: list[str]) -> None:
    assert apt_packages.missing(["postfix", "dovecot-imapd"], states) == missing


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="asks dpkg of this host")
@pytest.mark.parametrize("unknown", [[], ["no-such-package"]])
def test_predicts_what_it_would_install(
    unknown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    args = {"name": ["bash", *unknown], "_ansible_check_mode": True}
    with patch_module_args(args), pytest.raises(SystemExit):
        apt_packages.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert result["changed"] is bool(unknown)
    assert result["missing"] == unknown
    assert result["diff"]["after"].split() == unknown


def test_no_daemon_starts_while_packages_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(apt_packages, "POLICY", policy)
    with pytest.raises(InterruptedError), apt_packages.no_daemon_starts():
        # invoke-rc.d(8): 101 is "action forbidden by policy".
        assert subprocess.run([policy, "postfix", "start"], check=False).returncode == 101
        raise InterruptedError
    assert os.listdir(tmp_path) == []


def test_a_policy_of_the_operators_own_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 104\n")
    monkeypatch.setattr(apt_packages, "POLICY", policy)
    with apt_packages.no_daemon_starts():
        assert "104" in policy.read_text()
    assert "104" in policy.read_text()
