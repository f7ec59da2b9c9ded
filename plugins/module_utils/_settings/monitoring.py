# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the settings of metrics, webhook and heartbeat.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.pillarbox.mail.plugins.module_utils._settings.rspamd import web_password
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import Rule
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    empty_or,
)


def _url(where: str, value: Any) -> Iterator[Problem]:
    # Not quoted, as it may contain a token.
    if not _is_url(value):
        yield (
            where,
            "must be a URL, such as https://ntfy.example.net/topic, in ASCII and without spaces;"
            " with http, everybody on the way sees it",
        )
    elif "@" in urlsplit(value).netloc:
        yield where, "has a user name or password before the host, which is not supported"


def _is_url(value: Any) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"https?://[!-~]+", value):
        return False
    try:
        parts = urlsplit(value)
        return bool(parts.hostname) and parts.port != 0
    # A port that is no number, or brackets around no address.
    except ValueError:
        return False


MONITORING_RULES: dict[str, Rule] = {
    "mail_alert_url": empty_or(_url),
    "mail_heartbeat_url": empty_or(_url),
    "mail_metrics_password": empty_or(web_password),
}
