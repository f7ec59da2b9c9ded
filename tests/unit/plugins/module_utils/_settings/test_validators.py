# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import documented

LIST = {"type": "list", "elements": "int", "choices": [1, 2]}


@pytest.mark.parametrize(
    ("option", "value", "problems"),
    [
        ({"type": "str"}, "x", []),
        ({"type": "str"}, 7, [("x", "must be a string; put it in quotes")]),
        ({"type": "str", "choices": ["a", "b"]}, "b", []),
        (
            {"type": "str", "choices": ["a", "b"]},
            "c",
            [("x", "must be one of a, b, not 'c'")],
        ),
        ({"type": "int"}, 7, []),
        ({"type": "int"}, "7", [("x", "must be a whole number, not '7'")]),
        ({"type": "int"}, True, [("x", "must be a whole number, not True")]),
        ({"type": "bool"}, False, []),
        ({"type": "bool"}, "no", [("x", "must be true or false, not 'no'")]),
        ({"type": "dict"}, {"a": 1}, []),
        ({"type": "dict"}, "a=1", [("x", "must be a dictionary ({} for an empty one)")]),
        (LIST, [2, 1], []),
        (LIST, 2, [("x", "must be a list")]),
        (LIST, [3], [("x[0]", "must be one of 1, 2, not 3")]),
        (LIST, [None], [("x[0]", "must be one of 1, 2, not None")]),
        # Without a default, null is how a play says that there is none.
        ({"type": "str"}, None, []),
        (
            {"type": "dict", "default": {}},
            None,
            [("x", "must be a dictionary ({} for an empty one)")],
        ),
        ({"type": "str", "required": True}, None, [("x", "must be a string; put it in quotes")]),
    ],
)
def test_an_option_is_checked_by_its_documentation(
    option: dict[str, Any], value: object, problems: list[tuple[str, str]]
) -> None:
    assert list(documented(option)("x", value)) == problems
