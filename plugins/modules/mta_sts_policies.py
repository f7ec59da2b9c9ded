#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mta_sts_policies
short_description: Keep the MTA-STS policy files that a web server serves
version_added: 0.1.0
description:
  - Writes the policy of each domain (RFC 8461 section 3.2) to a file C(DOMAIN.txt), which a web
    server serves as C(https://mta-sts.DOMAIN/.well-known/mta-sts.txt).
  - "Senders apply a policy from their cache until they notice a new one. So call this before the
    records change, and publish RV(ids) and the MX records afterwards. Two changes take several
    calls: a host that is removed from the MX records stays in the policy for the time in O(hold),
    and a policy that is no longer wanted is replaced by one in mode V(none), until no sender can
    have a former one cached (RFC 8461 section 8.3)."
  - A history of the policies is the memory for this. With the same settings, nothing changes until
    the time in RV(waiting).
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  path:
    description: The history. It contains no secrets and is world-readable.
    type: path
    required: true
  directory:
    description: The directory of the policy files. Other files C(*.txt) in it are removed.
    type: path
    required: true
  domains:
    description:
      - The domains, as in O(pillarbox.mail.mail#role:main:mail_domains). The policy of a parked
        domain is withdrawn. That of a domain that is not listed ends at once, as its records are
        left alone.
    type: dict
    required: true
  policy:
    description:
      - C(mode) and C(max_age) of each domain without C(mta_sts) of its own, as in
        O(pillarbox.mail.mail#role:main:mail_mta_sts). With mode V(none), the policy is withdrawn if
        there is one.
    type: dict
    required: true
  hostname:
    description: The name of the mail host.
    type: str
    required: true
  backup_mx:
    description: The other MX hosts, as in O(pillarbox.mail.mail#role:main:mail_backup_mx).
    type: dict
    default: {}
  hold:
    description: For how long a removed MX host stays in the policies, in seconds.
    type: int
    default: 7200
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  diff_mode:
    details: Shows the policies and the history.
  idempotent:
    details: Except when a change in RV(waiting) is due.
seealso:
  - plugin: pillarbox.mail.mail_records
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Update the MTA-STS policies
  pillarbox.mail.mta_sts_policies:
    path: /var/lib/pillarbox/mta-sts.json
    directory: /var/lib/pillarbox/mta-sts
    domains:
      example.org: {}
      shop.example.org:
        mta_sts: {mode: testing}
    policy: {mode: enforce, max_age: 1209600}
    hostname: mx.example.org
  register: web_mta_sts
"""

RETURN = r"""
ids:
  description: The id of each domain's policy, for the C(_mta-sts) record (RFC 8461 section 3.1).
  returned: success
  type: dict
  sample: {"example.org": "2b0f2ac87d6ff4e7c0b5e7ab7e3d6d24"}
waiting:
  description: What a later call changes, and when.
  returned: success
  type: list
  elements: str
  sample:
    - mx2.example.net stays in the policies until 2026-11-26 12:00 UTC, since caches may have its MX
      record
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._files import (
    FilesError,
    create_directory,
    read_file,
    replace_file,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._mta_sts.history import (
    HistoryError,
    dump,
    parse,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._mta_sts.life import (
    Policy,
    advance,
    waiting,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._mta_sts.policy import (
    declared_policies,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError, domain_name
from ansible_collections.pillarbox.mail.plugins.module_utils._records.domain import mx_hosts


def read(path: str) -> str | None:
    content = read_file(path)
    return None if content is None else content.decode(errors="replace")


def next_policies(params: dict[str, Any], known: list[Policy]) -> list[Policy]:
    mx = mx_hosts({"backup_mx": params["backup_mx"]}, domain_name(params["hostname"]))
    domains = {domain_name(name): domain for name, domain in params["domains"].items()}
    return advance(
        known,
        declared_policies(domains, params["policy"]),
        [host for _preference, host in mx],
        datetime.now(UTC).replace(microsecond=0),
        timedelta(seconds=params["hold"]),
    )


def policy_files(directory: str) -> list[str]:
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".txt"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FilesError(f"{directory} cannot be read: {error.strerror}") from error
    return [os.path.join(directory, name) for name in names]


def make_directory(module: AnsibleModule, path: str) -> None:
    if not os.path.isdir(path):
        make_directory(module, os.path.dirname(path))
        create_directory(path, lambda name: dress(module, name, "0755"))


def dress(module: AnsibleModule, path: str, mode: str = "0644") -> bool:
    wanted = {"owner": "root", "group": "root", "mode": mode}
    arguments = module.load_file_common_arguments(wanted, path=path)
    dressed: bool = module.set_fs_attributes_if_different(arguments, False)
    return dressed


def write(module: AnsibleModule, path: str, text: str | None) -> None:
    if text is None:
        os.unlink(path)
    else:
        make_directory(module, os.path.dirname(path))
        replace_file(path, text.encode(), lambda name: dress(module, name))


def desired_files(params: dict[str, Any], policies: list[Policy]) -> dict[str, str | None]:
    """Return the text of each file; None for those to remove."""
    directory = params["directory"]
    files: dict[str, str | None] = dict.fromkeys(policy_files(directory))
    files |= {os.path.join(directory, f"{policy.domain}.txt"): policy.text for policy in policies}
    # The history comes last: if a call is killed, the next one takes the same steps again.
    return {**files, params["path"]: dump(policies) if policies else None}


def warn(module: AnsibleModule, known: list[Policy]) -> None:
    for policy in known:
        if policy.mode == "enforce" and policy.domain not in module.params["domains"]:
            module.warn(
                f"{policy.domain} is no longer one of the domains, so its MTA-STS policy ends at"
                f" once; senders may enforce it for {timedelta(seconds=policy.max_age)} more. To"
                " avoid this, set mta_sts to mode none for that time before you remove a domain"
            )


def run(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    history = read(params["path"])
    known = [] if history is None else parse(history)
    policies = next_policies(params, known)
    warn(module, known)
    changed, diff = False, []
    for path, after in desired_files(params, policies).items():
        before = read(path)
        if before != after:
            changed = True
            headers = {"before_header": path, "after_header": path}
            diff.append({"before": before or "", "after": after or "", **headers})
            if not module.check_mode:
                write(module, path, after)
        elif after is not None:
            changed |= dress(module, path)
    if os.path.isdir(params["directory"]):
        changed |= dress(module, params["directory"], "0755")
    return {
        "changed": changed,
        "diff": diff,
        "ids": {policy.domain: policy.id for policy in policies},
        "waiting": waiting(policies, timedelta(seconds=params["hold"])),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "directory": {"type": "path", "required": True},
            "domains": {"type": "dict", "required": True},
            "policy": {"type": "dict", "required": True},
            "hostname": {"type": "str", "required": True},
            "backup_mx": {"type": "dict", "default": {}},
            "hold": {"type": "int", "default": 7200},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module))
    except HistoryError as error:
        module.fail_json(
            msg=f"{module.params['path']} {error}: it was not changed; restore it from a backup"
        )
    except (FilesError, NamesError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename} cannot be removed: {error.strerror}")


if __name__ == "__main__":
    main()
