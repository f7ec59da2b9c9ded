# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold secrets: written in one step, and never readable by more than they will be.

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
    """A file that cannot be read or written."""


def read_file(path: str) -> bytes | None:
    """Return a file's content, None when there is no such file.

    Raises:
        FilesError: it is there and cannot be read.
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
    """Give a file its owner, group and mode; return whether that, or what was before, is a change.

    Like AnsibleModule's own, but a check takes an owner or a group that does not exist for one that
    a package brings, which the file cannot have yet.
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
def _temporary(path: str, data: bytes, dress: Callable[[str], object]) -> Iterator[str]:
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".pillarbox-")  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        dress(temporary)
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def create_file(path: str, data: bytes, dress: Callable[[str], object]) -> None:
    """Write a file that must not exist yet, in one step and never readable by more than it will be.

    AnsibleModule.atomic_move cannot do that: it overwrites, and a new file is 0644 for an instant.

    Args:
        path: the file.
        data: its content.
        dress: gives the path it is called with the file's owner, group and mode.

    Raises:
        FilesError: the file exists, or it cannot be written.
    """
    try:
        with _temporary(path, data, dress) as temporary:
            os.link(temporary, path)  # unlike rename(2), fails if somebody was faster
    except OSError as error:
        raise FilesError(f"{path} cannot be created: {error.strerror}") from error


def replace_file(path: str, data: bytes, dress: Callable[[str], object]) -> None:
    """Write a file like create_file, replacing one that exists (rename(2))."""
    try:
        with _temporary(path, data, dress) as temporary:
            os.rename(temporary, path)
    except OSError as error:
        raise FilesError(f"{path} cannot be written: {error.strerror}") from error


def create_directory(path: str, dress: Callable[[str], object]) -> None:
    """Make a directory that only its owner can enter until dress opens it.

    Raises:
        FilesError: it cannot be made, for instance because its own parent is missing.
    """
    try:
        os.mkdir(path, 0o700)
        dress(path)
    except OSError as error:
        raise FilesError(f"{path} cannot be created: {error.strerror}") from error
