# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._files import (
    FilesError,
    create_directory,
    create_file,
    read_file,
    replace_file,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_complete_and_protected_before_it_has_its_name(tmp_path: Path) -> None:
    target = tmp_path / "key"
    seen: list[int] = []

    def protect(path: str) -> None:
        assert not target.exists()
        seen.append(mode(Path(path)))
        os.chmod(path, 0o640)

    create_file(str(target), b"secret", protect)
    assert seen == [0o600]
    assert (target.read_bytes(), mode(target)) == (b"secret", 0o640)
    assert os.listdir(tmp_path) == ["key"]


@pytest.mark.parametrize("there", ["file", "dangling link", "directory"])
def test_a_new_file_replaces_nothing(tmp_path: Path, there: str) -> None:
    target = tmp_path / "key"
    if there == "file":
        target.write_text("mine")
    elif there == "directory":
        target.mkdir()
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FilesError, match="File exists"):
        create_file(str(target), b"secret", lambda path: None)
    assert os.listdir(tmp_path) == ["key"]
    assert not target.is_file() or target.read_text() == "mine"


def test_a_replaced_file_is_not_readable_while_it_is_written(tmp_path: Path) -> None:
    target = tmp_path / "users"
    target.write_text("old")
    replace_file(str(target), b"new", lambda path: os.chmod(path, 0o640))
    assert (target.read_bytes(), mode(target)) == (b"new", 0o640)
    assert os.listdir(tmp_path) == ["users"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(path: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    with pytest.raises(FilesError, match="users cannot be written: Operation not permitted"):
        replace_file(str(tmp_path / "users"), b"new", fail)
    assert os.listdir(tmp_path) == []


def test_a_directory_needs_its_parent(tmp_path: Path) -> None:
    create_directory(str(tmp_path / "keys"), lambda path: None)
    assert mode(tmp_path / "keys") == 0o700
    with pytest.raises(FilesError, match="cannot be created: No such file or directory"):
        create_directory(str(tmp_path / "a" / "b"), lambda path: None)


def test_tells_a_missing_file_from_an_unreadable_one(tmp_path: Path) -> None:
    assert read_file(str(tmp_path / "nowhere")) is None
    with pytest.raises(FilesError, match="cannot be read: Is a directory"):
        read_file(str(tmp_path))
