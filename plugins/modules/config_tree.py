#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: config_tree
short_description: Install a tree of configuration files, all or nothing
version_added: 0.1.0
author: [The pillarbox.mail developers (@pillarbox)]
description:
  - Renders directories of templates on the controller and sends them to the host in one round trip.
  - On the host, the tree is staged in a private directory and validated by the programs that will
    read it. Only then are changed files replaced, each atomically and with its owner, group and
    mode. If that fails half-way, the files already replaced are put back; if it is killed, the next
    run puts them back.
  - If O(daemon) is set, this daemon loads the tree. Changes are recorded until then, so that they
    are not lost if a run is interrupted.
  - Files that existed before the first run are kept in NAME.orig below O(state_dir).
  - A symbolic link in place of a file is replaced, not followed. In place of a directory, it is
    followed if it belongs to root, and is an error otherwise.
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: Stages, validates and compares like a real run, then stops. Users and programs that are
      not installed yet are not an error.
  diff_mode:
    details: Shows contents, owner, group and mode, but not the contents of O(secret) files.
options:
  src:
    description:
      - Directories below C(templates/) of the role or playbook, or absolute controller paths.
      - Several directories are combined, such as one for all versions of a daemon and one for a
        single version. A file that is in two of them is an error.
      - Each mirrors the host. A file whose name ends in C(.j2) is rendered as by
        M(ansible.builtin.template) and loses that suffix; every other file is copied as it is.
        Empty directories are ignored.
    type: list
    elements: str
    required: true
  dest:
    description: Directory on the host that the tree mirrors.
    type: path
    default: /
  name:
    description: Name of the manifest of installed files. Defaults to the name of the role; required
      outside of roles. Two trees on one host must not share a name.
    type: str
  owner:
    description: Owner of the files and of created directories.
    type: str
    default: root
  group:
    description: Group of the files and of created directories.
    type: str
    default: root
  mode:
    description: Mode of the files, as an octal string.
    type: str
    default: "0644"
  directory_mode:
    description: Mode of created directories. Existing ones keep theirs unless O(paths) names them.
    type: str
    default: "0755"
  paths:
    description: Exceptions from O(owner), O(group) and O(mode). Later ones take precedence.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - Path or glob relative to O(dest). V(*) and V(?) do not match V(/), V(**) does. It must
            match something.
          - A glob matches files only. To set the attributes of a directory, give its full path.
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
    description: Globs as in O(paths) of files whose contents must not appear in any diff, result or
      log. Lines that quote them are removed from the output of validators. Each must match a file.
    type: list
    elements: str
    default: []
  validate:
    description: Commands, each a list of program and arguments, that must succeed before anything
      is changed. V(%s) is replaced by the path of the staged tree. They do not run on a tree that
      is in place and loaded, as it has passed before.
    type: list
    elements: list
    default: []
  derive:
    description:
      - Files that a program generates from others in the tree, such as indexes of tables. Each is
        installed beside its source, in the same transaction and with the same owner, group, mode
        and secrecy, and is replaced whenever its source is.
      - They are generated in the staged tree after validation. In check mode, it is not an error if
        the program is missing or cannot generate them yet.
    type: dict
    suboptions:
      paths:
        description: Globs as in O(paths) of the sources. Each must match a file.
        type: list
        elements: str
        required: true
      suffix:
        description: Suffix that is appended to the name of the source.
        type: str
        required: true
      command:
        description: Program and arguments. V(%s) is replaced by the path of the staged tree. An
          argument that contains V({}) is repeated for each source, with its staged path for V({}).
        type: list
        elements: str
        required: true
  overlay:
    description: Directories relative to O(dest) whose existing files are added to the staged tree,
      for validators that also need the package's own files.
    type: list
    elements: str
    default: []
  daemon:
    description:
      - The systemd unit that reads the tree. It is enabled, and started if it is not running or
        reloaded if something changed. If it is not active afterwards, the task fails with the end
        of its log.
      - A reload also fails if the main process of the unit logs an error meanwhile, as daemons do
        that reject a new configuration and keep running with the old one.
      - If systemd's own files changed, systemd is reloaded and the unit restarted.
      - M(pillarbox.mail.daemon) does the same in a separate task, for a daemon that must wait.
    type: dict
    version_added: 0.1.0
    suboptions:
      name:
        description: The unit, with its suffix.
        type: str
        required: true
      restart:
        description: Whether the unit must be restarted to load a new configuration, rather than
          reloaded.
        type: bool
        default: false
  prune:
    description: Remove files that this task installed earlier and that are no longer in the tree,
      and directories that it created, if they are empty.
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
  description: The actions on the O(daemon), as verbs of C(systemctl).
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
    """Apply the tree to the host, or in check mode predict what that would change."""
    params = module.params
    if not re.fullmatch(r"\w[\w.-]*", params["name"] or ""):
        raise ConfigTreeError('name: it must be made of letters, digits, "_", "." and "-".')
    entries = build_entries(unpack(params["_archive"]), params)
    base = os.path.join(params["state_dir"], params["name"])
    with lock(params["state_dir"], create=not module.check_mode) as locked:
        if not module.check_mode:
            recover(base + ".journal")
        elif is_interrupted(base + ".journal"):
            module.warn(f"{params['name']}: the last run was killed; the next run first undoes it.")
        plan = Plan(entries, base, params["prune"], lenient=module.check_mode)
        place = base + ".staged" if locked else None
        unloaded = plan.changed or plan.removed or pending.read(params["state_dir"], params["name"])
        derived = []
        if unloaded or params["derive"]:
            with staged(plan, params["dest"], params["overlay"], place) as root:
                if unloaded:
                    check(module, root, plan)
                derived = derive(module, root, plan)
        if derived:
            plan = Plan([*entries, *derived], base, params["prune"], lenient=module.check_mode)
        if not module.check_mode:
            if plan.changed or plan.removed:
                # Before the change, since a superfluous reload does no harm.
                pending.add(params["state_dir"], params["name"], [*plan.changed, *plan.removed])
            plan.transaction.commit()
    return plan


def run_daemon(module: AnsibleModule, plan: Plan) -> dict[str, Any]:
    """Start or reload the daemon of the tree. Return what to add to the result."""
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
            # One opaque string, so that no_log hides all contents and nothing else.
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
