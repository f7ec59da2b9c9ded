# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory that plays the file system of a host, for config_tree."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.entries import pack
from ansible_collections.pillarbox.mail.plugins.modules import config_tree

NOBODY = 65534


FILES = {"etc/demo/main.conf": b"colour = red\n", "etc/demo/conf.d/users": b"alice:open-sesame\n"}


Snapshot = dict[str, tuple[int, int, int, bytes]]
# A name, files and options.
Tree = tuple[str, Mapping[str, bytes], dict[str, Any]]


class Host:
    """A directory that stands in for the file system of a host."""

    def __init__(self, base: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = base / "root"
        self.state = base / "state"
        self.root.mkdir()
        self._capsys = capsys

    def run(self, files: Mapping[str, bytes], check: bool = False, **options: Any) -> Any:
        """Run the module; return its result."""
        tree = {"src": ["tree"], "name": "demo", "dest": str(self.root), **options}
        return self._run({**tree, "_archives": [pack(files)]}, check)

    def run_all(self, *trees: Tree, check: bool = False) -> Any:
        """Run the module with several trees."""
        given = [
            {"src": ["tree"], "name": name, "dest": str(self.root), **options}
            for name, _, options in trees
        ]
        return self._run(
            {"trees": given, "_archives": [pack(files) for _, files, _ in trees]}, check
        )

    def _run(self, options: dict[str, Any], check: bool) -> Any:
        args = {
            "state_dir": str(self.state),
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            **options,
        }
        with patch_module_args(args), pytest.raises(SystemExit):
            config_tree.main()
        return json.loads(self._capsys.readouterr().out)

    def write(
        self, path: str, content: bytes, uid: int = 0, gid: int = 0, mode: int = 0o644
    ) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        os.chown(target, uid, gid)
        target.chmod(mode)
        return target

    def snapshot(self) -> Snapshot:
        return snapshot(self.root)


def snapshot(root: Path) -> Snapshot:
    """Return mode (with type), owner, group and contents of everything below root."""
    result = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content = b""
        if path.is_symlink():
            content = os.readlink(path).encode()
        elif path.is_file():
            content = path.read_bytes()
        name = str(path.relative_to(root))
        result[name] = (status.st_mode, status.st_uid, status.st_gid, content)
    return result


def contents(files: Snapshot) -> dict[str, bytes]:
    return {path: entry[3] for path, entry in files.items() if stat.S_ISREG(entry[0])}
