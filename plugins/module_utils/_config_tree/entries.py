# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Convert a tree of configuration files to the wanted files and directories of a host.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class ConfigTreeError(Exception):
    """The tree cannot be applied; the message names the path and the remedy."""


def pack(files: Mapping[str, bytes]) -> str:
    """Return the tree as one printable string (a zip archive in base64)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted(files.items()):
            archive.writestr(path, content)
    return base64.b64encode(buffer.getvalue()).decode()


def unpack(packed: str) -> dict[str, bytes]:
    """Return the contents of each file, by path, from the string of pack()."""
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(packed))) as archive:
        return {path: archive.read(path) for path in archive.namelist()}


def relative(path: str, option: str) -> str:
    """Return path, which must stay below dest, without a trailing slash."""
    cleaned = path[:-1] if path.endswith("/") else path
    if any(part in ("", ".", "..") for part in cleaned.split("/")):
        raise ConfigTreeError(
            f'{option}: "{path}" is not a path below dest; write it without a leading slash '
            "and without . or .. in it."
        )
    return cleaned


def matches(pattern: str, path: str) -> bool:
    """Whether the glob matches; ``*`` and ``?`` do not match a slash, ``**`` does."""
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.fullmatch("".join(wild.get(p) or re.escape(p) for p in pieces), path) is not None


def parse_mode(mode: str, option: str) -> int:
    """Return the permission bits of an octal string such as "0640"."""
    if not re.fullmatch(r"0[0-7]{3,4}", mode):
        raise ConfigTreeError(
            f'{option}: "{mode}" is not a mode; write a quoted octal number such as "0640".'
        )
    return int(mode, 8)


class Entry(NamedTuple):
    """The wanted state of a file or directory of the tree."""

    path: str  # absolute
    content: bytes | None  # None: a directory
    owner: str
    group: str
    mode: int
    fixed: frozenset[str]  # which of owner, group and mode also apply to an existing one
    secret: bool
    source: str = ""  # the path of the entry from which this one is derived, if any


def build_entries(files: Mapping[str, bytes], params: Mapping[str, Any]) -> list[Entry]:
    """Return the wanted entries, directories before their contents.

    Args:
        files: contents by path relative to dest.
        params: the options dest, owner, group, mode, directory_mode, paths and secret.

    Raises:
        ConfigTreeError: a path is outside of dest, a mode is invalid, or a pattern matches nothing:
            the file that it was meant for would be world-readable, or shown in a diff.
    """
    root = params["dest"].rstrip("/")
    if not params["dest"].startswith("/"):
        raise ConfigTreeError(f'dest: "{root}" is not an absolute path.')
    names = {f"{root}/{relative(path, 'src')}": path for path in sorted(files)}
    directories = {parent for path in names for parent in parents(path)}
    rules = [{**rule, "path": relative(rule["path"], "paths")} for rule in params["paths"]]
    secret = [relative(pattern, "secret") for pattern in params["secret"]]
    below = {path[len(root) + 1 :] for path in directories if path.startswith(root + "/")}
    for option, pattern, directory in [
        *(("paths", rule["path"], rule["path"] in below) for rule in rules),
        *(("secret", pattern, False) for pattern in secret),
    ]:
        if not directory and not any(matches(pattern, path) for path in files):
            raise ConfigTreeError(f'{option}: "{pattern}" matches nothing in the tree.')

    def entry(path: str, content: bytes | None) -> Entry:
        name = path[len(root) + 1 :]
        mode = "mode" if content is not None else "directory_mode"
        wanted = {"owner": params["owner"], "group": params["group"], "mode": params[mode]}
        given: dict[str, str] = {}
        for rule in rules:
            # A glob matches files only: mode 0640 on a directory would make it inaccessible.
            if rule["path"] == name or (content is not None and matches(rule["path"], name)):
                given.update({k: rule[k] for k in wanted if rule.get(k) is not None})
        wanted.update(given)
        return Entry(
            path,
            content,
            wanted["owner"],
            wanted["group"],
            parse_mode(wanted["mode"], f"mode of {path}"),
            frozenset(wanted if content is not None else given),
            content is not None and any(matches(s, name) for s in secret),
        )

    return [entry(path, None) for path in sorted(directories)] + [
        entry(path, files[name]) for path, name in names.items()
    ]


def parents(path: str) -> Iterable[str]:
    """Return the directories above path, nearest first, without /."""
    while (path := os.path.dirname(path)) != "/":
        yield path


def redact(output: str, entries: Iterable[Entry]) -> str:
    """Return the output of a validator without the lines that quote a secret file.

    A word counts if it occurs in no path and no other file. Since a quote may be truncated, eight
    characters of it are enough (or as many as distinguish it from what is public).
    """
    entries = list(entries)
    public = "\n".join(
        entry.path
        + "\n"
        + ("" if entry.secret else (entry.content or b"").decode(errors="replace"))
        for entry in entries
    )
    needles = set()
    for entry in entries:
        text = (entry.content or b"").decode(errors="replace") if entry.secret else ""
        for word in re.split(r"[\s\"'=:;,(){}<>]+", text):
            if len(word) >= 4:  # shorter words would hide almost every line
                starts = (word[:n] for n in range(min(len(word), 8), len(word) + 1))
                needles.add(next((start for start in starts if start not in public), None))
    hidden = "(a line that quotes a secret file is hidden)"
    return "\n".join(
        hidden if any(needle and needle in line for needle in needles) else line
        for line in output.strip().splitlines()
    )


def show(content: bytes) -> str:
    """Return contents as text for a diff."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return f"(binary, {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()})\n"
    return text
