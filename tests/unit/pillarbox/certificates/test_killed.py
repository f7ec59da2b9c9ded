# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL at each step: the pair in service is always published, and the next run completes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

from pillarbox.certificates.pair import digest, key_spki

from .chains import KEYS
from .host import ALGORITHMS, LINKS, PAIRS, Host

RING = {(slot): digest(key_spki(key)) for slot, key in KEYS.items()}
FILES = {".lock", "ring.json", *LINKS} | {
    f"{algorithm}{end}" for algorithm in ALGORITHMS for end in (".pem", "-current.key")
}
NEXT = {f"{algorithm}-next.key" for algorithm in ALGORITHMS}
PREVIOUS = {f"{algorithm}-previous.key" for algorithm in ALGORITHMS}


def kills(host: Host, *arguments: str, prepare: Callable[[], None] = lambda: None) -> Iterator[int]:
    """Kill a run at each step in turn. After each, the key in service is published."""
    host.config["services"] = {"demo.service": host.daemon.ports[:1]}
    moment = 0
    while True:
        host.reset()
        prepare()
        if host.run_until(moment, *arguments).status is not None:
            break
        assert_works(host)
        yield moment
        moment += 1
    assert moment > 10, "the steps were not counted"


def assert_works(host: Host) -> None:
    """Assert that senders accept what the daemons would load now."""
    assert set(host.why_unfit()) == {None}
    assert {digest(key_spki(pair)) for pair in host.pairs().values()} <= set(RING.values())


def assert_whole(host: Host, rolled: bool) -> None:
    """Assert that no temporary file is left, and that the ring matches what is served."""
    names = FILES | (PREVIOUS if rolled else NEXT)
    assert {path.name for path in host.tls.iterdir()} == names
    in_use, other = ("next", "current") if rolled else ("current", "next")
    for algorithm, pair in host.pairs().items():
        assert digest(key_spki(pair)) == RING[algorithm, in_use]
        assert host.keys()[algorithm, "current"] == RING[algorithm, in_use]
        assert host.keys()[algorithm, "previous" if rolled else "next"] == RING[algorithm, other]
    assert host.on_the_wire() == host.on_disk()


def test_a_renewal(host: Host) -> None:
    renewed = []
    for moment in kills(host, "renew", "--force"):
        assert host.run("renew").status == 0, moment
        assert_whole(host, rolled=False)
        renewed.append([host.pairs()[name] != PAIRS[name] for name in ALGORITHMS])
    assert [False, False] in renewed and [True, True] in renewed
    assert [True, False] not in renewed and [False, True] not in renewed


def test_a_roll(host: Host) -> None:
    rolled = []
    for moment in kills(host, "roll"):
        assert host.run("renew").status == 0, moment
        rolled.append("ecdsa-previous.key" in host.contents())
        assert_whole(host, rolled[-1])
        if not rolled[-1]:
            assert host.run("roll").status == 0
            assert_whole(host, rolled=True)
        assert host.memory["retired"].keys() == {RING[name, "current"] for name in ALGORITHMS}
    assert {False, True} == set(rolled)


def test_the_first_certificate_of_an_algorithm_that_was_added(host: Host) -> None:
    """The file in the daemons' configuration always exists."""

    def prepare() -> None:
        host.pair_file("rsa").write_bytes(b"")
        (host.tls / "last.pem").unlink()
        (host.tls / "last.pem").symlink_to("ecdsa.pem")

    added = []
    for moment in kills(host, "renew", prepare=prepare):
        added.append("rsa" in host.pairs())
        assert host.run("renew").status == 0, moment
        assert_whole(host, rolled=False)
    assert {False, True} == set(added)


def test_a_renewal_that_the_daemons_do_not_take(host: Host) -> None:
    """The daemons fail with the new pairs, and the run is killed while it restores the old ones."""
    takes = host.base / "takes"

    def prepare() -> None:
        shutil.rmtree(takes, ignore_errors=True)
        shutil.copytree(host.tls, takes)

    for moment in kills(host, "renew", "--force", prepare=prepare):
        assert host.run("renew").status in (0, 1), moment
        assert_whole(host, rolled=False)


def test_the_repair_of_a_killed_roll(host: Host) -> None:
    """A second kill, at each step of the recovery from the first."""
    killed = host.base / "killed"
    host.run_until(0, "roll", events={"subprocess.Popen"})
    shutil.copytree(host.tls, killed)
    assert not list(killed.glob("*.new")) and len(list(killed.glob("*.old"))) == 2

    def prepare() -> None:
        shutil.rmtree(host.tls)
        shutil.copytree(killed, host.tls)

    for moment in kills(host, "renew", prepare=prepare):
        assert host.run("renew").status == 0, moment
        assert_whole(host, rolled=True)
