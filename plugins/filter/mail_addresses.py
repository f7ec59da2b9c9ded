# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: mail_addresses
short_description: Every address of the mail server and the account behind it
version_added: 0.1.0
description:
  - Makes of the accounts, domains and postmaster a dictionary of all addresses. The account of an
    address receives its mail and may send as it.
  - Beside the accounts' own there are the names that every domain must answer at (RFC 2142 and RFC
    5321 section 4.5.1), and C(root) at the host.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  _input:
    description: The accounts, as a list of addresses or a dictionary keyed by them.
    type: raw
    required: true
  domains:
    description: The domains that have mail, as a list or as a dictionary keyed by them.
    type: raw
    required: true
  postmaster:
    description: The account of the names that every domain must have.
    type: str
    required: true
  hostname:
    description: The name of the host.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the addresses of a small server
  ansible.builtin.debug:
    msg: "{{ ['alice@example.org']
      | pillarbox.mail.mail_addresses(['example.org'], 'alice@example.org', 'mx.example.org') }}"
"""

RETURN = r"""
_value:
  description: The account by address.
  type: dict
  sample:
    alice@example.org: alice@example.org
    postmaster@example.org: alice@example.org
"""

from collections.abc import Callable, Iterable

REQUIRED = ("postmaster", "abuse", "hostmaster")


def mail_addresses(
    accounts: Iterable[str], domains: Iterable[str], postmaster: str, hostname: str
) -> dict[str, str]:
    """The account by address. An account of its own goes before a name that must exist."""
    required = [f"{name}@{domain}" for domain in (*domains, hostname) for name in REQUIRED]
    host = [f"root@{hostname}", "root@localhost"]
    return {
        **dict.fromkeys([*required, *host], postmaster),
        **{account: account for account in accounts},
    }


class FilterModule:
    def filters(self) -> dict[str, Callable[..., dict[str, str]]]:
        return {"mail_addresses": mail_addresses}
