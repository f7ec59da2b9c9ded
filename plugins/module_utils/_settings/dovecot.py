# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the settings of role dovecot.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import (
    Range,
    Rule,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    empty_or,
)

# Directories that Dovecot's unit cannot write to, or that do not survive a reboot.
_NO_PLACE_FOR_MAIL = re.compile(r"/(etc|usr|boot|tmp|run|dev|proc|sys)(/.*)?")


def _directory(where: str, value: Any) -> Iterator[Problem]:
    parts = "(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+"
    if not isinstance(value, str) or not re.fullmatch(parts, value):
        yield where, f"must be an absolute path of letters, digits, '.', '_' and '-', not {value!r}"
    elif _NO_PLACE_FOR_MAIL.fullmatch(value):
        yield where, f"is {value}, where mail cannot be stored; use a directory such as /srv/mail"


DOVECOT_RULES: dict[str, Rule] = {
    "dovecot_mail_dir": _directory,
    "dovecot_index_dir": empty_or(_directory),
    "dovecot_user_connections": Range(1, 1000),
}


def dovecot_contradictions(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield settings that exclude each other."""
    form = settings.get("dovecot_mail_format", "auto")
    if form in ("auto", "maildir"):
        return
    if settings.get("dovecot_index_dir"):
        yield (
            "dovecot_index_dir",
            f"cannot be used with dovecot_mail_format {form}, whose indexes hold flags and are kept"
            " with the mail; remove it",
        )
    if settings.get("dovecot_mail_layout", "maildir++") != "maildir++":
        yield "dovecot_mail_layout", f"has no effect with dovecot_mail_format {form}; remove it"
