#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dkim_selectors
short_description: Update DKIM key states, and generate new keys
version_added: 0.1.0
description:
  - "Maintains a ledger of the state of each key, with the time of the last change. V(future): its
    record is published. V(active): it signs. V(retired): it no longer signs, and its record stays
    for mail under way. V(revoked): its record has an empty C(p=). V(gone): its record and its file
    are removed, and it is removed from the ledger."
  - A run calls this module twice, and publishes the records in between. The first call adds new
    keys as V(future) and generates them, and advances V(retired) and V(revoked) keys when they are
    due. The second, with O(prepared) and O(served), makes those keys V(active) whose records all
    name servers serve, and retires their predecessors. It may be left out if RV(settled).
  - The keys are generated like those of M(pillarbox.mail.dkim_key), which also removes keys that
    are V(gone).
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  path:
    description: The ledger. It contains no secrets and is world-readable.
    type: path
    required: true
  key_directory:
    description: The directory of the keys. If missing, it is created with mode V(0750).
    type: path
    required: true
  key_group:
    description: The group that may read the keys. They belong to root.
    type: str
    default: root
    version_added: 0.1.0
  domains:
    description:
      - The domains, as in O(pillarbox.mail.mail#role:main:mail_domains). Keys of parked and of
        unlisted domains keep their state.
      - A domain that is not listed, and whose key files are all gone, is removed from the ledger.
      - Required in the first call.
    type: dict
  selectors:
    description:
      - The selectors of each domain without C(dkim_selectors) of its own, as in
        O(pillarbox.mail.mail#role:main:mail_dkim_selectors). They are the first of their line; a
        rotation increments the number, such as from C(r1) to C(r2).
      - A selector with a C(state) is held in that state. Otherwise its state is in the ledger.
      - Required in the first call.
    type: dict
  keep_days:
    description: Number of days that a key stays V(retired).
    type: int
    default: 14
  revoked_days:
    description: Number of days that a key stays V(revoked).
    type: int
    default: 30
  max_age_days:
    description: Number of days after which an V(active) key is replaced automatically. V(0)
      disables this.
    type: int
    default: 0
  rotate:
    description:
      - Domains that get new keys, of all algorithms. Domains with a rotation under way, and parked
        domains, are skipped.
    type: list
    elements: str
    default: []
  compromised:
    description:
      - Whether the keys of the domains in O(rotate) were stolen. Active keys are revoked as soon as
        new ones sign; retired and future keys immediately.
    type: bool
    default: false
  prepared:
    description: The RV(selectors) of the first call. This makes the call the second one.
    type: list
    elements: dict
  served:
    description: The names of the new keys' records that all name servers serve.
    type: list
    elements: str
requirements:
  - python3-cryptography on the mail host for the first call, except in check mode
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: Generates no keys. The second call predicts from the result of the first.
  diff_mode:
    details: Shows the ledger, and the paths and fingerprints of new keys.
  idempotent:
    details: Except when a key is due. O(rotate) starts a rotation unless one is under way.
seealso:
  - plugin: pillarbox.mail.dkim_key
    plugin_type: module
  - plugin: pillarbox.mail.dkim_signing
    plugin_type: filter
  - plugin: pillarbox.mail.dns_served_info
    plugin_type: module
"""

EXAMPLES = r"""
- name: Generate new keys, and advance keys that are due
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

# Here their records are published.

- name: Record which keys sign
  pillarbox.mail.dkim_selectors:
    path: /var/lib/pillarbox/dkim.json
    key_directory: /var/lib/rspamd/dkim
    prepared: "{{ dkim.selectors }}"
    served: [r1._domainkey.example.org, e1._domainkey.example.org]
"""

RETURN = r"""
selectors:
  description: All keys in the ledger.
  returned: success
  type: list
  elements: dict
  contains:
    domain:
      description: The domain.
      type: str
      sample: example.org
    selector:
      description: The selector.
      type: str
      sample: r2
    type:
      description: V(rsa) or V(ed25519).
      type: str
      sample: rsa
    state:
      description: The state.
      type: str
      sample: active
    since:
      description: The time of the last change of state.
      type: str
      sample: "2026-11-20T10:00:00Z"
    line:
      description: The selector in the settings from which it descends.
      type: str
      sample: r1
    compromised:
      description: Whether it will be revoked instead of retired.
      type: bool
      sample: false
    pin:
      description: The state in which the settings hold it, or V(null).
      type: str
      sample:
    wanted:
      description: Whether the settings still contain its line.
      type: bool
      sample: true
    dns_name:
      description: The name of its record.
      type: str
      sample: r2._domainkey.example.org
    path:
      description: The file of the key.
      type: str
      sample: /var/lib/rspamd/dkim/example.org.r2.key
dkim_keys:
  description: The keys that must exist, as in RV(pillarbox.mail.dkim_key#module:dkim_keys).
  returned: first call
  type: list
  elements: dict
  sample:
    - domain: example.org
      selector: r2
      type: rsa
      size: 2048
      path: /var/lib/rspamd/dkim/example.org.r2.key
      dns_name: r2._domainkey.example.org
      dns_value: v=DKIM1; k=rsa; p=MIIB…
      fingerprint: 5cc77ac6a5bd6c0a2f7e5cc8a4e0e4bbf2e8bfc7c0b4e5f2d9b2d6a2c1a0f9e8
records:
  description: The records of these keys, as in RV(pillarbox.mail.dkim_key#module:records).
  returned: first call
  type: list
  elements: dict
  sample:
    - {name: r2._domainkey.example.org, type: TXT, values: [v=DKIM1; k=rsa; p=MIIB…]}
gone:
  description: The keys whose files to remove, in the format of
    O(pillarbox.mail.dkim_key#module:keys).
  returned: first call
  type: list
  elements: dict
  sample: []
settled:
  description: Whether the second call would change nothing.
  returned: first call
  type: bool
  sample: true
waiting:
  description: The names of the records for which new keys wait.
  returned: success
  type: list
  elements: str
  sample: []
withdrawn:
  description: The names of the records to revoke now, after the others were published.
  returned: second call
  type: list
  elements: str
  sample: []
outlook:
  description: The state of each key, what comes next, and when.
  returned: success
  type: list
  elements: str
  sample: ["example.org: r2 (rsa) is active since 2026-11-20"]
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.files import ensure_keys
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.key import DkimError
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.ledger import (
    LedgerError,
    as_dict,
    dump,
    from_dict,
    parse,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.life import (
    ACTIVE,
    FUTURE,
    GONE,
    RETIRED,
    REVOKED,
    DkimLifeError,
    Key,
    Policy,
    declared_selectors,
    outlook,
    prepare,
    switch,
    waiting,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.wanted import normalise
from ansible_collections.pillarbox.mail.plugins.module_utils._files import (
    FilesError,
    create_directory,
    read_file,
    replace_file,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import KeysError
from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError

# Bits of an RSA key, as by default in dkim_key.
RSA_BITS = 2048


def read(path: str) -> str:
    return (read_file(path) or b"{}\n").decode(errors="replace")


def write(module: AnsibleModule, path: str, text: str) -> None:
    def dress(name: str) -> None:
        mode = "0755" if os.path.isdir(name) else "0644"
        wanted = {"owner": "root", "group": "root", "mode": mode}
        attributes = module.load_file_common_arguments(wanted, path=name)
        module.set_fs_attributes_if_different(attributes, False)

    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        create_directory(directory, dress)
    replace_file(path, text.encode(), dress)


def begin(
    params: dict[str, Any], known: list[Key], policy: Policy, now: datetime
) -> tuple[list[Key], list[Key]]:
    """Return the keys in their state before publishing, and those of domains that send mail."""
    declared = declared_selectors(params["domains"], params["selectors"])
    parked = params["domains"].keys() - declared.keys()
    rotate = [name for name in params["rotate"] if name not in parked]
    if params["compromised"] and not params["rotate"]:
        raise DkimLifeError("compromised needs rotate: name the domains whose keys were stolen")
    keys = prepare(known, declared, now, policy, rotate, params["compromised"])
    return keys, [key for key in keys if key.domain in declared]


def run(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    now = datetime.now(UTC).replace(microsecond=0)
    policy = Policy(
        timedelta(days=params["keep_days"]),
        timedelta(days=params["revoked_days"]),
        timedelta(days=params["max_age_days"]) if params["max_age_days"] else None,
    )

    def file(key: Key) -> str:
        return os.path.join(params["key_directory"], f"{key.domain}.{key.selector}.key")

    def files(of: list[Key], *states: str) -> list[dict[str, Any]]:
        return [
            {"domain": k.domain, "selector": k.selector, "type": k.type, "path": file(k)}
            for k in of
            if k.state in states
        ]

    of_call: dict[str, Any]
    if params["prepared"] is None:
        before = read(params["path"])
        ledger = parse(before)
        left = {*params["domains"], *(k.domain for k in ledger if os.path.lexists(file(k)))}
        known = [key for key in ledger if key.domain in left]
        keys, own = begin(params, known, policy, now)
        of_call = {
            "gone": files(own, GONE),
            "settled": not waiting(keys) and switch(keys, [], now) == keys,
        }
    else:
        own = []
        earlier = [from_dict(item) for item in params["prepared"]]
        # In check mode, the first call has not written its changes to the ledger.
        before, keys = dump(earlier), switch(earlier, params["served"], now)
        empty = {key.dns_name for key in earlier if key.state == REVOKED}
        revoked = [key.dns_name for key in keys if key.state == REVOKED]
        of_call = {"withdrawn": [name for name in revoked if name not in empty]}
        warn(module, keys)
    after = dump(keys)
    if before != after and not module.check_mode:
        write(module, params["path"], after)
    made: dict[str, Any] = {"changed": False, "diff": []}
    if params["prepared"] is None:
        # Only now: a run that is interrupted here is continued by the next one.
        access = {"owner": "root", "group": params["key_group"], "mode": "0640"}
        present = files(own, FUTURE, ACTIVE, RETIRED)
        wanted = normalise([{**key, "size": RSA_BITS} for key in present])
        made = ensure_keys(module, wanted, access)
        of_call |= {"dkim_keys": made["dkim_keys"], "records": made["records"]}
    of_ledger = {
        "before_header": params["path"],
        "after_header": params["path"],
        "before": before,
        "after": after,
    }
    return {
        "changed": before != after or made["changed"],
        "diff": [of_ledger, *made["diff"]],
        "selectors": [{**as_dict(key), "path": file(key)} for key in keys],
        "waiting": [key.dns_name for key in waiting(keys)],
        "outlook": [outlook(key, policy) for key in keys],
        **of_call,
    }


def warn(module: AnsibleModule, keys: list[Key]) -> None:
    """Warn about keys that still wait, for users who have to publish the records themselves."""
    selectors: dict[str, list[str]] = {}
    for key in waiting(keys):
        selectors.setdefault(key.domain, []).append(key.selector)
    for domain, names in sorted(selectors.items()):
        module.warn(
            f"{domain}: not signing with {', '.join(sorted(names))} yet, as not every name server"
            " is known to serve the records; publish what is missing, then run again"
        )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "key_directory": {"type": "path", "required": True, "no_log": False},
            "key_group": {"type": "str", "default": "root", "no_log": False},
            "domains": {"type": "dict"},
            "selectors": {"type": "dict"},
            "keep_days": {"type": "int", "default": 14},
            "revoked_days": {"type": "int", "default": 30},
            "max_age_days": {"type": "int", "default": 0},
            "rotate": {"type": "list", "elements": "str", "default": []},
            "compromised": {"type": "bool", "default": False},
            "prepared": {"type": "list", "elements": "dict"},
            "served": {"type": "list", "elements": "str"},
        },
        required_one_of=[("domains", "prepared")],
        required_together=[("domains", "selectors"), ("prepared", "served")],
        mutually_exclusive=[("domains", "prepared")],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module))
    except LedgerError as error:
        module.fail_json(
            msg=f"{module.params['path']} {error}: it was not changed; restore it from a backup"
        )
    except (DkimError, DkimLifeError, FilesError, KeysError, NamesError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
