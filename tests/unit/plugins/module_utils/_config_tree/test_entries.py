# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.entries import (
    ConfigTreeError,
    Entry,
    build_entries,
    matches,
    pack,
    parse_mode,
    redact,
    relative,
    show,
    unpack,
)

OPTIONS: dict[str, Any] = {
    "dest": "/",
    "owner": "root",
    "group": "root",
    "mode": "0644",
    "directory_mode": "0755",
    "paths": [],
    "secret": [],
}


def entries_of(*paths: str, **options: Any) -> dict[str, Entry]:
    entries = build_entries(dict.fromkeys(paths, b""), {**OPTIONS, **options})
    return {entry.path: entry for entry in entries}


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("etc/dovecot/users", "etc/dovecot/users", True),
        ("etc/dovecot/users", "etc/dovecot/users.bak", False),
        ("etc/dovecot/user", "etc/dovecot/users", False),
        ("etc/*", "etc/passwd", True),
        ("etc/*", "etc/acme.sh/account.conf", False),
        ("etc/**", "etc/acme.sh/account.conf", True),
        ("etc/**/*.key", "etc/a/b/c.key", True),
        ("etc/**/*.key", "etc/c.key", True),
        ("**/users", "etc/dovecot/users", True),
        ("etc/?.conf", "etc/a.conf", True),
        ("etc/?.conf", "etc/ab.conf", False),
        ("etc/a.conf", "etc/abconf", False),
        ("etc/[ab].conf", "etc/a.conf", False),
    ],
)
def test_a_glob_stays_within_a_directory(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


@pytest.mark.parametrize("path", ["", "/", "/etc/passwd", "../x", "etc/../../x", "etc//x", "./x"])
def test_refuses_a_path_that_leaves_dest(path: str) -> None:
    with pytest.raises(ConfigTreeError, match="not a path below dest"):
        relative(path, "overlay")


@pytest.mark.parametrize("option", ["src", "paths", "secret"])
def test_refuses_an_escape_in_every_option(option: str) -> None:
    options = {"paths": [{"path": "../x"}]} if option == "paths" else {"secret": ["../x"]}
    with pytest.raises(ConfigTreeError, match=f'^{option}: "../x" is not a path below dest'):
        entries_of("../x" if option == "src" else "x", **({} if option == "src" else options))


@pytest.mark.parametrize(
    ("mode", "bits"), [("0644", 0o644), ("0600", 0o600), ("02750", 0o2750), ("00750", 0o750)]
)
def test_reads_an_octal_mode(mode: str, bits: int) -> None:
    assert parse_mode(mode, "mode") == bits


@pytest.mark.parametrize("mode", ["420", "644", "0o644", "u=rw", "0888", ""])
def test_refuses_a_mode_that_may_be_a_decimal_number(mode: str) -> None:
    with pytest.raises(ConfigTreeError, match='quoted octal number such as "0640"'):
        parse_mode(mode, "mode")


def test_the_tree_is_the_same_after_its_transfer() -> None:
    files = {"etc/a": b"", "etc/b/ä": bytes(range(256)) * 99}
    assert unpack(pack(files)) == files
    assert pack(files).isascii()


def test_directories_come_before_what_is_in_them() -> None:
    assert list(entries_of("b/c/d", "a", dest="/srv")) == [
        "/srv",
        "/srv/b",
        "/srv/b/c",
        "/srv/a",
        "/srv/b/c/d",
    ]


def test_later_rules_win_attribute_by_attribute() -> None:
    entries = entries_of(
        "etc/a",
        "etc/b",
        paths=[
            {"path": "etc/*", "owner": None, "group": "mail", "mode": "0640"},
            {"path": "etc/a", "owner": "nobody", "group": None, "mode": "0600"},
        ],
    )
    assert entries["/etc/a"][2:5] == ("nobody", "mail", 0o600)
    assert entries["/etc/b"][2:5] == ("root", "mail", 0o640)


def test_a_directory_takes_only_the_rules_that_name_it() -> None:
    entries = entries_of(
        "etc/acme/keys/a",
        paths=[{"path": "etc/**", "mode": "0640"}, {"path": "etc/acme/", "mode": "0700"}],
    )
    assert entries["/etc"].fixed == frozenset()
    assert (entries["/etc/acme"].mode, entries["/etc/acme"].fixed) == (0o700, frozenset({"mode"}))
    assert entries["/etc/acme/keys"].mode == 0o755
    assert entries["/etc/acme/keys/a"].mode == 0o640


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"paths": [{"path": "etc/dovecot/user", "mode": "0600"}]}, "paths"),
        ({"secret": ["etc/dovecot/user"]}, "secret"),
        ({"secret": ["etc/dovecot"]}, "secret"),
    ],
)
def test_a_pattern_that_protects_nothing_is_an_error(options: Any, option: str) -> None:
    with pytest.raises(ConfigTreeError, match=f'^{option}: "etc/.*" matches nothing in the tree'):
        entries_of("etc/dovecot/users", **options)


SECRET = b'alice:{PLAIN}correct-horse-battery\nkey = "mailserver2026secret" # no server\n'
PUBLIC = b"server = mailserver.example.org\n"


@pytest.mark.parametrize(
    ("line", "is_hidden"),
    [
        ("Fatal: unknown field correct-horse-battery", True),
        ("Fatal: near 'correct-'...", True),
        ("unexpected mailserver2026secret", True),
        ("unexpected mailserver20...", True),
        ("no server mailserver.example.org in /etc/main.conf line 3", False),
        ("/etc/users line 2: syntax error", False),
    ],
)
def test_hides_lines_that_quote_a_secret_file(line: str, is_hidden: bool) -> None:
    files = {"etc/users": SECRET, "etc/main.conf": PUBLIC}
    entries = build_entries(files, {**OPTIONS, "secret": ["etc/users"]})
    first, second = redact(f"\nfirst\n{line}\n", entries).splitlines()
    assert first == "first"
    assert second == ("(a line that quotes a secret file is hidden)" if is_hidden else line)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\0b"])
def test_shows_a_digest_instead_of_binary_contents(content: bytes) -> None:
    assert show(content).startswith(f"(binary, {len(content)} bytes, SHA-256 ")
