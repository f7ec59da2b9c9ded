# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real transactions on real files; they need root to change owners."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.entries import pack
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.stage import lock
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.transaction import (
    Transaction,
    recover,
)
from ansible_collections.pillarbox.mail.plugins.modules import config_tree

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners, which takes root")

NOBODY = 65534
FILES = {"etc/demo/main.conf": b"colour = red\n", "etc/demo/conf.d/users": b"alice:open-sesame\n"}

Snapshot = dict[str, tuple[int, int, int, bytes]]


class Host:
    """A directory that stands in for the file system of a host."""

    def __init__(self, base: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = base / "root"
        self.state = base / "state"
        self.root.mkdir()
        self._capsys = capsys

    def run(self, files: Mapping[str, bytes], check: bool = False, **options: Any) -> Any:
        """Run the module; return its result."""
        args = {
            "src": "tree",
            "name": "demo",
            "dest": str(self.root),
            "state_dir": str(self.state),
            "_archive": pack(files),
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            **options,
        }
        with patch_module_args(args), pytest.raises(SystemExit):
            config_tree.main()
        return json.loads(self._capsys.readouterr().out)

    def write(
        self, path: str, content: bytes, uid: int = 0, gid: int = 0, mode: int = 0o644
    ) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        os.chown(target, uid, gid)
        target.chmod(mode)
        return target

    def snapshot(self) -> Snapshot:
        return snapshot(self.root)


def snapshot(root: Path) -> Snapshot:
    """Return mode (with type), owner, group and contents of everything below root."""
    result = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content = b""
        if path.is_symlink():
            content = os.readlink(path).encode()
        elif path.is_file():
            content = path.read_bytes()
        name = str(path.relative_to(root))
        result[name] = (status.st_mode, status.st_uid, status.st_gid, content)
    return result


def contents(files: Snapshot) -> dict[str, bytes]:
    return {path: entry[3] for path, entry in files.items() if stat.S_ISREG(entry[0])}


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


def fresh(host: Host) -> None: ...


def changed_contents(host: Host) -> None:
    host.run({**FILES, "etc/demo/main.conf": b"colour = blue\n"})


def changed_attributes(host: Host) -> None:
    host.run(FILES)
    os.chown(host.root / "etc/demo/main.conf", NOBODY, 0)
    (host.root / "etc/demo/conf.d/users").chmod(0o600)


def dropped_files(host: Host) -> None:
    host.run({**FILES, "etc/old.d/a/b": b"", "etc/demo/old.conf": b"old\n"})


def unmanaged_file(host: Host) -> None:
    host.write("etc/demo/main.conf", b"by hand\n", uid=NOBODY, mode=0o600)


def link_in_place_of_file(host: Host) -> None:
    host.write("srv/main.conf", b"elsewhere\n")
    (host.root / "etc/demo").mkdir(parents=True)
    (host.root / "etc/demo/main.conf").symlink_to("../../srv/main.conf")


SCENES = [
    fresh,
    changed_contents,
    changed_attributes,
    dropped_files,
    unmanaged_file,
    link_in_place_of_file,
]


@pytest.mark.parametrize("scene", SCENES)
def test_check_mode_predicts_the_run(host: Host, scene: Callable[[Host], None]) -> None:
    scene(host)
    before, state = host.snapshot(), snapshot(host.state)
    predicted = host.run(FILES, check=True)
    assert (host.snapshot(), snapshot(host.state)) == (before, state)
    done = host.run(FILES)
    assert done["changed"]
    assert predicted == done
    assert not host.run(FILES, check=True)["changed"]


@pytest.mark.parametrize("scene", SCENES)
def test_a_failing_check_changes_nothing_and_fails_again(
    host: Host, scene: Callable[[Host], None]
) -> None:
    scene(host)
    before = host.snapshot()
    for check in (False, True, False):
        result = host.run(
            FILES, check, validate=[["true"], ["sh", "-c", "echo %s/etc/demo: bad >&2; exit 3"]]
        )
        assert result["failed"]
        assert result["msg"].startswith("Nothing was changed, because ")
        assert result["msg"].endswith(f"ended with code 3: {host.root}/etc/demo: bad")
        assert host.snapshot() == before
        assert "demo.staged" not in snapshot(host.state)


def test_a_killed_run_is_undone_at_whatever_moment(host: Host) -> None:
    """Kill the run before the n-th system call that changes something, for every n."""
    old = {"etc/demo/main.conf": b"colour = blue\n", "etc/old.d/gone": b"gone\n"}
    moments = 0
    while True:
        for path in [*host.root.iterdir(), *host.state.glob("*")]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        host.run(old)
        host.write("etc/demo/conf.d/users", b"by hand\n", mode=0o600)
        before = host.snapshot()
        died = run_until(host, moments)
        if not died:
            break
        moments += 1
        recover(str(host.state / "demo.journal"))
        recovered = host.snapshot()
        assert recovered == before or contents(recovered) == FILES, moments
        result = host.run(FILES)
        assert result["changed"] is (recovered == before)
        assert contents(host.snapshot()) == FILES
        assert {path.name for path in host.state.iterdir()} == {
            "demo.json",
            "demo.orig",
            "demo.pending",
        }
        original = host.state / f"demo.orig{host.root}/etc/demo/conf.d/users"
        assert original.read_bytes() == b"by hand\n"
    assert moments > 40, "the calls were not counted"


def run_until(host: Host, moment: int) -> bool:
    """Run in a child that is killed at the given call; return whether it got there."""
    child = os.fork()
    if child == 0:
        countdown = iter(range(moment))

        def dying(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                if next(countdown, None) is None:
                    os._exit(9)
                return real(*args, **kwargs)

            return call

        def commit(transaction: Transaction, real: Any = Transaction.commit) -> None:
            for name in [
                "mkdir",
                "rmdir",
                "link",
                "unlink",
                "replace",
                "fchown",
                "fchmod",
                "fsync",
            ]:
                setattr(os, name, dying(getattr(os, name)))
            real(transaction)

        pytest.MonkeyPatch().setattr(Transaction, "commit", commit)
        try:
            host.run(FILES)
        finally:
            os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


def test_check_mode_tells_of_a_killed_run_and_leaves_it(host: Host) -> None:
    assert run_until(host, 20)
    before = (host.snapshot(), snapshot(host.state))
    result = host.run(FILES, check=True)
    assert "demo: the last run was killed; the next first undoes it." in str(result["warnings"])
    assert (host.snapshot(), snapshot(host.state)) == before


def test_what_fails_half_way_is_put_back(host: Host) -> None:
    """The check creates a directory in the way during the run, as another program might."""
    host.run({**FILES, "etc/demo/main.conf": b"colour = blue\n", "etc/demo/z": b"old"})
    before = host.snapshot()
    z = host.root / "etc/demo/z"
    result = host.run(
        {**FILES, "etc/demo/new/file": b"new", "etc/demo/z": b"new"},
        validate=[["sh", "-c", f"rm {z}; mkdir {z}"]],
    )
    assert result["failed"]
    assert result["msg"].startswith(f"Could not change {z}: ")
    assert result["msg"].endswith("; everything already changed was put back.")
    z.rmdir()
    del before["etc/demo/z"]
    assert host.snapshot() == before
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


def test_replaces_a_link_and_not_what_it_leads_to(host: Host) -> None:
    link_in_place_of_file(host)
    result = host.run(FILES)
    assert host.snapshot()["srv/main.conf"][3] == b"elsewhere\n"
    assert host.snapshot()["etc/demo/main.conf"][3] == FILES["etc/demo/main.conf"]
    assert "symbolic link to ../../srv/main.conf" in json.dumps(result["diff"])


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


def test_a_run_waits_for_the_other_one(host: Host) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with lock(str(host.state), create=True):
            os.write(writer, b"locked")
            time.sleep(0.3)
            (host.root / "other-run-ended").touch()
        os._exit(0)
    os.read(reader, 6)
    result = host.run(FILES, validate=[["test", "-e", f"{host.root}/other-run-ended"]])
    os.waitpid(child, 0)
    assert result["changed"]


def test_stale_staging_is_removed(host: Host) -> None:
    host.run(FILES)
    (host.state / "demo.staged/etc/demo").mkdir(parents=True)
    (host.state / "demo.staged/etc/demo/conf.d").symlink_to(host.root / "etc/demo/conf.d")
    assert not host.run(FILES, validate=[["test", "!", "-e", "%s/stale"]])["changed"]
    assert snapshot(host.state).keys() == {"demo.json", "demo.pending"}
    assert "etc/demo/conf.d/users" in host.snapshot()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "../x"}, "name: it must be made of"),
        ({"dest": "etc"}, 'dest: "etc" is not an absolute path'),
        ({"overlay": ["../x"]}, 'overlay: "../x" is not a path below dest'),
        ({"mode": "420"}, 'mode of .*: "420" is not a mode'),
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
