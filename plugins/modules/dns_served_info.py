#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_served_info
short_description: Find out which DNS records all name servers serve
version_added: 0.1.0
description:
  - Finds the authoritative servers of the records by a resolver, and queries each of them over TCP,
    bypassing caches.
  - It needs no credentials and works with any DNS service.
  - It does not wait. For each record that is not served everywhere, a warning names the server.
author:
  - The pillarbox.mail developers (@pillarbox)
requirements:
  - dnspython >= 2.3 (python3-dnspython), if there are records
options:
  records:
    description: The records.
    type: list
    elements: dict
    suboptions:
      name:
        description: The full domain name.
        type: str
        required: true
      type:
        description: The type, such as V(TXT).
        type: str
        required: true
      values:
        description: All values, in the format of O(pillarbox.mail.dns_records#module:records).
        type: list
        elements: str
        required: true
  records_text:
    description:
      - The records as JSON text, as O(pillarbox.mail.mail_records#filter:as_text) returns them.
      - One that should be absent is served if no server has it. One that is pending is not looked
        for.
      - Either this or O(records) is required.
    type: str
    version_added: 0.1.0
  resolvers:
    description: The addresses of resolvers to use instead of the machine's own.
    type: list
    elements: str
    version_added: 0.1.0
  quiet:
    description: Whether to leave out the warnings.
    type: bool
    default: false
    version_added: 0.1.0
extends_documentation_fragment: [pillarbox.mail.attributes.info]
seealso:
  - plugin: pillarbox.mail.dns_records
    plugin_type: module
"""

EXAMPLES = r"""
- name: Check that all name servers serve a record
  pillarbox.mail.dns_served_info:
    records:
      - name: _dmarc.example.org
        type: TXT
        values: [v=DMARC1; p=reject; sp=reject; np=reject]
  register: found
"""

RETURN = r"""
served:
  description: The names of the records that all servers serve with these values.
  returned: success
  type: list
  elements: str
  sample: [_dmarc.example.org]
unserved:
  description: The others.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name.
      type: str
      sample: _dmarc.example.org
    type:
      description: The type.
      type: str
      sample: TXT
    answered:
      description: Whether a server answered, and so certainly does not serve it.
      type: bool
      sample: true
    reason:
      description: Which server does not serve it, or why that cannot be determined.
      type: str
      sample: ns2.example.org (192.0.2.54) does not serve _dmarc.example.org TXT with this value.
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import (
    HAS_DNSPYTHON,
    DnsError,
    to_text,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import (
    parse_records,
    parse_text,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.served import unserved

try:
    import dns.rdatatype
    import dns.resolver
except ImportError:
    pass  # HAS_DNSPYTHON says so

# The optional fields of dns_records.
REST = {"ttl": 0, "state": "present", "reason": "", "level": None, "pending": False}


def resolver_at(addresses: list[str]) -> dns.resolver.Resolver:
    """Return a resolver that asks only these servers. Raises DnsError."""
    resolver = dns.resolver.Resolver(configure=False)
    try:
        resolver.nameservers = list(addresses)
    except ValueError as error:
        raise DnsError(f"resolvers must be addresses: {error}.") from error
    return resolver


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "records": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "type": {"type": "str", "required": True},
                    "values": {"type": "list", "elements": "str", "required": True},
                },
            },
            "records_text": {"type": "str"},
            "resolvers": {"type": "list", "elements": "str"},
            "quiet": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("records", "records_text")],
        required_one_of=[("records", "records_text")],
        supports_check_mode=True,
    )
    text, addresses = module.params["records_text"], module.params["resolvers"]
    if (text or module.params["records"]) and not HAS_DNSPYTHON:
        module.fail_json(msg=missing_required_lib("dnspython >= 2.3"))
    try:
        items = parse_text(text) if text else module.params["records"] or []
        records = parse_records({**REST, **item} for item in items)
        found = unserved(records, resolver_at(addresses) if addresses else None)
    except DnsError as error:
        module.fail_json(msg=str(error))
    if not module.params["quiet"]:
        for reason in dict.fromkeys(why.reason for why in found.values()):
            module.warn(reason)
    module.exit_json(
        changed=False,
        served=[to_text(r.name) for r in records if r not in found and not r.pending],
        unserved=[
            {
                "name": to_text(record.name),
                "type": dns.rdatatype.to_text(record.type),
                **why._asdict(),
            }
            for record, why in found.items()
        ],
    )


if __name__ == "__main__":
    main()
