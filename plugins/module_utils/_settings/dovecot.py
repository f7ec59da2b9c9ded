# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the settings of the role dovecot, beyond what its documentation tells.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Check,
    Problem,
    empty_or,
    integer,
)

# Below these, Dovecot's service cannot write, or what is there is gone after a restart of the host.
_NO_PLACE_FOR_MAIL = re.compile(r"/(etc|usr|boot|tmp|run|dev|proc|sys)(/.*)?")


def _directory(where: str, value: Any) -> Iterator[Problem]:
    parts = "(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+"
    if not isinstance(value, str) or not re.fullmatch(parts, value):
        yield where, f"must be an absolute path of letters, digits, '.', '_' and '-', not {value!r}"
    elif _NO_PLACE_FOR_MAIL.fullmatch(value):
        yield where, f"is {value}, where mail cannot be kept; use one such as /srv/mail"


DOVECOT_CHECKS: dict[str, Check] = {
    "dovecot_mail_dir": _directory,
    "dovecot_index_dir": empty_or(_directory),
    "dovecot_user_connections": integer(1, 1000),
}


def dovecot_contradictions(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Tell of settings that exclude each other."""
    form = settings.get("dovecot_mail_format", "auto")
    if form in ("auto", "maildir"):
        return
    if settings.get("dovecot_index_dir"):
        yield (
            "dovecot_index_dir",
            f"cannot be with dovecot_mail_format {form}, whose indexes hold flags and so belong to"
            " the mail; leave it empty",
        )
    if settings.get("dovecot_mail_layout", "maildir++") != "maildir++":
        yield "dovecot_mail_layout", f"has no effect with dovecot_mail_format {form}; leave it out"
