# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.module_utils import _packages
from ansible_collections.pillarbox.mail.plugins.modules import apt_packages


@pytest.mark.parametrize(
    ("states", "present"),
    [
        ("", {}),
        ("postfix installed 3.7.11-0+deb12u1 .\n", {"postfix": "3.7.11"}),
        # One of two architectures is enough.
        ("curl installed 8.14.1-2 .\ncurl not-installed .\n", {"curl": "8.14.1"}),
        ("postfix config-files 3.7.11-0 .\npostfix half-configured 3.7.11-0 .\n", {}),
        ("dovecot-imapd installed 1:2.4.1+dfsg1-6+deb13u7 .\n", {"dovecot-imapd": "2.4.1+dfsg1"}),
    ],
)
def test_only_what_is_wholly_installed_is_there(states: str, present: dict[str, str]) -> None:
    assert _packages.installed(states) == present


POLICY = """\
postfix:
  Installed: (none)
  Candidate: 3.7.11-0+deb12u1
  Version table:
     3.7.11-0+deb12u1 500
        500 http://deb.example.org/debian bookworm/main amd64 Packages
acme.sh:
  Installed: (none)
  Candidate: (none)
  Version table:
redis-server:
  Installed: (none)
  Candidate: 5:7.0.15-1~deb12u10
"""


def test_a_package_that_only_others_name_is_not_in_the_archive() -> None:
    assert apt_packages.candidates(POLICY) == {"postfix": "3.7.11", "redis-server": "7.0.15"}


@dataclass
class Host:
    """Stand-ins for dpkg-query, apt-get and apt-cache that print the same as the real ones."""

    directory: Path
    capsys: pytest.CaptureFixture[str]

    def program(self, name: str, script: str) -> None:
        path = self.directory / name
        line = f'echo $(echo {name} "$*") >>{self.directory}/calls'
        path.write_text(f"#!/bin/sh\n{line}\n{script}\n")
        path.chmod(0o755)

    def has(self, installed: str, archive: str) -> None:
        self.program("dpkg-query", f"cat <<'EOF'\n{installed}EOF")
        self.program("apt-cache", f"cat <<'EOF'\n{archive}EOF")
        self.program("apt-get", "")

    def calls(self) -> list[str]:
        log = self.directory / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def run(self, *name: str, check: bool = False, optional: list[str] | None = None) -> Any:
        args = {"name": list(name), "optional": optional or [], "_ansible_check_mode": check}
        with patch_module_args(args), pytest.raises(SystemExit):
            apt_packages.main()
        return json.loads(self.capsys.readouterr().out)


@pytest.fixture
def host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Host:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(apt_packages, "POLICY", tmp_path / "policy-rc.d")
    return Host(tmp_path / "bin", capsys)


def test_what_is_installed_is_left_alone_and_the_archive_is_not_asked(host: Host) -> None:
    host.has("postfix installed 3.7.11-0 .\n", POLICY)

    result = host.run("postfix")

    assert (result["changed"], result["missing"]) == (False, [])
    assert result["versions"] == {"postfix": "3.7.11"}
    assert [call.split()[0] for call in host.calls()] == ["dpkg-query"]


def test_a_check_says_what_would_be_installed_and_leaves_the_hosts_lists_alone(host: Host) -> None:
    host.has("", POLICY)

    result = host.run("postfix", check=True)

    assert (result["changed"], result["missing"]) == (True, ["postfix"])
    assert result["diff"]["after"] == "postfix\n"
    assert result["versions"] == {"postfix": "3.7.11"}
    updates = [call for call in host.calls() if call.startswith("apt-get")]
    assert len(updates) == 1 and updates[0].endswith(" update")
    directory = re.findall(r"-oDir::State::Lists=(\S+)/lists", updates[0])[0]
    assert not Path(directory).exists()
    assert all(directory in call for call in host.calls() if "dpkg-query" not in call)


@pytest.mark.parametrize(
    ("installed", "chosen"),
    [
        ("", "redis-server"),  # the archive has no valkey-server
        ("redis-server installed 5:8.0.2-3 .\n", None),
        ("valkey-server installed 8.1.1-1 .\n", None),
    ],
)
def test_of_alternatives_the_one_that_is_installed_is_kept(
    host: Host, installed: str, chosen: str | None
) -> None:
    host.has(installed, POLICY)

    result = host.run("valkey-server | redis-server", check=True)

    assert result["missing"] == ([chosen] if chosen else [])
    assert list(result["versions"]) == [chosen or installed.split()[0]]


def test_what_is_optional_is_installed_if_the_archive_has_it(host: Host) -> None:
    host.has("", POLICY)

    result = host.run(check=True, optional=["acme.sh", "redis-server"])

    assert result["missing"] == ["redis-server"]


def test_what_is_optional_and_nowhere_costs_no_update(host: Host) -> None:
    host.has(
        "postfix installed 3.7.11-0 .\n", "acme.sh:\n  Installed: (none)\n  Candidate: (none)\n"
    )

    result = host.run("postfix", optional=["acme.sh"])

    assert result["changed"] is False
    assert [call for call in host.calls() if call.startswith("apt-get")] == []


@pytest.mark.parametrize("check", [True, False])
def test_a_package_that_no_archive_has_is_reported(host: Host, check: bool) -> None:
    host.has("", POLICY)

    result = host.run("keydb | acme.sh", check=check)

    assert "no keydb or acme.sh" in result["msg"] and "/etc/apt/sources.list" in result["msg"]
    assert [call for call in host.calls() if " install " in call] == []


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
