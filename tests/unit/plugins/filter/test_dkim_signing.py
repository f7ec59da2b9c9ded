# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.filter.dkim_signing import dkim_signing


def item(selector: str, state: str) -> dict[str, Any]:
    """Return a key in the format of dkim_selectors."""
    return {
        "domain": "example.org",
        "selector": selector,
        "type": "rsa",
        "state": state,
        "since": "2026-11-20T10:00:00Z",
        "line": "r1",
        "compromised": False,
        "pin": None,
        "wanted": True,
        "dns_name": f"{selector}._domainkey.example.org",
        "path": f"/keys/example.org.{selector}.key",
    }


@pytest.mark.parametrize(
    ("served", "signing"), [([], ["r2"]), (["r3._domainkey.example.org"], ["r3"])]
)
def test_the_new_key_signs_when_it_is_served_and_the_old_one_until_then(
    served: list[str], signing: list[str]
) -> None:
    keys = [item("r1", "retired"), item("r2", "active"), item("r3", "future")]
    found = dkim_signing(keys, served)
    assert [key["selector"] for key in found] == signing
    assert all(key in keys for key in found), "with all that was known of them"


def test_keys_of_other_domains_are_left_out() -> None:
    keys = [item("r1", "active"), {**item("r1", "active"), "domain": "example.net"}]
    assert dkim_signing(keys, [], ["example.org"]) == keys[:1]
