#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dkim_selectors
short_description: Bring the DKIM keys forward in their lives
version_added: 0.1.0
description:
  - "Keeps a ledger that says for each key in which state it is, and since when. V(future): its
    record is published. V(active): it signs. V(retired): it signs no more, and its record stays for
    mail that is still under way. V(revoked): its record has an empty C(p=). V(gone): its record and
    its file are removed, and it leaves the ledger."
  - A run calls this twice, and the records are published in between. The first call makes what is
    new V(future), and moves V(retired) and V(revoked) keys on when it is time. The second, with
    O(prepared) and O(served), has those keys sign whose records are served everywhere, and retires
    the ones before them.
  - It writes nothing but the ledger. M(pillarbox.mail.dkim_key) makes and removes the keys.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  path:
    description: The ledger. It has no secrets and is readable for all.
    type: path
    required: true
  key_directory:
    description: Where the keys are.
    type: path
    required: true
  domains:
    description:
      - The domains, as O(pillarbox.mail.mail#role:main:mail_domains) has them. Of those that are
        parked and those that are not in it, the keys stay as they are.
      - A domain that is not in it, and none of whose keys has a file any more, leaves the ledger.
      - Required for the first call.
    type: dict
  selectors:
    description:
      - The selectors of each domain that has no C(dkim_selectors) of its own, as
        O(pillarbox.mail.mail#role:main:mail_dkim_selectors) has them. They are the first of their
        line, and a rotation counts on from them, to C(r2) from C(r1).
      - One that has a C(state) is held in it. Without, the ledger has the state.
      - Required for the first call.
    type: dict
  keep_days:
    description: How long a key stays V(retired).
    type: int
    default: 14
  revoked_days:
    description: How long a key stays V(revoked).
    type: int
    default: 30
  max_age_days:
    description: After how long an V(active) key gets a successor by itself. V(0) is never.
    type: int
    default: 0
  rotate:
    description:
      - Domains to get new keys, of all algorithms. Where new ones wait for their records already,
        there are no more. Those that are parked have none.
    type: list
    elements: str
    default: []
  compromised:
    description:
      - The keys of the domains in O(rotate) were stolen. They are revoked as soon as new ones sign,
        and those that are retired or future at once.
    type: bool
    default: false
  prepared:
    description: The RV(selectors) of the first call. With it the call is the second one.
    type: list
    elements: dict
  served:
    description: The names of the new keys' records that every name server serves.
    type: list
    elements: str
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: The second call predicts by what the first returned.
  diff_mode:
    details: Shows the ledger.
  idempotent:
    details: Except when a key is due by time. O(rotate) starts a rotation each time that none is
      under way.
seealso:
  - plugin: pillarbox.mail.dkim_key
    plugin_type: module
  - plugin: pillarbox.mail.dkim_signing
    plugin_type: filter
  - plugin: pillarbox.mail.dns_served_info
    plugin_type: module
"""

EXAMPLES = r"""
- name: Make what is new future, and move on what is due
  pillarbox.mail.dkim_selectors:
    path: /var/lib/pillarbox/dkim.json
    key_directory: /var/lib/rspamd/dkim
    domains:
      example.org: {}
    selectors:
      r1: {type: rsa}
      e1: {type: ed25519}
  register: dkim

# Here the keys are made and their records published.

- name: Note what signs now
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
      description: Since when it is in that state.
      type: str
      sample: "2026-11-20T10:00:00Z"
    line:
      description: The selector in the settings that it goes back to.
      type: str
      sample: r1
    compromised:
      description: Whether it will be revoked where others are retired.
      type: bool
      sample: false
    pin:
      description: The state that the settings hold it in, or V(null).
      type: str
      sample:
    wanted:
      description: Whether the settings still have its line.
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
present:
  description: Those whose key must exist, as O(pillarbox.mail.dkim_key#module:keys) takes them.
  returned: first call
  type: list
  elements: dict
  sample:
    - {domain: example.org, selector: r2, type: rsa, path: /var/lib/rspamd/dkim/example.org.r2.key}
gone:
  description: Those whose file is to be removed, in the same form.
  returned: first call
  type: list
  elements: dict
  sample: []
waiting:
  description: The names of the records that new keys wait for.
  returned: success
  type: list
  elements: str
  sample: []
withdrawn:
  description: The names of the records that are to be emptied now, after the others were published.
  returned: second call
  type: list
  elements: str
  sample: []
outlook:
  description: Where each key is in its life, and what comes next and when.
  returned: success
  type: list
  elements: str
  sample: ["example.org: r2 (rsa) is active since 2026-11-20"]
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible.module_utils.basic import AnsibleModule
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
from ansible_collections.pillarbox.mail.plugins.module_utils._files import (
    FilesError,
    create_directory,
    read_file,
    replace_file,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError


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
    """Return the keys as they shall be before records are published, and those that send mail."""
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
        of_call = {"present": files(own, FUTURE, ACTIVE, RETIRED), "gone": files(own, GONE)}
    else:
        earlier = [from_dict(item) for item in params["prepared"]]
        # In check mode the ledger has not even what the first call would have written.
        before, keys = dump(earlier), switch(earlier, params["served"], now)
        empty = {key.dns_name for key in earlier if key.state == REVOKED}
        revoked = [key.dns_name for key in keys if key.state == REVOKED]
        of_call = {"withdrawn": [name for name in revoked if name not in empty]}
        warn(module, keys)
    after = dump(keys)
    if before != after and not module.check_mode:
        write(module, params["path"], after)
    return {
        "changed": before != after,
        "diff": {
            "before_header": params["path"],
            "after_header": params["path"],
            "before": before,
            "after": after,
        },
        "selectors": [{**as_dict(key), "path": file(key)} for key in keys],
        "waiting": [key.dns_name for key in waiting(keys)],
        "outlook": [outlook(key, policy) for key in keys],
        **of_call,
    }


def warn(module: AnsibleModule, keys: list[Key]) -> None:
    """Say which keys go on waiting, for a user who has to publish their records himself."""
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
            msg=f"{module.params['path']} {error}: it was left alone; restore it from a backup"
        )
    except (DkimLifeError, FilesError, NamesError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
