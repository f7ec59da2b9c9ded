# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.filter.dkim_keys import dkim_keys

SELECTORS: dict[str, dict[str, Any]] = {"r1": {"type": "rsa"}, "e1": {"type": "ed25519"}}


@pytest.mark.parametrize(
    "domains", [["example.org", "example.net"], {"example.org": {}, "example.net": {"spf": {}}}]
)
def test_each_domain_has_a_key_for_each_selector(domains: Any) -> None:
    assert dkim_keys(domains, SELECTORS, "/keys") == [
        {"domain": domain, "selector": selector, "path": f"/keys/{file}", "type": kind}
        for domain, selector, file, kind in [
            ("example.org", "r1", "example.org.r1.key", "rsa"),
            ("example.org", "e1", "example.org.e1.key", "ed25519"),
            ("example.net", "r1", "example.net.r1.key", "rsa"),
            ("example.net", "e1", "example.net.e1.key", "ed25519"),
        ]
    ]


def test_what_is_said_of_a_key_is_taken_over() -> None:
    (key,) = dkim_keys(["example.org"], {"r1": {"type": "rsa", "size": 3072}}, "/keys")
    assert (key["type"], key["size"]) == ("rsa", 3072)


@pytest.mark.parametrize(("domains", "selectors"), [([], SELECTORS), (["example.org"], {})])
def test_without_domains_or_selectors_there_is_no_key(domains: Any, selectors: Any) -> None:
    assert dkim_keys(domains, selectors, "/keys") == []
