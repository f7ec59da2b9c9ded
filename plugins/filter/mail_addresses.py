# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: mail_addresses
short_description: Where mail goes from each address, who may write as it, and who may log in
version_added: 0.1.0
description:
  - Makes of the settings of the role P(pillarbox.mail.mail#role) the tables that Postfix, Dovecot
    and Rspamd decide by, so that all of them know the same addresses.
  - Beside the accounts' own addresses there are the names that every domain must answer at (RFC
    2142 and RFC 5321 section 4.5.1), and C(root) at the host.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  _input:
    description:
      - The settings of role C(mail) without their prefix C(mail_), checked.
      - C(users), C(domains), C(postmaster) and C(hostname) are needed. The others are C(aliases),
        C(suspended_text), C(quota), C(smarthosts), C(tls_policy), C(relay_domains) and
        C(master_users), each of them empty if left out.
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
    - Tables as text. Each line has an address and after a space what belongs to it.
    - C(mailboxes) has the quota of each account, C(unlimited) if there is none.
    - C(userdb) has the same by the names that Dovecot looks for.
    - C(forwards) has the addresses that mail goes on to from each that is no account; C(@domain) is
      what is left of a domain.
    - C(senders) has the accounts that may write as an address.
    - C(refused_recipients) and C(refused_senders) have the SMTP answer for an address or account.
    - C(denied_logins) has by service a table of the logins that it turns away.
    - C(expiries) has the day, a table and a line of it for all that changes when an account
      expires.
    - C(logins) has what M(pillarbox.mail.passwd_file) takes. A device has a login of its own, a
      master user one that begins with C(*).
    - C(routes) has the tables by which mail leaves. There C(sender_transports) has the transport of
      mail by its envelope sender. A sender that is not in it is not ours.
    - C(default_transport) is that of senders for which nothing else is said.
    - C(smarthost_passwords) has user name and password by sender, or by server for all other
      senders.
    - C(tls_policies) has the level of TLS by destination, C(tls_policies_below) by pattern what it
      has for all domains below one.
    - C(relay_domains) has the domains that mail is only handed on for, C(relay_recipients) the
      addresses there that are taken, C(relay_checks) the domains whose server is asked for them,
      and C(relay_transports) the servers that MX records do not tell.
    - C(sent_on) has V(elsewhere) for the addresses from which mail goes on to another server. In a
      domain where that holds for all the rest, the others are there with V(here).
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
}


def mail_addresses(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Make the tables of the settings, which have the names of the role's without mail_."""
    # Ansible's own dictionaries look for a template at each access, of which there are millions.
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
        "expiries": _table(_addresses.expiries(users)),
        "logins": json.dumps(_addresses.credentials(users, settings["master_users"])),
        "routes": _route_tables(
            addressing, settings["smarthosts"], settings["tls_policy"], settings["relay_domains"]
        ),
    }


def _plain(value: Any) -> Any:
    """Return a copy of what variables hold, made of Python's own dictionaries and lists."""
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
    """Write a table as text, since Jinja would take a second for each ten thousand lines."""
    return "".join(f"{' '.join(fields)}\n" for fields in lines)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {"mail_addresses": mail_addresses}
