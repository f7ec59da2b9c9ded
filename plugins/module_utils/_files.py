# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write files with secrets atomically, and never with wider permissions than their final ones.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


class FilesError(Exception):
    """A file cannot be read or written."""


def read_file(path: str) -> bytes | None:
    """Return a file's content, or None when it does not exist.

    Raises:
        FilesError: the file exists but cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FilesError(f"{path} cannot be read: {error.strerror}") from error


def set_attributes(
    module: AnsibleModule, arguments: dict[str, Any], changed: bool, diff: dict[str, Any]
) -> bool:
    """Set a file's owner, group and mode; return *changed*, or True if this changed something.

    Like AnsibleModule's own function, but check mode accepts an owner or group that does not exist
    yet, since a package may create it, and reports a change.
    """
    known = {"owner": pwd.getpwnam, "group": grp.getgrnam}
    for option, look_up in known.items() if module.check_mode else ():
        name = arguments[option]
        try:
            look_up("root" if name is None else name)
        except KeyError:
            diff.setdefault("before", {})[option] = "another"
            diff.setdefault("after", {})[option] = name
            arguments, changed = {**arguments, option: None}, True
    changed = module.set_fs_attributes_if_different(arguments, changed, diff)
    return changed


@contextlib.contextmanager
def _temporary(path: str, data: bytes, protect: Callable[[str], object]) -> Iterator[str]:
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".pillarbox-")  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        protect(temporary)
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def create_file(path: str, data: bytes, protect: Callable[[str], object]) -> None:
    """Create a file atomically, never with wider permissions than its final ones.

    AnsibleModule.atomic_move cannot do that: it overwrites, and a new file is 0644 for an instant.

    Args:
        path: the file.
        data: its content.
        protect: sets owner, group and mode of the path it is called with.

    Raises:
        FilesError: the file exists, or it cannot be written.
    """
    try:
        with _temporary(path, data, protect) as temporary:
            os.link(temporary, path)  # unlike rename(2), fails if the file exists by now
    except OSError as error:
        raise FilesError(f"{path} cannot be created: {error.strerror}") from error


def replace_file(path: str, data: bytes, protect: Callable[[str], object]) -> None:
    """Write a file like create_file, but replace an existing one (rename(2))."""
    try:
        with _temporary(path, data, protect) as temporary:
            os.rename(temporary, path)
    except OSError as error:
        raise FilesError(f"{path} cannot be written: {error.strerror}") from error


def create_directory(path: str, protect: Callable[[str], object]) -> None:
    """Create a directory that only its owner can enter until protect sets its final mode.

    Raises:
        FilesError: the directory cannot be created, for instance because its parent is missing.
    """
    try:
        os.mkdir(path, 0o700)
        protect(path)
    except OSError as error:
        raise FilesError(f"{path} cannot be created: {error.strerror}") from error
