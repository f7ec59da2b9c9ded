# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.modules import preflight_info

Info = Callable[..., dict[str, Any]]


@pytest.fixture
def info(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Info:
    monkeypatch.setattr(preflight_info, "ROOT", tmp_path)
    monkeypatch.setattr(AnsibleModule, "get_bin_path", lambda _self, name: program(name))

    def program(name: str) -> str | None:
        path = tmp_path / "bin" / name
        return str(path) if path.exists() else None

    def run(**options: Any) -> dict[str, Any]:
        args = {"hostname": "MX.example.org", "smtp_servers": [], "now": time.time(), **options}
        with patch_module_args(args), pytest.raises(SystemExit):
            preflight_info.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def test_a_bare_host_without_any_of_the_programs_says_what_it_can(info: Info) -> None:
    result = info(now=time.time() - 300)
    host = result["host"]
    assert result["changed"] is False
    assert 299 < host["offset"] < 310
    assert (host["addresses"], host["listeners"]) == ([], None)
    assert (host["set_up"], host["memory"], host["loopback"]) == (False, 0, [])
    assert host["free"]["/"] > 0


def test_what_the_host_has_is_read(info: Info, tmp_path: Path) -> None:
    socket = 'LISTEN 0 5 0.0.0.0:25 0.0.0.0:* users:(("python3",pid=9,fd=3))'
    files = {
        "etc/hosts": "127.0.1.1 mx.example.org\n",
        "proc/meminfo": "MemTotal: 2000 kB\n",
        "var/lib/pillarbox/config_tree/postfix.json": "{}",
        "bin/ss": f"#!/bin/sh\necho '{socket}'\n",
        "bin/ip": """#!/bin/sh
            echo '[{"addr_info": [{"local": "192.0.2.25", "scope": "global"}]}]'\n""",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    host = info()["host"]
    assert (host["set_up"], host["memory"], host["loopback"]) == (True, 2048000, ["127.0.1.1"])
    assert host["addresses"] == ["192.0.2.25"]
    assert host["listeners"] == [{"port": 25, "program": "python3"}]


def test_with_a_smarthost_no_other_server_is_tried(
    info: Info, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[list[str]] = []
    monkeypatch.setattr(preflight_info, "greetings", lambda servers, *_: tried.append(servers))
    info(smarthost=True, smtp_servers=["a"])
    info(smtp_servers=["a"])
    assert tried == [[], [], ["a"], ["a"]]


def test_a_check_that_does_not_exist_cannot_be_accepted(info: Info) -> None:
    result = info(accept=["reverse nam"])
    assert result["failed"] is True
    assert "Got no match for: reverse nam" in result["msg"] and "reverse name" in result["msg"]


def test_the_defaults_are_documented() -> None:
    options = yaml.safe_load(preflight_info.DOCUMENTATION)["options"]
    assert options["accept"]["choices"] == preflight_info.CHECKS
    assert options["dns_lists"]["default"] == preflight_info.LISTS
