# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics, webhook and heartbeat."""

from __future__ import annotations

from typing import Any

import pytest

from ....settings import check
from .good import GOOD, assert_told


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"mail_alert_url": "ntfy.example.net/s3cret"}, "mail_alert_url: must be a URL"),
        ({"mail_alert_url": "mailto:s3cret@example.net"}, "mail_alert_url: must be a URL"),
        ({"mail_heartbeat_url": "https:///s3cret"}, "mail_heartbeat_url: must be a URL"),
        ({"mail_heartbeat_url": "https://x/s3cret y"}, "mail_heartbeat_url: must be a URL"),
        ({"mail_alert_url": "https://x:s3cret/"}, "mail_alert_url: must be a URL"),
        ({"mail_alert_url": ["https://x/"]}, "mail_alert_url: must be"),
        (
            {"mail_alert_url": "https://me:s3cret@ntfy.example.net/"},
            "mail_alert_url: has a user name or password before the host",
        ),
        ({"mail_metrics_password": "s3cret"}, "mail_metrics_password: must have 12 to 64"),
        (
            {"mail_metrics_password": "a long s3cret", "mail_web": False},
            "mail_metrics_password: needs the web server; remove it, or set mail_web to true",
        ),
        ({"web_setup_path": "metrics"}, "web_setup_path: is metrics, where the web server has"),
    ],
)
def test_what_is_wrong_is_told_without_its_secret(changes: dict[str, Any], expected: str) -> None:
    assert_told(check({**GOOD, **changes}), expected)
    assert "s3cret" not in "".join(check({**GOOD, **changes}))


@pytest.mark.parametrize("url", ["https://ntfy.example.net/x?auth=a", "http://[2001:db8::1]:8080/"])
def test_these_are_fine(url: str) -> None:
    settings = {"mail_alert_url": url, "mail_heartbeat_url": url}
    assert check({**GOOD, **settings, "mail_metrics_password": "a long s3cret"}) == []
