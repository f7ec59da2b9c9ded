# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of the page, in each language that has a file in texts/."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from markupsafe import Markup

TEXTS = Path(__file__).parent / "texts"
DEFAULT = "en"
LANGUAGES = sorted(file.stem for file in TEXTS.glob("*.toml"))
# RFC 9110 section 12.5.4.
_RANGE = re.compile(
    r"\s*([a-zA-Z]{1,8}|\*)(?:-[a-zA-Z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*"
)


@cache
def texts(language: str) -> SimpleNamespace:
    """Return the texts of a language. They may contain markup; what is put into them is escaped."""

    def marked(value: Any) -> Any:
        return [marked(each) for each in value] if isinstance(value, list) else Markup(value)

    with open(TEXTS / f"{language}.toml", "rb") as file:
        return SimpleNamespace(**{name: marked(it) for name, it in tomllib.load(file).items()})


def preferred(accepted: str) -> str:
    """Return the language that suits a client best, by its Accept-Language."""
    ranges = [match for each in accepted.split(",")[:20] if (match := _RANGE.fullmatch(each))]
    for match in sorted(ranges, key=lambda match: -float(match[2] or 1)):
        if match[1].lower() in LANGUAGES and float(match[2] or 1) > 0:
            return match[1].lower()
    return DEFAULT
