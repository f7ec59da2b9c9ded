# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real transactions on real files; they need root to change owners."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree import pending

from .config_tree_host import FILES, NOBODY, Host, contents, snapshot

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners, which takes root")


@pytest.fixture
def host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, capsys)


def test_installs_the_tree_once(host: Host) -> None:
    rules = [{"path": "etc/demo/conf.d/*", "owner": "nobody", "group": "65534", "mode": "0600"}]
    result = host.run(FILES, paths=rules, directory_mode="0750")
    assert result["changed_paths"] == [
        str(host.root / path) for path in ["etc", "etc/demo", "etc/demo/conf.d", *sorted(FILES)]
    ]
    assert host.snapshot() == {
        "etc": (stat.S_IFDIR | 0o750, 0, 0, b""),
        "etc/demo": (stat.S_IFDIR | 0o750, 0, 0, b""),
        "etc/demo/conf.d": (stat.S_IFDIR | 0o750, 0, 0, b""),
        "etc/demo/conf.d/users": (
            stat.S_IFREG | 0o600, NOBODY, NOBODY, FILES["etc/demo/conf.d/users"]
        ),
        "etc/demo/main.conf": (stat.S_IFREG | 0o644, 0, 0, FILES["etc/demo/main.conf"]),
    }  # fmt: skip
    inode = (host.root / "etc/demo/main.conf").stat().st_ino
    again = host.run(FILES, paths=rules, directory_mode="0750")
    assert (again["changed"], again["changed_paths"], again["diff"]) == (False, [], [])
    assert (host.root / "etc/demo/main.conf").stat().st_ino == inode
    assert snapshot(host.state).keys() == {"demo.json", "demo.pending"}


@pytest.mark.parametrize("kind", ["directory", "pipe"])
def test_refuses_to_replace_what_is_no_file(host: Host, kind: str) -> None:
    target = host.root / "etc/demo/main.conf"
    target.parent.mkdir(parents=True)
    target.mkdir() if kind == "directory" else os.mkfifo(target)
    before = host.snapshot()
    for check in (True, False):
        result = host.run(FILES, check)
        assert "is a file in the tree, but a directory or a special file" in result["msg"]
        assert host.snapshot() == before


def test_refuses_a_file_in_place_of_a_directory(host: Host) -> None:
    host.write("etc/demo", b"")
    assert "is a directory in the tree, but not on the host" in host.run(FILES)["msg"]


def test_removes_what_it_no_longer_renders(host: Host) -> None:
    host.write("etc/by-hand.conf", b"")
    host.run({**FILES, "etc/old.d/a/b": b"", "etc/mixed.d/ours": b""})
    host.write("etc/mixed.d/theirs", b"")
    kept = host.run(FILES, prune=False)
    assert (kept["changed"], kept["removed_paths"]) == (False, [])
    result = host.run(FILES)
    assert result["removed_paths"] == [
        str(host.root / path)
        for path in ["etc/mixed.d/ours", "etc/old.d", "etc/old.d/a", "etc/old.d/a/b"]
    ]
    assert {"etc/mixed.d/theirs", "etc/by-hand.conf"} < host.snapshot().keys()
    assert "etc/old.d" not in host.snapshot()
    (host.root / "etc/mixed.d/theirs").unlink()
    assert host.run(FILES)["removed_paths"] == [str(host.root / "etc/mixed.d")]


def test_keeps_the_file_from_before_once(host: Host) -> None:
    added = {**FILES, "etc/demo/added": b"by us\n"}
    host.write("etc/demo/main.conf", b"by hand\n", mode=0o666)
    host.write("etc/demo/conf.d/users", FILES["etc/demo/conf.d/users"])
    for files in (added, added, {"etc/demo/added": b"by us\n"}, added):
        host.run(files)
        host.write("etc/demo/main.conf", b"edited later\n")
        host.write("etc/demo/added", b"edited later\n")
    kept = snapshot(host.state / "demo.orig")
    assert contents(kept) == {str(host.root / "etc/demo/main.conf")[1:]: b"by hand\n"}
    assert {entry[0] for entry in kept.values()} == {stat.S_IFREG | 0o600, stat.S_IFDIR | 0o700}
    assert (host.state / "demo.orig").stat().st_mode & 0o7777 == 0o700


def test_secrets_show_nowhere(host: Host) -> None:
    secret = ["etc/demo/conf.d/users"]
    noisy = [["sh", "-c", "cat %s/etc/demo/conf.d/users >&2; exit 1"]]
    other = {**FILES, "etc/demo/conf.d/users": b"alice:better-secret\n"}
    results = [
        host.run(FILES, check=True, secret=secret),
        host.run(FILES, secret=secret),
        host.run(other, secret=secret, validate=noisy),
        host.run(other, secret=secret),
        host.run({"etc/demo/main.conf": b""}),  # pruned when it is no longer listed as a secret
    ]
    assert [bool(result.get("changed")) for result in results] == [True, True, False, True, True]
    for word in ("sesame", "better", "_archive"):
        assert word not in json.dumps(results)
    path = str(host.root / "etc/demo/conf.d/users")
    headers = {
        "before_header": f"{path} (root:root 0644)",
        "after_header": f"{path} (root:root 0644)",
    }
    assert results[3]["diff"] == [
        {"before": "(contents hidden)\n", "after": "(contents hidden, changed)\n", **headers}
    ]
    assert "colour = red" in json.dumps(results)


def test_a_change_of_attributes_is_a_change(host: Host) -> None:
    host.run(FILES)
    result = host.run(
        FILES, paths=[{"path": "etc/demo/main.conf", "group": "nogroup", "mode": "0640"}]
    )
    path = str(host.root / "etc/demo/main.conf")
    assert result["changed_paths"] == [path]
    assert (result["diff"][0]["before"], result["diff"][0]["after"]) == (
        "root:root 0644\n",
        "root:nogroup 0640\n",
    )


def test_leaves_existing_directories_alone_unless_named(host: Host) -> None:
    (host.root / "etc").mkdir(mode=0o700)
    (host.root / "etc/demo").mkdir(mode=0o711)
    os.chown(host.root / "etc/demo", NOBODY, NOBODY)
    result = host.run(FILES, paths=[{"path": "etc/demo", "mode": "0750"}])
    assert str(host.root / "etc") not in result["changed_paths"]
    assert host.snapshot()["etc"][0] & 0o7777 == 0o700
    assert host.snapshot()["etc/demo"][:3] == (stat.S_IFDIR | 0o750, NOBODY, NOBODY)


@pytest.mark.parametrize("option", ["owner", "group"])
def test_a_missing_user_is_an_error_but_not_in_check_mode(host: Host, option: str) -> None:
    unknown: dict[str, Any] = {option: "no-such-name"}
    assert host.run(FILES, check=True, **unknown)["changed"]
    message = host.run(FILES, **unknown)["msg"]
    assert message.startswith(f"{option} of {host.root}/etc: ")
    assert '"no-such-name" does not exist on this host' in message
    assert host.snapshot() == {}


def test_a_missing_checker_is_an_error_but_not_in_check_mode(host: Host) -> None:
    assert host.run(FILES, check=True, validate=[["no-such-program"]])["changed"]
    message = host.run(FILES, validate=[["no-such-program"]])["msg"]
    assert message == 'validate: the program "no-such-program" is not installed on this host.'


def test_follows_a_linked_directory_only_if_root_made_the_link(host: Host) -> None:
    (host.root / "srv/demo").mkdir(parents=True)
    (host.root / "etc").mkdir()
    link = host.root / "etc/demo"
    link.symlink_to("../srv/demo")
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    assert "does not belong to root" in host.run(FILES)["msg"]
    assert "srv/demo/main.conf" not in host.snapshot()
    os.chown(link, 0, 0, follow_symlinks=False)
    assert host.run(FILES)["changed"]
    assert host.snapshot()["srv/demo/main.conf"][3] == FILES["etc/demo/main.conf"]
    assert not host.run(FILES)["changed"]


def test_checkers_see_the_whole_set_as_it_will_be(host: Host) -> None:
    host.run({**FILES, "etc/demo/dropped.conf": b""})
    host.write("etc/demo/package.conf", b"from the package\n")
    host.write("etc/demo/main.conf", b"edited\n")
    (host.root / "etc/demo/link").symlink_to("package.conf")
    seen = host.root / "seen"
    rules = [{"path": "etc/demo/conf.d/users", "owner": "nobody", "mode": "0600"}]
    copy = ["sh", "-c", f"cp -a %s {seen}"]
    host.run(FILES, overlay=["etc/demo", "etc/absent"], paths=rules, validate=[copy])
    assert snapshot(seen) == {
        path: entry
        for path, entry in host.snapshot().items()
        if not path.startswith("seen")
    }  # fmt: skip
    assert {"etc/demo/package.conf", "etc/demo/link"} < snapshot(seen).keys()


def test_checkers_run_again_until_the_tree_is_in_place_and_loaded(host: Host) -> None:
    fails: dict[str, Any] = {"validate": [["false"]]}
    host.run(FILES)
    for check in (True, False):
        assert host.run(FILES, check, **fails)["failed"], "its daemon has not loaded it"
    pending.clear(str(host.state), "demo")
    for check in (True, False):
        assert not host.run(FILES, check, **fails)["changed"]
    host.write("etc/demo/main.conf", b"edited\n")
    assert host.run(FILES, **fails)["failed"]


def test_staging_never_writes_through_a_link(host: Host) -> None:
    host.run({**FILES, "etc/demo/linked/a": b"old", "etc/demo/linked/b": b"old"})
    (host.root / "srv").mkdir()
    (host.root / "etc/demo/linked").rename(host.root / "srv/linked")
    (host.root / "etc/demo/linked").symlink_to(host.root / "srv/linked")
    host.write("srv/users", b"live\n")
    (host.root / "etc/demo/conf.d/users").unlink()
    (host.root / "etc/demo/conf.d/users").symlink_to(host.root / "srv/users")
    before = host.snapshot()
    for files in ({**FILES, "etc/demo/linked/a": b"new"}, FILES):
        result = host.run(files, overlay=["etc/demo"], validate=[["false"]])
        assert result["failed"]
        assert host.snapshot() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "../x"}, 'name: "../x" must be made of'),
        ({"dest": "etc"}, 'demo: dest: "etc" is not an absolute path'),
        ({"overlay": ["../x"]}, 'overlay: "../x" is not a path below dest'),
        ({"mode": "420"}, 'demo: mode of .*: "420" is not a mode'),
        ({"validate": [[]]}, 'validate: the program "" is not installed'),
    ],
)
def test_refuses_options_that_make_no_sense(host: Host, options: Any, message: str) -> None:
    result = host.run(FILES, **options)
    assert re.match(message, result["msg"])
    assert host.snapshot() == {}


def test_says_what_to_do_about_a_damaged_manifest(host: Host) -> None:
    host.run(FILES)
    (host.state / "demo.json").write_text("{")
    result = host.run(FILES)
    assert f"{host.state}/demo.json is damaged" in result["msg"]
    assert "remove it" in result["msg"]
