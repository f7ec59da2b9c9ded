# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of DKIM keys.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.key import (
    DkimError,
    facts,
    generate,
    load,
    serialise,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.wanted import (
    describe,
    diff_text,
    records,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._files import (
    create_directory,
    create_file,
    read_file,
    set_attributes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import PrivateKey


def ensure_keys(
    module: AnsibleModule, wanted: list[dict[str, Any]], access: Mapping[str, Any]
) -> dict[str, Any]:
    """Generate the keys that are missing, with their directories, and return the module's result.

    Args:
        module: for check mode, and to set permissions.
        wanted: the keys, as normalise() returns them.
        access: owner, group and mode of the files, as of Ansible's file modules.

    Raises:
        DkimError: an existing file is not the key that is wanted.
        FilesError, KeysError: a file cannot be read or written, or a key not generated.
    """
    before = [describe(key, _read(key)) for key in wanted]
    existing = {key["path"] for key in before if key["fingerprint"]}
    missing = [key for key in wanted if key["path"] not in existing]
    after = before
    if missing and not module.check_mode:
        _make(module, missing, access)
        after = [describe(key, _read(key)) for key in wanted]

    changed = bool(missing)
    diff = [
        {
            "before": diff_text(before, existing),
            "after": diff_text(after, {key["path"] for key in wanted}),
        }
    ]
    for key in wanted:
        attributes_diff: dict[str, Any] = {}
        file_args = module.load_file_common_arguments(access, path=key["path"])
        changed = set_attributes(module, file_args, changed, attributes_diff)
        if attributes_diff.get("before") != attributes_diff.get("after"):
            diff.append(attributes_diff)
    return {"changed": changed, "dkim_keys": after, "records": records(after), "diff": diff}


def _read(wanted: dict[str, Any]) -> PrivateKey | None:
    """Return the existing key, None if there is none. Raises DkimError if it is not as wanted."""
    path = wanted["path"]
    rotate = (
        f"it was left alone; to rotate the key of {wanted['domain']}, add one with a new selector"
        " and file, publish its record, then sign with it"
    )
    try:
        data = read_file(path)
        if data is None:
            return None
        key = load(data)
    except DkimError as error:
        raise DkimError(f"{path} {error}: {rotate}") from error
    found = facts(key)
    if found != (wanted["type"], wanted["size"]):
        raise DkimError(
            f"{path} is a key of type {found[0]} with {found[1]} bits, not {wanted['type']} with"
            f" {wanted['size']}: {rotate}"
        )
    return key


def _make(module: AnsibleModule, wanted: list[dict[str, Any]], access: Mapping[str, Any]) -> None:

    def dress(path: str) -> None:
        attributes = module.load_file_common_arguments(access, path=path)
        module.set_fs_attributes_if_different({**attributes, "attributes": None}, True)

    def dress_directory(path: str) -> None:
        attributes = module.load_file_common_arguments({**access, "mode": "0750"}, path=path)
        module.set_fs_attributes_if_different({**attributes, "attributes": None}, True)

    for key in wanted:
        directory = os.path.dirname(key["path"])
        if not os.path.isdir(directory):
            create_directory(directory, dress_directory)
        create_file(key["path"], serialise(generate(key["type"], key["size"])), dress)
