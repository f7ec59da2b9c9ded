# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: mail_routes
short_description: By which way mail leaves, and which addresses send it on
version_added: 0.2.0
description:
  - Makes of the settings of the role P(pillarbox.mail.mail#role) the tables by which Postfix sends
    mail to other servers, and by which Rspamd knows what is sent on to them.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  _input:
    description: O(pillarbox.mail.mail#role:accounts:mail_users), checked.
    type: dict
    required: true
  domains:
    description: O(pillarbox.mail.mail#role:main:mail_domains).
    type: dict
    required: true
  postmaster:
    description: O(pillarbox.mail.mail#role:main:mail_postmaster).
    type: str
    required: true
  hostname:
    description: O(pillarbox.mail.mail#role:main:mail_hostname).
    type: str
    required: true
  aliases:
    description: O(pillarbox.mail.mail#role:main:mail_aliases).
    type: dict
    default: {}
  smarthosts:
    description: O(pillarbox.mail.mail#role:main:mail_smarthosts).
    type: dict
    default: {}
  tls_policy:
    description: O(pillarbox.mail.mail#role:main:mail_tls_policy).
    type: dict
    default: {}
  relay_domains:
    description: O(pillarbox.mail.mail#role:main:mail_relay_domains).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show which addresses send mail on to other servers
  ansible.builtin.debug:
    msg: "{{ (mail_users | pillarbox.mail.mail_routes(
      mail_domains, 'alice@example.org', 'mx.example.org', mail_aliases)).sent_on }}"
  vars:
    mail_domains:
      example.org: {}
    mail_users:
      alice@example.org: {}
    mail_aliases:
      team@example.org: [alice@example.org, bob@example.net]
"""

RETURN = r"""
_value:
  description:
    - Tables as text. Each line has an address, or C(@domain) for any other in it, and after a space
      what belongs to it.
    - C(sender_transports) has the transport of mail that leaves by its envelope sender. A sender
      that is not in it is not ours.
    - C(default_transport) is that of senders for which nothing else is said.
    - C(smarthost_passwords) has user name and password by sender, or by server for all other
      senders.
    - C(tls_policies) has the level of TLS by destination.
    - C(relay_domains) has the domains that mail is only handed on for, C(relay_recipients) the
      addresses there that are taken, C(relay_checks) the domains whose server is asked for them,
      and C(relay_transports) the servers that MX records do not tell.
    - C(sent_on) has V(elsewhere) for the addresses from which mail goes on to another server. In a
      domain where that holds for all the rest, the others are there with V(here).
  type: dict
  sample:
    sender_transports: |
      <> smtp:
      @example.org smtp:
      @mx.example.org smtp:
    default_transport: "smtp:"
    smarthost_passwords: ""
    tls_policies: ""
    relay_domains: ""
    relay_recipients: ""
    relay_checks: ""
    relay_transports: ""
    sent_on: |
      team@example.org elsewhere
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils import _addresses, _routes


def mail_routes(
    users: _addresses.Accounts,
    domains: Mapping[str, Mapping[str, Any]],
    postmaster: str,
    hostname: str,
    aliases: Mapping[str, list[str]] | None = None,
    smarthosts: _routes.Smarthosts | None = None,
    tls_policy: Mapping[str, Any] | None = None,
    relay_domains: _routes.RelayDomains | None = None,
) -> dict[str, str]:
    """Make the tables of the settings."""
    settings = _addresses.Addressing(
        users,
        aliases or {},
        {name: options for name, options in domains.items() if not options.get("parked")},
        postmaster,
        hostname,
    )
    smarthosts, relayed = smarthosts or {}, relay_domains or {}
    return {
        "sender_transports": _table(_routes.sender_transports(settings, smarthosts)),
        "default_transport": _routes.default_transport(smarthosts),
        "smarthost_passwords": _table(_routes.smarthost_passwords(smarthosts)),
        "tls_policies": _table(_routes.tls_policies(tls_policy or {}, smarthosts)),
        "relay_domains": _table(dict.fromkeys(relayed, "relayed")),
        "relay_recipients": _table(_routes.relay_recipients(relayed)),
        "relay_checks": _table(_routes.relay_checks(relayed)),
        "relay_transports": _table(_routes.relay_transports(relayed)),
        "sent_on": _table(_routes.sent_on(settings, relayed)),
    }


def _table(entries: Mapping[str, str]) -> str:
    """Write a table as text, since Jinja would take a second for each ten thousand lines."""
    return "".join(f"{key} {value}\n" for key, value in entries.items())


class FilterModule:
    def filters(self) -> dict[str, Callable[..., dict[str, str]]]:
        return {"mail_routes": mail_routes}
