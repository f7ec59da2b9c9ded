# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: dkim_keys
short_description: The DKIM keys of all domains
version_added: 0.1.0
description:
  - Makes of domains and selectors the list that M(pillarbox.mail.dkim_key) takes, one key for each
    selector of each domain.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  _input:
    description: The domains that have mail, as a list or as a dictionary keyed by them.
    type: raw
    required: true
  selectors:
    description: The keys of each domain, a dictionary keyed by selector. What it says of a key, as
      its C(type), is taken over.
    type: dict
    required: true
  directory:
    description: The directory of the key files.
    type: str
    required: true
seealso:
  - plugin: pillarbox.mail.dkim_key
    plugin_type: module
"""

EXAMPLES = r"""
- name: Show the keys of two domains
  ansible.builtin.debug:
    msg: "{{ ['example.org', 'example.net']
      | pillarbox.mail.dkim_keys({'r1': {'type': 'rsa'}}, '/var/lib/rspamd/dkim') }}"
"""

RETURN = r"""
_value:
  description: The keys, those of a domain one after the other.
  type: list
  elements: dict
  sample:
    - domain: example.org
      selector: r1
      path: /var/lib/rspamd/dkim/example.org.r1.key
      type: rsa
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def dkim_keys(
    domains: Iterable[str], selectors: Mapping[str, Mapping[str, Any]], directory: str
) -> list[dict[str, Any]]:
    """One key for each selector of each domain, in a file named after both."""
    return [
        {
            "domain": domain,
            "selector": selector,
            "path": f"{directory}/{domain}.{selector}.key",
            **key,
        }
        for domain in domains
        for selector, key in selectors.items()
    ]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"dkim_keys": dkim_keys}
