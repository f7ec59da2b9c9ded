# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are derived from others in the tree, such as Postfix's indexes."""

from __future__ import annotations

import gzip
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree import transaction
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.transaction import Step

from .config_tree_host import Host, snapshot

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners, which takes root")

TABLE = "etc/demo/users"
FILES = {"etc/demo/main.conf": b"users = gz:users\n", TABLE: b"alice open-sesame\n"}
PACKED = {"paths": ["etc/demo/u*"], "suffix": ".gz", "command": ["gzip", "-kn", "{}"]}
# The index of a changed table may be the same.
CONSTANT = "for table; do echo index >$table.gz; done"
SAME = {**PACKED, "command": ["sh", "-c", CONSTANT, "sh", "{}"]}


@pytest.fixture
def host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, capsys)


def test_a_derived_file_is_like_its_source_and_made_once(host: Host) -> None:
    options: dict[str, Any] = {
        "derive": PACKED,
        "paths": [{"path": TABLE, "group": "65534", "mode": "0640"}],
        "secret": [TABLE],
    }
    predicted = host.run(FILES, check=True, **options)
    result = host.run(FILES, **options)
    assert predicted == result
    assert str(host.root / f"{TABLE}.gz") in result["changed_paths"]
    mode, _uid, gid, content = host.snapshot()[f"{TABLE}.gz"]
    assert (stat.S_IMODE(mode), gid, gzip.decompress(content)) == (0o640, 65534, FILES[TABLE])
    assert "SHA-256" not in json.dumps(result)
    before = host.snapshot()
    assert not host.run(FILES, **options)["changed"]
    assert host.snapshot() == before


def test_a_derived_file_that_was_changed_is_made_again(host: Host) -> None:
    host.run(FILES, derive=PACKED)
    before = host.snapshot()
    host.write(f"{TABLE}.gz", b"damaged")
    assert host.run(FILES, derive=PACKED)["changed_paths"] == [str(host.root / f"{TABLE}.gz")]
    assert host.snapshot() == before


def test_a_derived_file_goes_when_it_is_made_no_more(host: Host) -> None:
    host.run(FILES, derive=PACKED)
    assert host.run(FILES)["removed_paths"] == [str(host.root / f"{TABLE}.gz")]
    assert f"{TABLE}.gz" not in host.snapshot()


def test_a_derived_file_is_never_older_than_its_source(host: Host) -> None:
    host.run(FILES, derive=SAME)
    for path in (TABLE, f"{TABLE}.gz"):
        os.utime(host.root / path, (0, 0))
    other = {**FILES, TABLE: b"# in other words\nalice open-sesame\n"}
    predicted = host.run(other, check=True, derive=SAME)
    assert host.run(other, derive=SAME) == predicted
    source, derived = ((host.root / path).stat() for path in (TABLE, f"{TABLE}.gz"))
    assert derived.st_mtime_ns >= source.st_mtime_ns


@pytest.mark.parametrize("command", [["no-such-program", "{}"], ["sh", "-c", "exit 1", "sh", "{}"]])
def test_check_mode_predicts_what_a_program_cannot_make_yet(host: Host, command: list[str]) -> None:
    """The program's package would be installed by a run."""
    predicted = host.run(FILES, check=True, derive={**PACKED, "command": command})
    done = host.run(FILES, derive=PACKED)
    assert predicted["changed_paths"] == done["changed_paths"]
    again = host.run(FILES, check=True, derive={**PACKED, "command": command})
    assert not again["changed"]


def test_a_program_that_fails_changes_nothing(host: Host) -> None:
    noisy = ["sh", "-c", 'cat "$0" >&2; echo bad >&2; exit 3', "{}"]
    result = host.run(FILES, derive={**PACKED, "command": noisy}, secret=[TABLE])
    assert result["msg"].startswith("Nothing of the tree demo was changed, because ")
    assert result["msg"].endswith("bad")
    assert "sesame" not in json.dumps(result)
    assert host.snapshot() == {}


def test_refuses_to_derive_from_what_is_not_there(host: Host) -> None:
    result = host.run(FILES, derive={**PACKED, "paths": ["etc/demo/groups"]})
    assert result["msg"] == 'derive: "etc/demo/groups" matches no file in the tree.'


def test_whoever_reads_in_between_finds_what_the_configuration_names(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Change from a plain table to an index and back: Postfix may start processes at any moment."""
    plain = {**FILES, "etc/demo/main.conf": b"users = plain:users\n"}
    states = []
    real = transaction._swap

    def watched(step: Step) -> None:
        real(step)
        files = snapshot(host.root / "etc/demo")
        states.append((files["main.conf"][3], "users.gz" in files))

    host.run(plain)
    monkeypatch.setattr(transaction, "_swap", watched)
    host.run(FILES, derive=PACKED)
    host.run(plain)
    named = b"users = gz:users\n"
    assert {main for main, _there in states} == {named, plain["etc/demo/main.conf"]}
    assert (named, False) not in states
