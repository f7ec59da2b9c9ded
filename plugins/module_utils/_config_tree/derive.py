# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a program derives from others in the tree, such as indexes of tables.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.entries import (
    ConfigTreeError,
    Entry,
    matches,
    relative,
)


class Derivation:
    """The option derive, applied to a tree.

    Args:
        rule: the option, with paths, suffix and command.
        entries: the tree.
        dest: the directory on the host that the tree mirrors.
        root: where the tree is staged.
    """

    def __init__(
        self, rule: Mapping[str, Any], entries: Iterable[Entry], dest: str, root: str
    ) -> None:
        prefix = dest.rstrip("/")
        self.sources = _select(entries, prefix, rule["paths"])
        self._staged = {e.path: root + e.path[len(prefix) :] for e in self.sources}
        self._suffix: str = rule["suffix"]
        self.command = [
            argument.replace("%s", root).replace("{}", path)
            for argument in rule["command"]
            for path in (self._staged.values() if "{}" in argument else [""])
        ]

    def entries(self, made: bool, read: Callable[[str], bytes]) -> list[Entry]:
        """Return the derived files.

        Args:
            made: whether the command generated them. If not, they are assumed to be unchanged.
            read: returns the contents of a file, empty if it is absent.
        """
        return [
            source._replace(
                path=source.path + self._suffix,
                content=read((self._staged[source.path] if made else source.path) + self._suffix),
                source=source.path,
            )
            for source in self.sources
        ]


def _select(entries: Iterable[Entry], prefix: str, patterns: Sequence[str]) -> list[Entry]:
    files = {e.path[len(prefix) + 1 :]: e for e in entries if e.content is not None}
    found = {}
    for pattern in (relative(pattern, "derive") for pattern in patterns):
        matched = {name: entry for name, entry in files.items() if matches(pattern, name)}
        if not matched:
            raise ConfigTreeError(f'derive: "{pattern}" matches no file in the tree.')
        found.update(matched)
    return list(found.values())
