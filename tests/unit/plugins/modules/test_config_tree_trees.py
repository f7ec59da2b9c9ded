# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option trees of config_tree: several trees, one after the other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from .config_tree_host import Host, Tree

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners, which takes root")

FIRST: Tree = ("first", {"etc/first.conf": b"1\n"}, {})
SECOND: Tree = ("second", {"etc/second.conf": b"2\n"}, {"mode": "0600"})
THIRD: Tree = ("third", {"etc/third.conf": b"3\n"}, {})


@pytest.fixture
def host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, capsys)


def test_are_installed_as_a_check_predicts_and_then_left_alone(host: Host) -> None:
    predicted = host.run_all(FIRST, SECOND, check=True)
    assert predicted["changed"] and host.snapshot() == {}

    done = host.run_all(FIRST, SECOND)

    assert done["changed_paths"] == predicted["changed_paths"]
    assert (host.root / "etc/first.conf").stat().st_mode & 0o777 == 0o644
    assert (host.root / "etc/second.conf").stat().st_mode & 0o777 == 0o600
    assert host.run_all(FIRST, SECOND)["changed"] is False


def test_each_removes_only_its_own_former_files(host: Host) -> None:
    host.run_all(FIRST, SECOND)
    result = host.run_all(FIRST, ("second", {"etc/other.conf": b"2\n"}, {}))
    assert result["removed_paths"] == [f"{host.root}/etc/second.conf"]
    assert (host.root / "etc/first.conf").exists()


def test_if_one_is_refused_those_before_it_stay_and_those_after_it_are_left_out(
    host: Host,
) -> None:
    name, files, _ = SECOND

    result = host.run_all(FIRST, (name, files, {"validate": [["false"]]}), THIRD)

    assert result["failed"] and result["changed"]
    assert result["changed_paths"] == [f"{host.root}/etc", f"{host.root}/etc/first.conf"]
    assert 'Nothing of the tree second was changed, because "false" ended' in result["msg"]
    assert f"Changed before that: {host.root}/etc, {host.root}/etc/first.conf" in result["msg"]
    assert [path.name for path in (host.root / "etc").iterdir()] == ["first.conf"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("second", {"daemon": {"restart": True}}, "second: missing required arguments: name"),
        ("second", {"mode": "rwx"}, '"rwx" is not a mode'),
        ("second", {"state_dir": "/tmp"}, "second: it has no option state_dir"),
        ("second/third", {}, 'name: "second/third" must be made of'),
        ("first", {}, 'trees: the name "first" is there twice'),
    ],
)
def test_what_is_wrong_with_one_is_said_before_any_is_installed(
    host: Host, name: str, options: dict[str, Any], message: str
) -> None:
    result = host.run_all(FIRST, (name, {"etc/second.conf": b""}, options))
    assert message in result["msg"]
    assert host.snapshot() == {}
