# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that listen on TCP ports of a host, as ss(8) prints them.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# Without "users": a socket of the kernel, or of a program that is not visible here.
SOCKET = re.compile(r'^LISTEN +\d+ +\d+ +\S+:(\d+) +\S+ *(?:users:\(\("([^"]+)")?', re.MULTILINE)


def sockets(module: AnsibleModule, ports: Iterable[int]) -> str:
    """Return a line for each socket that listens on one of these ports; empty without ss."""
    program = module.get_bin_path("ss")
    if not program:
        return ""
    chosen = " or ".join(f"sport = :{port}" for port in ports)
    _rc, out, err = module.run_command([program, "-Hltnp", chosen])
    return f"{out}{err}"


def listeners(lines: str, own: str) -> list[dict[str, Any]]:
    """Return the ports and programs in the output of ss -Hltnp, without duplicates.

    Args:
        own: a regular expression for the processes whose sockets do not count.
    """
    others = "\n".join(line for line in lines.splitlines() if not re.search(own, line))
    return [
        {"port": int(port), "program": program or "another program"}
        for port, program in dict.fromkeys(SOCKET.findall(others))
    ]
