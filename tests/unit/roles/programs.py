# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that roles install on the host, as modules."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

from ..paths import ROLES


def load(path: str) -> Any:
    """Import a program by its path below roles/."""
    program = ROLES / path
    # Two programs have modules of the same name.
    name = f"program_{program.stem}"
    spec = importlib.util.spec_from_file_location(name, program)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # What Python compiles beside it would be taken for a template.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    spec.loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module
