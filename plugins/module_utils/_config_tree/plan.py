# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a tree of configuration files with the host.

This module util is PRIVATE to the collection. It does not change the host's files: the plan is a
transaction that the caller commits, except in check mode.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import stat
from typing import NamedTuple

from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.entries import (
    ConfigTreeError,
    Entry,
    parents,
    show,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.transaction import (
    PRIVATE,
    Attributes,
    Transaction,
)

PRIVATE_DIRECTORY = Attributes(-1, -1, 0o700)
UNKNOWN_ID = -1  # of a user that does not exist yet in check mode; differs from every real ID


class Found(NamedTuple):
    """The present state of a path."""

    kind: str  # absent, file, link, directory or other
    content: bytes
    attributes: Attributes | None  # None: absent


class Manifest(NamedTuple):
    """What earlier runs under this name installed."""

    files: dict[str, str]  # with the SHA-256 of their content
    secret: list[str]
    directories: list[str]  # created by us, so that pruning may remove them


class Plan:
    """All changes, for the transaction and for the result.

    Args:
        entries: the tree, from build_entries().
        base: path and name, without a suffix, of the files that keep our state.
        prune: remove what earlier runs installed and the tree no longer contains.
        lenient: accept a missing user or group, which a package will create (check mode).

    Raises:
        ConfigTreeError: the tree does not fit the host.
    """

    def __init__(self, entries: list[Entry], base: str, prune: bool, lenient: bool) -> None:
        self.transaction = Transaction(base + ".journal")
        self.entries = entries
        self.attributes: dict[str, Attributes] = {}
        self.changed: set[str] = set()
        self.removed: set[str] = set()
        self.diff: list[dict[str, str]] = []
        self._base = base
        self._lenient = lenient
        self._created: set[str] = set()
        self._rewritten: set[str] = set()
        self._managed = _read_manifest(base + ".json")
        for entry in entries:
            if entry.content is None:
                self._plan_directory(entry)
            else:
                self._plan_file(entry, entry.content)
        if prune:
            self._plan_removals()
        self._plan_manifest(keep=not prune)

    def _plan_directory(self, entry: Entry) -> None:
        path, found = _find_directory(entry.path)
        after = self._resolve(entry, found)
        if found.attributes is None:
            self.transaction.mkdir(path, after)
            self._created.add(path)
            self._report(entry, found, "", "directory\n")
        elif found.attributes != after:
            self.transaction.set(path, after, found.attributes)
            self._report(entry, found, *self._describe(entry, found, "\n"))

    def _plan_file(self, entry: Entry, content: bytes) -> None:
        found = look(entry.path)
        if found.kind in ("directory", "other"):
            raise ConfigTreeError(
                f"{entry.path} is a file in the tree, but a directory or a special file on the "
                "host; remove it."
            )
        after = self._resolve(entry, found)
        # A derived file must not be older than its source: Postfix warns about such an index.
        fresh = entry.source not in self._rewritten
        if found.kind == "file" and found.content == content and fresh:
            if found.attributes and found.attributes != after:
                self.transaction.set(entry.path, after, found.attributes)
                self._report(entry, found, *self._describe(entry, found, "\n"))
            return
        # A link is replaced, never followed: its target may belong to others.
        if found.attributes and entry.path not in self._managed.files:
            self._keep_original(entry.path, found.content)
        self.transaction.put(entry.path, content, after, found.attributes)
        self._rewritten.add(entry.path)
        if entry.secret or entry.path in self._managed.secret:
            hidden = "(contents hidden)\n" if found.attributes else ""
            self._report(entry, found, hidden, "(contents hidden, changed)\n")
        else:
            self._report(entry, found, show(found.content), show(content))

    def _keep_original(self, path: str, content: bytes) -> None:
        original = f"{self._base}.orig{path}"
        if os.path.lexists(original):
            return
        for directory in reversed([*parents(original)]):
            if directory not in self._created and not os.path.isdir(directory):
                self.transaction.mkdir(directory, PRIVATE_DIRECTORY)
                self._created.add(directory)
        self.transaction.put(original, content, PRIVATE, None)

    def _plan_removals(self) -> None:
        wanted = {entry.path for entry in self.entries}
        for path in sorted(set(self._managed.files) - wanted):
            for directory in parents(path):
                _find_directory(directory)
            found = look(path)
            if found.attributes and found.kind in ("file", "link"):
                self.transaction.remove(path, found.attributes)
                self.removed.add(path)
                secret = path in self._managed.secret
                before = "(contents hidden)\n" if secret else show(found.content)
                self._note(path, before, "", _names(found.attributes), "absent")
        for path in sorted(set(self._managed.directories) - wanted, reverse=True):
            if look(path).kind == "directory" and all(
                f"{path}/{name}" in self.removed for name in os.listdir(path)
            ):
                self.transaction.rmdir(path)
                self.removed.add(path)
                self._note(path, "directory\n", "", "present", "absent")

    def _plan_manifest(self, keep: bool) -> None:
        """Plan the manifest; it is swapped like any other file, so it is always correct."""
        files = {
            entry.path: hashlib.sha256(entry.content).hexdigest()
            for entry in self.entries
            if entry.content is not None
        }
        secret = {entry.path for entry in self.entries if entry.secret}
        ours = {entry.path for entry in self.entries if entry.path in self._created}
        ours |= {path for path in self._managed.directories if os.path.isdir(path)} - self.removed
        if keep:
            files = {**self._managed.files, **files}
            secret.update(set(self._managed.secret) - {entry.path for entry in self.entries})
        manifest = Manifest(dict(sorted(files.items())), sorted(secret), sorted(ours))
        content = (json.dumps(manifest._asdict(), indent=1) + "\n").encode()
        found = look(self._base + ".json")
        if found.content != content:
            self.transaction.put(self._base + ".json", content, PRIVATE, found.attributes)

    def _resolve(self, entry: Entry, found: Found) -> Attributes:
        """Return the wanted attributes of an entry; those not fixed stay as they are."""
        after = Attributes(
            self._number(entry, "owner", found.attributes and found.attributes.uid),
            self._number(entry, "group", found.attributes and found.attributes.gid),
            entry.mode
            if "mode" in entry.fixed or found.attributes is None
            else found.attributes.mode,
        )
        self.attributes[entry.path] = after
        return after

    def _number(self, entry: Entry, option: str, present: int | None) -> int:
        if present is not None and option not in entry.fixed:
            return present
        name: str = getattr(entry, option)
        if name.isdigit():
            return int(name)
        try:
            return pwd.getpwnam(name).pw_uid if option == "owner" else grp.getgrnam(name).gr_gid
        except KeyError:
            if self._lenient:
                return UNKNOWN_ID
            raise ConfigTreeError(
                f'{option} of {entry.path}: "{name}" does not exist on this host; '
                "install the package that creates it first."
            ) from None

    def _describe(self, entry: Entry, found: Found, end: str = "") -> tuple[str, str]:
        before = _names(found.attributes) if found.attributes else "absent"
        return before + end, _names(self.attributes[entry.path], entry) + end

    def _report(self, entry: Entry, found: Found, before: str, after: str) -> None:
        self.changed.add(entry.path)
        self._note(entry.path, before, after, *self._describe(entry, found))

    def _note(self, path: str, before: str, after: str, was: str, becomes: str) -> None:
        headers = {"before_header": f"{path} ({was})", "after_header": f"{path} ({becomes})"}
        self.diff.append({"before": before, "after": after, **headers})


def look(path: str) -> Found:
    """Return what is at path, without following a symbolic link there."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Found("absent", b"", None)
    attributes = Attributes(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            return Found("file", file.read(), attributes)
    if stat.S_ISLNK(status.st_mode):
        text = f"(symbolic link to {os.readlink(path)})\n"
        return Found("link", text.encode(errors="surrogateescape"), attributes)
    return Found("directory" if stat.S_ISDIR(status.st_mode) else "other", b"", attributes)


def _find_directory(path: str) -> tuple[str, Found]:
    """Return the real path of a directory of the tree, and its present state.

    A link that belongs to root is followed, as /lib must be. Through another user's link, root
    would write wherever that user likes.
    """
    found = look(path)
    if found.kind == "link" and found.attributes:
        if found.attributes.uid not in (0, os.geteuid()):
            raise ConfigTreeError(
                f"{path} is a symbolic link that does not belong to root; remove it."
            )
        path = os.path.realpath(path)
        found = look(path)
    if found.kind not in ("directory", "absent"):
        raise ConfigTreeError(f"{path} is a directory in the tree, but not on the host; remove it.")
    return path, found


def _read_manifest(path: str) -> Manifest:
    try:
        with open(path, encoding="utf-8") as file:
            return Manifest(**json.load(file))
    except FileNotFoundError:
        return Manifest({}, [], [])
    except (TypeError, ValueError) as error:
        raise ConfigTreeError(
            f"{path} is damaged ({error}); remove it, then this run prunes nothing."
        ) from error


def _names(attributes: Attributes, entry: Entry | None = None) -> str:
    """Return attributes as in "root:root 0644"."""
    try:
        owner = pwd.getpwuid(attributes.uid).pw_name
    except KeyError:
        owner = entry.owner if entry else str(attributes.uid)
    try:
        group = grp.getgrgid(attributes.gid).gr_name
    except KeyError:
        group = entry.group if entry else str(attributes.gid)
    return f"{owner}:{group} {attributes.mode:04o}"
