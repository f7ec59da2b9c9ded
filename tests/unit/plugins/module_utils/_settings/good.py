# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that are right, and what is said of one that is not."""

from __future__ import annotations

import subprocess
from typing import Any

from ....settings import check

HASH = "{SHA512-CRYPT}$6$salt$hash"
GOOD: dict[str, Any] = {
    "mail_hostname": "mx.example.org",
    "mail_domains": {"example.org": {}},
    "mail_users": {"alice@example.org": {"password": "secret"}},
}


def pair() -> tuple[str, str]:
    """A key and a certificate of it."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=mx"
    done = subprocess.run(
        [*command.split(), "-keyout", "-"], capture_output=True, text=True, check=True
    )
    key, mark, chain = done.stdout.partition("-----END PRIVATE KEY-----\n")
    return key + mark, chain


KEY, CHAIN = pair()
OTHER_CHAIN = pair()[1]
PROVIDED = {"key": KEY, "chain": CHAIN}
RFC2136 = {
    "provider": "rfc2136",
    "server": "198.18.0.53",
    "tsig_name": "record-set.",
    "tsig_secret": "c2VjcmV0",
}

OCTODNS = {
    "provider": "octodns",
    "provider_class": "octodns_ovh.OvhProvider",
    "provider_options": {"consumer_key": "a consumer key"},
}


def assert_one_error(name: str, value: object, expected: str) -> None:
    """With this value of a setting, one error begins like that, and no secret is in any."""
    errors = check({**GOOD, name: value})
    found = [error for error in errors if error.startswith(expected)]
    assert len(found) == 1, errors
    assert "hunter2" not in str(errors)


def assert_told(errors: list[str], expected: str) -> None:
    """One of the errors begins like that, and no secret is in any."""
    assert any(error.startswith(expected) for error in errors), errors
    assert "hunter" not in "".join(errors)


def without(settings: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != name}
