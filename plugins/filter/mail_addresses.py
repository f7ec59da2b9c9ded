# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: mail_addresses
short_description: Compute tables of addresses, senders and logins
version_added: 0.1.0
description:
  - Computes the tables that Postfix, Dovecot and Rspamd use from the settings of the role
    P(pillarbox.mail.mail#role), so that all of them have the same addresses.
  - In addition to the addresses of accounts, these include the role addresses that every domain
    must have (RFC 2142 and RFC 5321 section 4.5.1), and C(root) at the host.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  _input:
    description:
      - The settings of role C(mail) without their prefix C(mail_). They must have passed the check.
      - C(users), C(domains), C(postmaster) and C(hostname) are required. The others are C(aliases),
        C(suspended_text), C(quota), C(smarthosts), C(tls_policy), C(relay_domains),
        C(master_users) and C(reports), which are empty if omitted.
      - Parked domains have no addresses.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the addresses of a small server
  ansible.builtin.debug:
    msg: "{{ settings | pillarbox.mail.mail_addresses }}"
  vars:
    settings:
      hostname: mx.example.org
      postmaster: alice@example.org
      domains:
        example.org: {}
      users:
        alice@example.org:
          password: correct horse battery staple
          aliases: [a@example.org]
"""

RETURN = r"""
_value:
  description:
    - Tables as text. Each line has an address, a space, and its value.
    - C(mailboxes) has the quota of each account, C(unlimited) if there is none.
    - C(userdb) is the same table with the keys that Dovecot looks up.
    - C(forwards) has the targets of each address that is not an account; C(@domain) is the
      catch-all of a domain.
    - C(senders) has the accounts that may send as an address.
    - C(refused_recipients) and C(refused_senders) have the SMTP answer for an address or account.
    - C(denied_logins) has, by service, a table of the logins that the service denies.
    - C(reports) is no table, but a dictionary, with the address of each domain that takes reports.
    - C(expiries) has the day, the table and the line of each entry that applies once an account
      expires.
    - C(logins) is in the format of M(pillarbox.mail.passwd_file). A device has a login of its own;
      the login of a master user begins with C(*).
    - C(routes) has the tables for outgoing mail. Its C(sender_transports) has the transport by
      envelope sender. Senders that are not in it are not ours.
    - C(default_transport) is the transport of all other senders.
    - C(smarthost_passwords) has user name and password by sender, or by server for all other
      senders.
    - C(tls_policies) has the TLS policy by destination, C(tls_policies_below) has patterns for
      the subdomains of a domain.
    - C(relay_domains) has the domains for which mail is only relayed, C(relay_recipients) the
      recipients accepted there, C(relay_checks) the domains whose recipients their own server
      verifies, and C(relay_transports) the servers that are not found by MX records.
    - C(sent_on) has V(elsewhere) for addresses that forward to another server. If the catch-all of
      a domain forwards, the other addresses of the domain are listed with V(here).
  type: dict
  sample:
    mailboxes: |
      alice@example.org 5G
    userdb: |
      alice@example.org 5G
    forwards: |
      postmaster@example.org alice@example.org
      a@example.org alice@example.org
    senders: |
      postmaster@example.org alice@example.org
      a@example.org alice@example.org
      alice@example.org alice@example.org
    refused_recipients: ""
    refused_senders: ""
    denied_logins: {imap: "", submission: ""}
    expiries: ""
    reports: {}
    logins: '{"alice@example.org": {"password": "correct horse battery staple"}}'
    routes:
      sender_transports: |
        <> smtp:
        @example.org smtp:
        @mx.example.org smtp:
      default_transport: "smtp:"
      smarthost_passwords: ""
      tls_policies: ""
      tls_policies_below: ""
      relay_domains: ""
      relay_recipients: ""
      relay_checks: ""
      relay_transports: ""
      sent_on: |
        team@example.org elsewhere
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._accounts import (
    addresses as _addresses,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts import routes as _routes
from ansible_collections.pillarbox.mail.plugins.module_utils._names import passwd_keys

DEFAULTS: dict[str, Any] = {
    "aliases": {},
    "suspended_text": "",
    "quota": "",
    "smarthosts": {},
    "tls_policy": {},
    "relay_domains": {},
    "master_users": {},
    "reports": "",
}


def mail_addresses(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Compute the tables from the settings, whose names lack the prefix mail_."""
    # Ansible's own dictionaries check for templates at each access, of which there are millions.
    settings = {**DEFAULTS, **_plain(settings)}
    for name in ("users", "domains", "postmaster", "hostname"):
        if name not in settings:
            raise ValueError(f"settings without '{name}'")
    users: _addresses.Accounts = settings["users"]
    addressing = _addresses.Addressing(
        users,
        settings["aliases"],
        {
            name: options
            for name, options in settings["domains"].items()
            if not options.get("parked")
        },
        settings["postmaster"],
        settings["hostname"],
        settings["suspended_text"],
        settings["reports"],
    )
    quota = settings["quota"] or "unlimited"
    denied = _addresses.denied_logins(users)
    quotas = {name: account.get("quota") or quota for name, account in users.items()}
    return {
        "mailboxes": _table(quotas.items()),
        "userdb": _table((key, most) for name, most in quotas.items() for key in passwd_keys(name)),
        "forwards": _table((a, ",".join(to)) for a, to in _addresses.forwards(addressing).items()),
        "senders": _table((a, ",".join(by)) for a, by in _addresses.senders(addressing).items()),
        "refused_recipients": _table(_addresses.refused_recipients(addressing).items()),
        "refused_senders": _table(_addresses.refused_senders(addressing).items()),
        "denied_logins": {service: _table(zip(logins)) for service, logins in denied.items()},
        "reports": _addresses.report_addresses(addressing, settings["relay_domains"]),
        "expiries": _table(_addresses.expiries(users)),
        "logins": json.dumps(_addresses.credentials(users, settings["master_users"])),
        "routes": _route_tables(
            addressing, settings["smarthosts"], settings["tls_policy"], settings["relay_domains"]
        ),
    }


def _plain(value: Any) -> Any:
    """Return a copy of a variable that consists of plain dictionaries and lists."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _route_tables(
    addressing: _addresses.Addressing,
    smarthosts: _routes.Smarthosts,
    tls_policy: Mapping[str, Any],
    relayed: _routes.RelayDomains,
) -> dict[str, str]:
    tables: dict[str, Mapping[str, str]] = {
        "sender_transports": _routes.sender_transports(addressing, smarthosts),
        "smarthost_passwords": _routes.smarthost_passwords(smarthosts),
        "tls_policies": _routes.tls_policies(tls_policy, smarthosts),
        "relay_domains": dict.fromkeys(relayed, "relayed"),
        "relay_recipients": _routes.relay_recipients(relayed),
        "relay_checks": _routes.relay_checks(relayed),
        "relay_transports": _routes.relay_transports(relayed),
        "sent_on": _routes.sent_on(addressing, relayed),
    }
    texts = {name: _table(table.items()) for name, table in tables.items()}
    return {
        **texts,
        "default_transport": _routes.default_transport(smarthosts),
        "tls_policies_below": _routes.tls_policies_below(tls_policy),
    }


def _table(lines: Iterable[Iterable[str]]) -> str:
    """Return a table as text; Jinja would take a second for each ten thousand lines."""
    return "".join(f"{' '.join(fields)}\n" for fields in lines)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {"mail_addresses": mail_addresses}
