# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory with the files of a host, and stand-ins for its programs, for host_info."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.modules import host_info


@dataclass
class Host:
    root: Path
    capsys: pytest.CaptureFixture[str]

    def has(self, path: str, text: str = "") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def program(self, name: str, script: str) -> None:
        log = f'echo {name} "$*" >>{self.root}/calls'
        self.has(f"bin/{name}", f"#!/bin/sh\n{log}\n{script}\n").chmod(0o755)

    def listens(self, *sockets: str) -> None:
        self.has("sockets", "".join(f"LISTEN 0 511 {socket}\n" for socket in sockets))
        self.program("ss", f"/bin/cat {self.root}/sockets")

    def has_unit(
        self, name: str, active: str = "inactive", at_boot: str = "", pid: int = 0
    ) -> None:
        properties = f"ActiveState={active}\nUnitFileState={at_boot}\n"
        self.has(f"units/{name}", properties + f"MainPID={pid}\n" * name.endswith(".service"))

    def has_systemd(self) -> None:
        """Print the properties of units as systemctl does: those of an unknown one are empty."""
        self.program(
            "systemctl",
            f"""shift 2
            for unit; do
                echo "Id=$unit"
                /bin/cat "{self.root}/units/$unit" 2>/dev/null ||
                    printf 'ActiveState=inactive\\nUnitFileState=\\n'
                echo
            done""",
        )

    def calls(self) -> list[str]:
        """The programs that were run."""
        log = self.root / "calls"
        return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []

    def info(self, *without: str, check: bool = False, **options: Any) -> dict[str, Any]:
        mail_dir = str(self.root / "var/vmail")
        args: dict[str, Any] = {"without": without, "mail_dir": mail_dir, **options}
        args["_ansible_check_mode"] = check
        with patch_module_args(args), pytest.raises(SystemExit):
            host_info.main()
        result: dict[str, Any] = json.loads(self.capsys.readouterr().out)
        return result
