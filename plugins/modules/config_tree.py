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
  - With O(trees), installs several trees in one round trip.
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
      - Required unless O(trees) is set.
    type: list
    elements: str
  dest:
    description: Directory on the host that the tree mirrors.
    type: path
    default: /
  name:
    description: Name of the manifest of installed files. Defaults to the name of the role; required
      outside of roles and in O(trees). Two trees on one host must not share a name.
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
  trees:
    description:
      - Several trees. Each takes the options of this module except O(state_dir) and O(trees), and
        requires O(name).
      - They are installed in this order, each when the one before is in place and its daemon runs.
        If one fails, those before it remain, and those after it are not installed.
      - A tree without a O(daemon) is loaded by the daemon of the next tree that has one.
    type: list
    elements: dict
    version_added: 0.1.0
  state_dir:
    description: Directory on the host for manifests and originals.
    type: path
    default: /var/lib/pillarbox/config_tree
  _archives:
    description: The rendered trees. Internal; always set by the action plugin.
    type: list
    elements: str
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

- name: Run Unbound, then use it as the resolver
  pillarbox.mail.config_tree:
    trees:
      - {name: unbound, src: unbound, daemon: {name: unbound.service, restart: true}}
      - {name: resolver, src: resolver}
"""

RETURN = r"""
actions:
  description: The actions on the daemons, in order, as verbs of C(systemctl).
  type: list
  elements: str
  returned: success
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

import itertools
import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.pillarbox.mail.plugins.module_utils import _unit
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree import pending
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.entries import (
    ConfigTreeError,
    Entry,
    build_entries,
    unpack,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.install import install
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.transaction import (
    TransactionError,
)

ATTRIBUTES: dict[str, Any] = {option: {"type": "str"} for option in ("owner", "group", "mode")}
STRINGS = {"type": "list", "elements": "str", "required": True}
TREE: dict[str, Any] = {
    "src": {"type": "list", "elements": "str"},
    "dest": {"type": "path", "default": "/"},
    "name": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str", "default": "0644"},
    "directory_mode": {"type": "str", "default": "0755"},
    "paths": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"path": {"type": "str", "required": True}, **ATTRIBUTES},
    },
    "secret": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "validate": {"type": "list", "elements": "list", "default": []},
    "derive": {
        "type": "dict",
        "options": {
            "paths": STRINGS,
            "suffix": {"type": "str", "required": True},
            "command": STRINGS,
        },
    },
    "overlay": {"type": "list", "elements": "str", "default": []},
    "daemon": {
        "type": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "restart": {"type": "bool", "default": False},
        },
    },
    "prune": {"type": "bool", "default": True},
}


def options_of(module: AnsibleModule) -> list[dict[str, Any]]:
    """Return the options of each tree. Raises ConfigTreeError."""
    given = module.params["trees"]
    trees = [module.params] if given is None else [validated(tree) for tree in given]
    names = [tree["name"] or "" for tree in trees]
    for name in names:
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise ConfigTreeError(
                f'name: "{name}" must be made of letters, digits, "_", "." and "-".'
            )
        if names.count(name) > 1:
            raise ConfigTreeError(f'trees: the name "{name}" is there twice.')
    return trees


def validated(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the options of one of several trees, with defaults. Raises ConfigTreeError."""
    valid = ArgumentSpecValidator(TREE).validate(tree)
    if unknown := sorted(valid.unsupported_parameters):
        raise ConfigTreeError(f"{tree['name']}: it has no option {', '.join(unknown)}.")
    if valid.error_messages:
        raise ConfigTreeError(f"{tree['name']}: {'; '.join(valid.error_messages)}")
    options: dict[str, Any] = valid.validated_parameters
    return options


def entries_of(tree: dict[str, Any], archive: str) -> list[Entry]:
    """Return the wanted entries of a tree. Raises ConfigTreeError, which names it."""
    try:
        return build_entries(unpack(archive), tree)
    except ConfigTreeError as error:
        raise ConfigTreeError(f"{tree['name']}: {error}") from error


def run_daemon(
    module: AnsibleModule, daemon: dict[str, Any], trees: dict[str, list[str]]
) -> list[str]:
    """Start or reload the daemon of these trees, given with what changed. Return the verbs."""
    state_dir = module.params["state_dir"]
    earlier = [path for name in trees for path in pending.read(state_dir, name)]
    changed = {*earlier, *itertools.chain(*trees.values())}
    actions = _unit.bring_up(module, daemon["name"], changed, daemon["restart"])
    if not module.check_mode:
        for name in trees:
            pending.clear(state_dir, name)
    return actions


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **TREE,
            "trees": {"type": "list", "elements": "dict"},
            "state_dir": {"type": "path", "default": pending.STATE},
            # Opaque strings, so that no_log hides all contents and nothing else.
            "_archives": {"type": "list", "elements": "str", "no_log": True},
        },
        required_one_of=[("src", "trees")],
        mutually_exclusive=[("src", "trees")],
        supports_check_mode=True,
    )
    shown = {k: v for k, v in module.params.items() if not k.startswith("_")}
    # A set, as check mode predicts a directory for each of the trees that would create it.
    changed: set[str] = set()
    removed: list[str] = []
    actions: list[str] = []
    diff: list[dict[str, Any]] = []
    unloaded: dict[str, list[str]] = {}

    def result() -> dict[str, Any]:
        return {
            "changed": bool(changed or removed or actions),
            "changed_paths": sorted(changed),
            "removed_paths": sorted(removed),
            "actions": actions,
            "invocation": {"module_args": shown},
        }

    try:
        trees = options_of(module)
        wanted = [*map(entries_of, trees, module.params["_archives"])]
        for tree, entries in zip(trees, wanted, strict=True):
            plan = install(module, tree, entries)
            changed.update(plan.changed)
            removed += plan.removed
            diff += plan.diff
            unloaded[tree["name"]] = [*plan.changed, *plan.removed]
            if daemon := tree["daemon"]:
                verbs = run_daemon(module, daemon, unloaded)
                unloaded.clear()
                actions += verbs
                diff += [_unit.diff(daemon["name"], verbs)] if verbs else []
    except (ConfigTreeError, TransactionError, _unit.UnitError, OSError) as error:
        paths = [*sorted(changed), *sorted(removed)]
        before = f"\nChanged before that: {', '.join(paths)}" if paths else ""
        module.fail_json(msg=f"{error}{before}", **result())
    module.exit_json(**result(), **({"diff": diff} if module._diff else {}))


if __name__ == "__main__":
    main()
