#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_info
short_description: Find out whether a host can become a mail server, before anything is changed
version_added: 0.1.0
description:
  - Looks at the host, which may be bare, and from the controller at what others know of it - its
    reverse names, and DNS lists that have its addresses.
  - It does not fail because of what it finds; see RV(critical).
  - The controller needs dnspython.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  hostname:
    description: The name of the mail server.
    type: str
    required: true
  domains:
    description: Its mail domains.
    type: list
    elements: str
    default: []
  addresses:
    description:
      - Its public addresses, if they will be published together with it.
      - Without any, those that its name has in DNS count, or else those of its interfaces.
    type: list
    elements: str
    default: []
  source_addresses:
    description: The addresses from which it will send, if the kernel is not to choose them.
    type: list
    elements: str
    default: []
  inet_protocols:
    description: The versions of IP that it will use, as in Postfix's parameter of this name.
    type: str
    default: all
  ports:
    description: The TCP ports on which it will listen.
    type: list
    elements: int
    default: [25, 80, 443, 465, 587, 993, 4190]
  mail_dir:
    description: The directory of all mailboxes.
    type: path
    default: /var/vmail
  smarthost:
    description: Whether all mail leaves by another server. Others then do not look at this one.
    type: bool
    default: false
  smtp_servers:
    description: Mail servers to which the host connects at port 25, until one of them greets.
    type: list
    elements: str
    default:
      - gmail-smtp-in.l.google.com
      - mxext1.mailbox.org
      - hotmail-com.olc.protection.outlook.com
  dns_lists:
    description: DNS lists, and the weight of each answer, as in the setting C(postfix_dnsbls).
    type: dict
    default:
      zen.spamhaus.org: {"127.0.0.[2..11]": 1}
      bl.spamcop.net: {"127.0.0.2": 1}
  resolvers:
    description: Addresses of resolvers. The first one that answers is used.
    type: list
    elements: str
    default: [1.1.1.1, 8.8.8.8, 9.9.9.9]
  now:
    description: The right time, in seconds since 1970. By default, the controller's.
    type: float
  accept:
    description: The checks whose critical findings are only warnings.
    type: list
    elements: str
    choices:
      - outgoing port 25
      - port in use
      - clock
      - memory
      - disk
      - hosts file
      - address
      - outgoing address
      - reverse name
      - DNS list
      - DNSSEC
    default: []
extends_documentation_fragment: [pillarbox.mail.attributes.info]
"""

EXAMPLES = r"""
- name: Look whether this host can become a mail server
  pillarbox.mail.preflight_info:
    hostname: mx.example.org
    domains: [example.org]
  register: preflight

- name: Show what was found
  ansible.builtin.debug:
    msg: "{{ preflight.text.splitlines() }}"
"""

RETURN = r"""
findings:
  description: All findings, in the form of C(pillarbox check --json).
  returned: success
  type: list
  elements: dict
  sample:
    - check: reverse name
      subject: 192.0.2.25
      status: critical
      found: no PTR record
      wanted: mx.example.org alone
      remedy: have the provider of 192.0.2.25 set its reverse name (PTR) to mx.example.org
      since: ""
critical:
  description: A line for each critical finding, with its remedy.
  returned: success
  type: list
  elements: str
  sample:
    - "reverse name, 192.0.2.25: no PTR record; have the provider of 192.0.2.25 set its reverse name
      (PTR) to mx.example.org"
text:
  description: The findings for people, without those that are fine.
  returned: success
  type: str
  sample: |-
    mx, 2026-11-27 04:30 UTC

    note     DNSSEC, example.org: not signed, or without a DS record at the parent,
             so no DANE (wanted: signed)

    15 findings: 1 note, 14 ok
"""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._files import FilesError, read_file
from ansible_collections.pillarbox.mail.plugins.module_utils._listeners import listeners, sockets
from ansible_collections.pillarbox.mail.plugins.module_utils._preflight import (
    free,
    global_addresses,
    greetings,
    loopback,
    memory,
    source_of,
    versions,
)

ROOT = Path("/")
PORTS = [25, 80, 443, 465, 587, 993, 4190]
SERVERS = [
    "gmail-smtp-in.l.google.com",
    "mxext1.mailbox.org",
    "hotmail-com.olc.protection.outlook.com",
]
LISTS = {
    "zen.spamhaus.org": {"127.0.0.[2..11]": 1},
    "bl.spamcop.net": {"127.0.0.2": 1},
}
RESOLVERS = ["1.1.1.1", "8.8.8.8", "9.9.9.9"]
# The controller's part has the same names.
CHECKS = [
    "outgoing port 25",
    "port in use",
    "clock",
    "memory",
    "disk",
    "hosts file",
    "address",
    "outgoing address",
    "reverse name",
    "DNS list",
    "DNSSEC",
]
# The daemons of a host that is set up already.
OWN = r'"(master|dovecot|nginx)"'


def read(path: str) -> str:
    return (read_file(str(ROOT / path)) or b"").decode(errors="replace")


def look(module: AnsibleModule) -> dict[str, Any]:
    """Return what the host has, and can do."""
    asked = module.params
    # Before anything that takes time.
    offset = time.time() - asked["now"]
    ip = module.get_bin_path("ip")
    printed = module.run_command([ip, "-json", "address", "show"])[1] if ip else ""
    sources = {
        version: source_of(version, asked["source_addresses"])
        for version in versions(asked["inet_protocols"])
    }
    servers = [] if asked["smarthost"] else asked["smtp_servers"]
    with ThreadPoolExecutor() as pool:
        smtp = {
            version: pool.submit(greetings, servers, version, source)
            for version, source in sources.items()
        }
    return {
        "set_up": (ROOT / "var/lib/pillarbox/config_tree/postfix.json").exists(),
        "addresses": global_addresses(printed),
        "sources": sources,
        "smtp": {version: seen.result() for version, seen in smtp.items()},
        "offset": offset,
        "memory": memory(read("proc/meminfo")),
        "free": free(["/", asked["mail_dir"]]),
        "listeners": listeners(sockets(module, asked["ports"]), OWN)
        if module.get_bin_path("ss")
        else None,
        "loopback": loopback(read("etc/hosts"), asked["hostname"].lower()),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "hostname": {"type": "str", "required": True},
            "domains": {"type": "list", "elements": "str", "default": []},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "source_addresses": {"type": "list", "elements": "str", "default": []},
            "inet_protocols": {"type": "str", "default": "all"},
            "ports": {"type": "list", "elements": "int", "default": PORTS},
            "mail_dir": {"type": "path", "default": "/var/vmail"},
            "smarthost": {"type": "bool", "default": False},
            "smtp_servers": {"type": "list", "elements": "str", "default": SERVERS},
            "dns_lists": {"type": "dict", "default": LISTS},
            "resolvers": {"type": "list", "elements": "str", "default": RESOLVERS},
            "now": {"type": "float"},
            "accept": {"type": "list", "elements": "str", "choices": CHECKS, "default": []},
        },
        supports_check_mode=True,
    )
    try:
        # The action plugin of the same name continues on the controller.
        module.exit_json(changed=False, given=module.params, host=look(module))
    except (FilesError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
