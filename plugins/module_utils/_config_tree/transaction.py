# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change several files, either all of them or none.

This module util is PRIVATE to the collection.

A journal of all steps is on disk before the first of them. New contents are written beside their
targets (rename(2) is atomic only within one file system, and a full disk is noticed before anything
is changed), the old file keeps a second name, and renaming the journal commits everything. After a
failure, the steps are undone from the journal; after a kill, by the next call of recover(). Both
use the same code, which may be repeated any number of times.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from typing import NamedTuple


class TransactionError(Exception):
    """The transaction failed; the message says whether everything was put back."""


class Attributes(NamedTuple):
    """Owner, group (numeric, -1 leaves it alone as in chown(2)) and permission bits."""

    uid: int
    gid: int
    mode: int


PRIVATE = Attributes(-1, -1, 0o600)


class Step(NamedTuple):
    """One change of path, with what is needed to undo it."""

    action: str  # mkdir, put, set, remove or rmdir
    path: str
    scratch: str  # beside path: scratch.new has the new contents, scratch.old is the old file
    after: Attributes
    before: Attributes | None  # None: path does not exist yet


class Transaction:
    """Collects steps, then performs them all in commit().

    Args:
        journal: path of the journal. It and its ".done" twin belong to this module; the caller
            holds a lock on them and has called recover().
    """

    def __init__(self, journal: str) -> None:
        self._journal = journal
        self._run = secrets.token_hex(4)
        self._steps: list[Step] = []
        self._content: dict[str, bytes] = {}

    def _add(self, action: str, path: str, after: Attributes, before: Attributes | None) -> None:
        # The leading dot hides the names from the include globs of daemons and from run-parts(8).
        scratch = f"{os.path.dirname(path)}/.pillarbox.{self._run}.{len(self._steps)}"
        self._steps.append(Step(action, path, scratch, after, before))

    def mkdir(self, path: str, after: Attributes) -> None:
        """Create a directory. Its parent exists or is created by an earlier step."""
        self._add("mkdir", path, after, None)

    def put(self, path: str, content: bytes, after: Attributes, before: Attributes | None) -> None:
        """Replace (or create, without before) the file or symbolic link at path."""
        self._content[path] = content
        self._add("put", path, after, before)

    def set(self, path: str, after: Attributes, before: Attributes) -> None:
        """Change owner, group and mode of a file or directory in place."""
        self._add("set", path, after, before)

    def remove(self, path: str, before: Attributes) -> None:
        """Remove a file or symbolic link."""
        self._add("remove", path, before, before)

    def rmdir(self, path: str) -> None:
        """Remove a directory after everything else, if it is empty by then."""
        self._add("rmdir", path, PRIVATE, None)

    def commit(self) -> None:
        """Perform all steps.

        Raises:
            TransactionError: a step failed; everything is as it was before, or the message says
                what could not be put back.
        """
        if not self._steps:
            return
        steps = sorted(self._steps, key=_turn)
        place = self._journal
        try:
            self._write_journal(steps)
            for step in self._steps:
                place = step.path
                if step.action == "mkdir":
                    os.mkdir(step.path, 0o700)
                    _set_attributes(step.path, step.after)
                elif step.action == "put":
                    write_file(step.scratch + ".new", self._content[step.path], step.after, True)
            for step in steps:
                place = step.path
                _swap(step)
            for place in sorted({os.path.dirname(step.path) for step in self._steps}):
                _sync(place)
            os.replace(self._journal, self._journal + ".done")
        except OSError as error:
            raise TransactionError(self._put_back(f"{place}: {error.strerror}")) from error
        recover(self._journal)

    def _write_journal(self, steps: list[Step]) -> None:
        write_file(self._journal + ".new", json.dumps(steps).encode(), PRIVATE, True)
        os.replace(self._journal + ".new", self._journal)
        _sync(os.path.dirname(self._journal))

    def _put_back(self, problem: str) -> str:
        try:
            recover(self._journal)
        except OSError as error:
            return (
                f"Could not change {problem}, and putting the old files back failed as well "
                f"({error}): fix that and run again, which puts them back first."
            )
        return f"Could not change {problem}; everything already changed was put back."


def write_file(path: str, content: bytes, attributes: Attributes, durable: bool) -> None:
    """Create path, which must not exist, with its attributes; durable adds an fsync(2)."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        os.fchown(descriptor, attributes.uid, attributes.gid)
        os.fchmod(descriptor, attributes.mode)  # after chown(2), which clears setgid
        file.flush()
        if durable:
            os.fsync(descriptor)


def recover(journal: str) -> None:
    """Undo a transaction that was killed or failed, or clean up after a committed one.

    Raises:
        OSError: something could not be put back; the journal is kept for a later call.
    """
    with suppress(FileNotFoundError):
        os.unlink(journal + ".new")
    with suppress(FileNotFoundError):
        for step in reversed(_read(journal)):
            _undo(step)
        os.unlink(journal)
    with suppress(FileNotFoundError):
        for step in _read(journal + ".done"):
            _tidy(step)
        os.unlink(journal + ".done")


def is_interrupted(journal: str) -> bool:
    """Whether recover() would put old files back."""
    return os.path.exists(journal)


def _read(journal: str) -> list[Step]:
    with open(journal, encoding="utf-8") as file:
        return [
            Step(action, path, scratch, Attributes(*after), Attributes(*before) if before else None)
            for action, path, scratch, after, before in json.load(file)
        ]


def _turn(step: Step) -> int:
    """Return the order of a step: new files first, removals last.

    A daemon that reads its configuration in between finds all files that it refers to. The same
    holds when the steps are undone in reverse.
    """
    if step.action in ("remove", "rmdir"):
        return 2
    return 1 if step.before else 0


def _swap(step: Step) -> None:
    old = step.scratch + ".old"
    if step.action == "put":
        if step.before:
            os.link(step.path, old, follow_symlinks=False)
        os.replace(step.scratch + ".new", step.path)
    elif step.action == "set":
        _set_attributes(step.path, step.after)
    elif step.action == "remove":
        os.replace(step.path, old)


def _undo(step: Step) -> None:
    old, new = step.scratch + ".old", step.scratch + ".new"
    if step.action == "mkdir":
        with suppress(OSError):  # never created, or it contains another file by now
            os.rmdir(step.path)
    elif step.action == "set" and step.before:
        with suppress(FileNotFoundError):
            _set_attributes(step.path, step.before)
    elif step.action in ("put", "remove"):
        if os.path.lexists(old):
            os.replace(old, step.path)
            # rename(2) of two names of one file does nothing: the step was not reached.
            _unlink(old)
        elif not step.before and not os.path.lexists(new):
            _unlink(step.path)
        _unlink(new)


def _tidy(step: Step) -> None:
    _unlink(step.scratch + ".old")
    if step.action == "rmdir":
        with suppress(OSError):  # no longer empty, so it is in use
            os.rmdir(step.path)


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(path)


def _set_attributes(path: str, attributes: Attributes) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fchown(descriptor, attributes.uid, attributes.gid)
        os.fchmod(descriptor, attributes.mode)
    finally:
        os.close(descriptor)


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
