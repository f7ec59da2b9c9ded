# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: dkim_signing
short_description: The DKIM keys that sign
version_added: 0.1.0
description:
  - Selects the keys that sign from those that M(pillarbox.mail.dkim_selectors) returned before
    their records were published.
  - The new keys of a domain sign once the records of all of them are served. Until then the former
    keys continue to sign.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  _input:
    description: RV(pillarbox.mail.dkim_selectors#module:selectors).
    type: list
    elements: dict
    required: true
  served:
    description: The names of the new keys' records that all name servers serve.
    type: list
    elements: str
    required: true
  domains:
    description: The domains whose keys to return. Defaults to all domains.
    type: list
    elements: str
seealso:
  - plugin: pillarbox.mail.dkim_selectors
    plugin_type: module
"""

EXAMPLES = r"""
- name: Update DKIM key states
  pillarbox.mail.dkim_selectors:
    path: /var/lib/pillarbox/dkim.json
    key_directory: /var/lib/rspamd/dkim
    key_group: _rspamd
    domains:
      example.org: {}
    selectors:
      r1: {type: rsa}
      e1: {type: ed25519}
  register: dkim

- name: Show the keys that sign once the record of r2 is served
  ansible.builtin.debug:
    msg: "{{ dkim.selectors | pillarbox.mail.dkim_signing(['r2._domainkey.example.org']) }}"
"""

RETURN = r"""
_value:
  description: The keys, in the format of the input.
  type: list
  elements: dict
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.ledger import from_dict
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.life import ACTIVE, switch


def dkim_signing(
    selectors: Iterable[Mapping[str, Any]],
    served: Collection[str],
    domains: Collection[str] | None = None,
) -> list[Mapping[str, Any]]:
    """Return the keys of the domains that are active after the switch."""
    wanted = None if domains is None else set(domains)
    items = [item for item in selectors if wanted is None or item["domain"] in wanted]
    after = switch(map(from_dict, items), served, datetime.now(UTC))
    active = {key.dns_name for key in after if key.state == ACTIVE}
    return [item for item in items if item["dns_name"] in active]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"dkim_signing": dkim_signing}
