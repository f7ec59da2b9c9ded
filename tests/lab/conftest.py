# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys

import pytest

from tests.lab.lab import COLLECTIONS, SCENARIO, use_names

sys.path.append(str(COLLECTIONS))  # for tests that run a module in their own process
use_names()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the tests, and skip on Debian 12 those that need to run once; see CONTRIBUTING.md."""
    directories = list(dict.fromkeys(item.path.parent for item in items))

    def place(item: pytest.Item) -> tuple[int, bool, bool]:
        first, last = (item.get_closest_marker(name) is not None for name in ("first", "last"))
        return directories.index(item.path.parent), not first, last

    items.sort(key=place)
    if SCENARIO != "bookworm":
        return
    again = [item for item in items if item.get_closest_marker("once")]
    config.hook.pytest_deselected(items=again)
    items[:] = [item for item in items if item not in again]
