# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""config_tree on hosts in several states: a check predicts, a kill is undone, runs wait."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.stage import lock
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.transaction import (
    Transaction,
    recover,
)

from .config_tree_host import FILES, NOBODY, Host, contents, snapshot

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners, which takes root")


@pytest.fixture
def host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, capsys)


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
    assert "demo: the last run was killed; the next run first undoes it." in str(result["warnings"])
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
        assert result["msg"].startswith("Nothing of the tree demo was changed, because ")
        assert result["msg"].endswith(f"ended with code 3: {host.root}/etc/demo: bad")
        assert host.snapshot() == before
        assert "demo.staged" not in snapshot(host.state)


def test_replaces_a_link_and_not_what_it_leads_to(host: Host) -> None:
    link_in_place_of_file(host)
    result = host.run(FILES)
    assert host.snapshot()["srv/main.conf"][3] == b"elsewhere\n"
    assert host.snapshot()["etc/demo/main.conf"][3] == FILES["etc/demo/main.conf"]
    assert "symbolic link to ../../srv/main.conf" in json.dumps(result["diff"])
