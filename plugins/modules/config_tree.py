#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: config_tree
short_description: Install a whole tree of configuration files, all or nothing
version_added: 0.1.0
author: [The pillarbox.mail developers (@pillarbox)]
description:
  - Renders directories of templates on the controller and sends them to the host in one round trip.
  - There the tree is staged in a private directory and checked by the programs it is for. Only then
    are the files that differ swapped in, each atomically and with its owner, group and mode. If
    that fails half-way, the files already swapped are put back; after a kill, the next run does it.
  - The daemon that the tree is for loads it, if O(daemon) names it. What was changed is noted until
    then, so that a run that ends too soon is not forgotten.
  - A file from before the first run is kept in NAME.orig below O(state_dir).
  - A symbolic link in the place of a file is replaced, not followed. In the place of a directory
    it is followed if it belongs to root, and an error otherwise.
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: Stages, checks and compares like a real run, then stops. Users and programs that
      are not installed yet are no error.
  diff_mode:
    details: Shows contents, owner, group and mode, but no contents of O(secret) files.
options:
  src:
    description:
      - Directory below C(templates/) of the role or playbook, or absolute path on the controller.
      - Of several directories each holds files of its own, such as what two versions of a daemon
        share and what is for one of them. A file that is in two of them is an error.
      - It mirrors the host. A file whose name ends in C(.j2) is rendered as by
        M(ansible.builtin.template) and loses that ending; every other file is copied as it is.
        Empty directories are ignored.
    type: list
    elements: str
    required: true
  dest:
    description: Directory on the host that the tree mirrors.
    type: path
    default: /
  name:
    description: Name of the manifest of installed files, by default the name of the role; required
      outside of roles. Two trees on one host must not share a name.
    type: str
  owner:
    description: Owner of the files, and of directories that have to be created.
    type: str
    default: root
  group:
    description: Group of the files, and of directories that have to be created.
    type: str
    default: root
  mode:
    description: Mode of the files, as an octal string.
    type: str
    default: "0644"
  directory_mode:
    description: Mode of directories that have to be created. Existing ones keep theirs unless
      O(paths) names them.
    type: str
    default: "0755"
  paths:
    description: Exceptions from O(owner), O(group) and O(mode). Later ones win.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - Path or glob relative to O(dest). V(*) and V(?) stay within a directory, V(**) does
            not. It must match something.
          - A glob is about files only. Name a directory in full to set its own attributes.
        type: str
        required: true
      owner:
        description: Owner.
        type: str
      group:
        description: Group.
        type: str
      mode:
        description: Mode, as an octal string.
        type: str
  secret:
    description: Globs as in O(paths) of files whose contents appear in no diff, result or log. Of
      a checker's output, lines that quote them are left out. Each must match a file.
    type: list
    elements: str
    default: []
  validate:
    description: Commands, each a list of program and arguments, that must succeed before anything
      is changed. V(%s) stands for the staged tree. They run every time.
    type: list
    elements: list
    default: []
  derive:
    description:
      - Files that a program makes of others in the tree, such as indexes of tables. Each is
        installed beside its source, in the same transaction and with the same owner, group, mode
        and secrecy, and is replaced whenever its source is.
      - They are made in the staged tree after its checks. In check mode, a program that is missing
        or cannot make them yet is no error.
    type: dict
    suboptions:
      paths:
        description: Globs as in O(paths) of the sources. Each must match a file.
        type: list
        elements: str
        required: true
      suffix:
        description: What the name of a derived file has beyond that of its source.
        type: str
        required: true
      command:
        description: Program and arguments. V(%s) stands for the staged tree. An argument with V({})
          in it is repeated for each source, V({}) being its staged path.
        type: list
        elements: str
        required: true
  overlay:
    description: Directories relative to O(dest) whose present files join the staged tree, for
      checkers that need to see the package's own files too.
    type: list
    elements: str
    default: []
  daemon:
    description:
      - The systemd unit that reads the tree. It is enabled, started if it does not run, and else
        reloaded if something was changed. Afterwards it must be active, or the task fails with the
        end of its log.
      - A reload also fails when the main process of the unit logs an error meanwhile, as a daemon
        does that refuses its new configuration and runs on with the old one.
      - When systemd's own files are among what was changed, systemd reads them and the unit is
        restarted.
      - M(pillarbox.mail.daemon) does the same in a task of its own, for a daemon that must wait.
    type: dict
    version_added: 0.1.0
    suboptions:
      name:
        description: The unit, with its suffix.
        type: str
        required: true
      restart:
        description: Whether it takes a restart to load a configuration, and not only a reload.
        type: bool
        default: false
  prune:
    description: Remove files that this task installed before and that are no longer in the tree,
      and directories it created that are empty then.
    type: bool
    default: true
  state_dir:
    description: Directory on the host for manifests and originals.
    type: path
    default: /var/lib/pillarbox/config_tree
  _archive:
    description: The rendered tree. Internal; always set by the action plugin.
    type: str
"""

EXAMPLES = r"""
- name: Configure and run Dovecot
  pillarbox.mail.config_tree:
    name: dovecot
    src: dovecot              # templates/dovecot/etc/dovecot/dovecot.conf.j2, …/master-users.j2
    paths:
      - path: etc/dovecot/master-users
        group: dovecot
        mode: "0640"
    secret: [etc/dovecot/master-users]
    overlay: [etc/dovecot]
    validate:
      - [doveconf, -n, -c, "%s/etc/dovecot/dovecot.conf"]
    daemon: {name: dovecot.service}
"""

RETURN = r"""
actions:
  description: What was done to the O(daemon), as verbs of C(systemctl).
  type: list
  elements: str
  returned: success, with O(daemon)
  sample: [reload]
changed_paths:
  description: Files and directories that were created or changed, sorted.
  type: list
  elements: str
  returned: success
  sample: [/etc/dovecot/dovecot.conf]
removed_paths:
  description: Files and directories that were removed, sorted.
  type: list
  elements: str
  returned: success
  sample: [/etc/dovecot/conf.d/99-old.conf]
"""

import os
import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils import _unit
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree import pending
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.entries import (
    ConfigTreeError,
    build_entries,
    unpack,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.plan import Plan
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.programs import (
    check,
    derive,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.stage import lock, staged
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.transaction import (
    TransactionError,
    is_interrupted,
    recover,
)


def apply(module: AnsibleModule) -> Plan:
    """Bring the host to the tree, or in check mode find out what that would do."""
    params = module.params
    if not re.fullmatch(r"\w[\w.-]*", params["name"] or ""):
        raise ConfigTreeError('name: it must be made of letters, digits, "_", "." and "-".')
    entries = build_entries(unpack(params["_archive"]), params)
    base = os.path.join(params["state_dir"], params["name"])
    with lock(params["state_dir"], create=not module.check_mode) as locked:
        if not module.check_mode:
            recover(base + ".journal")
        elif is_interrupted(base + ".journal"):
            module.warn(f"{params['name']}: the last run was killed; the next first undoes it.")
        plan = Plan(entries, base, params["prune"], lenient=module.check_mode)
        place = base + ".staged" if locked else None
        with staged(plan, params["dest"], params["overlay"], place) as root:
            check(module, root, plan)
            derived = derive(module, root, plan)
        if derived:
            plan = Plan([*entries, *derived], base, params["prune"], lenient=module.check_mode)
        if not module.check_mode:
            if plan.changed or plan.removed:
                # Before the change: a daemon that is told in vain does no harm.
                pending.add(params["state_dir"], params["name"], [*plan.changed, *plan.removed])
            plan.transaction.commit()
    return plan


def run_daemon(module: AnsibleModule, plan: Plan) -> dict[str, Any]:
    """Have the daemon of the tree run with it. Returns what to add to the result."""
    daemon, state_dir, name = (module.params[key] for key in ("daemon", "state_dir", "name"))
    if daemon is None:
        return {}
    changed = {*pending.read(state_dir, name), *plan.changed, *plan.removed}
    actions = _unit.bring_up(module, daemon["name"], changed, daemon["restart"])
    if not module.check_mode:
        pending.clear(state_dir, name)
    if actions:
        plan.diff.append(_unit.diff(daemon["name"], actions))
    return {"actions": actions}


def main() -> None:
    attributes = {option: {"type": "str"} for option in ("owner", "group", "mode")}
    rule = {"path": {"type": "str", "required": True}, **attributes}
    strings = {"type": "list", "elements": "str", "required": True}
    derivation = {
        "paths": strings,
        "suffix": {"type": "str", "required": True},
        "command": strings,
    }
    daemon = {
        "name": {"type": "str", "required": True},
        "restart": {"type": "bool", "default": False},
    }
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "list", "elements": "str", "required": True},
            "dest": {"type": "path", "default": "/"},
            "name": {"type": "str"},
            "owner": {"type": "str", "default": "root"},
            "group": {"type": "str", "default": "root"},
            "mode": {"type": "str", "default": "0644"},
            "directory_mode": {"type": "str", "default": "0755"},
            "paths": {"type": "list", "elements": "dict", "default": [], "options": rule},
            "secret": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "validate": {"type": "list", "elements": "list", "default": []},
            "derive": {"type": "dict", "options": derivation},
            "overlay": {"type": "list", "elements": "str", "default": []},
            "daemon": {"type": "dict", "options": daemon},
            "prune": {"type": "bool", "default": True},
            "state_dir": {"type": "path", "default": pending.STATE},
            # One opaque string, so that hiding it hides all contents and mangles nothing else.
            "_archive": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    shown = {k: v for k, v in module.params.items() if not k.startswith("_")}
    invocation: dict[str, Any] = {"module_args": shown}
    try:
        plan = apply(module)
    except (ConfigTreeError, TransactionError, OSError) as error:
        module.fail_json(msg=str(error), invocation=invocation)
    result: dict[str, Any] = {
        "changed": bool(plan.changed or plan.removed),
        "changed_paths": sorted(plan.changed),
        "removed_paths": sorted(plan.removed),
        "invocation": invocation,
    }
    try:
        done = run_daemon(module, plan)
    except _unit.UnitError as error:
        paths = [*result["changed_paths"], *result["removed_paths"]]
        changed = f"\nChanged before that: {', '.join(paths)}" if paths else ""
        module.fail_json(msg=f"{error}{changed}", **result)
    result["changed"] = bool(result["changed"] or done.get("actions"))
    module.exit_json(**result, **done, **({"diff": plan.diff} if module._diff else {}))


if __name__ == "__main__":
    main()
