# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the configuration that each role writes for the program: /etc/pillarbox/parts/ROLE.json.

A role adds its part by such a file, not by code. Without it, the host does not have that role.
"""

from __future__ import annotations

import json
import os
from typing import Any

from pillarbox import Failure

DIRECTORY = "/etc/pillarbox/parts"


def part(role: str) -> dict[str, Any]:
    """Return the configuration of a role. Raises Failure if it is missing."""
    file = f"{DIRECTORY}/{role}.json"
    try:
        with open(file, encoding="utf-8") as stream:
            config: dict[str, Any] = json.load(stream)
            if not isinstance(config, dict):
                raise ValueError("no JSON object")
    except FileNotFoundError:
        raise Failure(
            f"role {role} is not set up on this host: {file}, which it writes, is missing"
        ) from None
    except ValueError as error:
        raise Failure(f"{file} is damaged ({error}); run site.yml, which writes it") from error
    return config


def switched_on(role: str) -> dict[str, Any] | None:
    """Return the configuration of a role, None if this host does not have it."""
    # The file of a role that was switched off remains.
    off = os.path.exists(f"{DIRECTORY}/base.json") and role in part("base").get("off", [])
    return None if off or not os.path.exists(f"{DIRECTORY}/{role}.json") else part(role)
