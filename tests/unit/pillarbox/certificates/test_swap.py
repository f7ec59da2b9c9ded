# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Daemons that reject the new pairs, and a full disk."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable

import pytest

from pillarbox.certificates.swap import certificate_at

from .chains import KEYS, NAMES, OTHER_KEY, certificate
from .host import ALGORITHMS, LINKS, PAIRS, Host

Trouble = Callable[[Host], None]


def test_sees_the_certificate_of_each_algorithm_with_and_without_starttls(host: Host) -> None:
    assert host.on_the_wire() == host.on_disk()
    for port in host.daemon.ports:
        ecdsa, rsa = (certificate_at(port, each, NAMES[0]) for each in ALGORITHMS)
        assert ecdsa != rsa


def test_nothing_is_seen_where_nothing_is_served(host: Host) -> None:
    (host.daemon.loaded / "rsa.pem").unlink()
    for port in host.daemon.ports:
        certificate_at(port, "ecdsa", NAMES[0])
        with pytest.raises(OSError, match="handshake failure"):
            certificate_at(port, "rsa", NAMES[0])


@pytest.mark.parametrize("command", [("renew", "--force"), ("roll",)])
def test_what_is_new_is_served_at_once(host: Host, command: tuple[str, ...]) -> None:
    assert host.run(*command).status == 0
    assert host.pairs()["ecdsa"] != PAIRS["ecdsa"]
    assert host.on_the_wire() == host.on_disk()
    assert (host.base / "calls").read_text() == "try-reload-or-restart demo.service\n"


def goes_on_with_the_old(host: Host) -> None:
    (host.base / "deaf").touch()


def breaks_with_the_new(host: Host) -> None:
    shutil.copytree(host.tls, host.base / "takes")


def cannot_be_reloaded(host: Host) -> None:
    (host.base / "fails").touch()


@pytest.mark.parametrize("command", [("renew", "--force"), ("roll",)])
@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (goes_on_with_the_old, "with the new ecdsa certificate, another certificate is served on"),
        (breaks_with_the_new, "with the new ecdsa certificate, there is no answer ("),
        (cannot_be_reloaded, "demo.service could not be reloaded; see systemctl status"),
    ],
)
def test_the_former_pairs_are_back_when_the_daemon_does_not_serve_the_new(
    host: Host, trouble: Trouble, reason: str, command: tuple[str, ...]
) -> None:
    trouble(host)
    keys = host.keys()
    run = host.run(*command)
    assert run.status == 1
    assert run.err.startswith(reason)
    if trouble is not cannot_be_reloaded:
        assert run.err.endswith("; the former certificate is back in service\n")
    assert host.memory["failure"]["why"] == run.err.rstrip("\n")
    assert host.pairs() == PAIRS
    assert host.keys() == keys
    assert host.on_the_wire() == host.on_disk()

    # Once it is fixed, the next run completes, and clears the failure.
    for name in ("deaf", "fails"):
        (host.base / name).unlink(missing_ok=True)
    shutil.rmtree(host.base / "takes", ignore_errors=True)
    assert host.run(*command).status == 0
    assert host.memory["failure"] is None
    assert host.pairs()["ecdsa"] != PAIRS["ecdsa"]
    assert host.on_the_wire() == host.on_disk()
    assert [name for name in host.contents() if name.endswith((".new", ".old"))] == []


def test_a_daemon_that_is_down_does_not_hold_up_a_renewal(host: Host) -> None:
    host.config["services"]["other.service"] = [1]
    assert host.run("renew", "--force").status == 0
    assert host.on_the_wire() == host.on_disk()


def test_a_daemon_that_serves_somebody_elses_certificate_does_not_either(host: Host) -> None:
    # Like a daemon with Debian's configuration; a reload does not change that.
    for algorithm, key in (("ecdsa", OTHER_KEY), ("rsa", KEYS["rsa", "next"])):
        (host.daemon.loaded / f"{algorithm}.pem").write_bytes(key + certificate(key))
        host.key_file(algorithm, "next").unlink()
    foreign = host.on_the_wire()
    goes_on_with_the_old(host)
    assert host.run("renew", "--force").status == 0
    assert host.pairs()["rsa"] != PAIRS["rsa"] and host.on_the_wire() == foreign


def test_a_daemon_that_serves_a_pair_whose_key_is_lost_is_watched_still(host: Host) -> None:
    host.key_file("ecdsa", "current").write_bytes(OTHER_KEY)
    goes_on_with_the_old(host)
    run = host.run("renew")
    assert run.status == 1
    assert run.err.endswith("; the former certificate is back in service\n")


def test_a_key_that_nobody_needs_may_be_broken(host: Host) -> None:
    host.key_file("rsa", "previous").touch()
    assert host.run("renew", "--force").status == 0
    assert host.on_the_wire() == host.on_disk()


def test_a_new_host_serves_nothing_when_its_first_pairs_do_not_work(host: Host) -> None:
    for algorithm in ALGORITHMS:
        host.pair_file(algorithm).unlink()
    for link in LINKS:
        (host.tls / link).unlink()
    before = set(host.contents())
    cannot_be_reloaded(host)
    assert host.run("renew").status == 1
    assert {name for name in host.contents() if name.endswith(".pem")} == set()
    (host.base / "fails").unlink()
    assert host.run("renew").status == 0
    served = {"ecdsa.pem", "rsa.pem", *LINKS}
    assert set(host.contents()) == before | served | {".lock", "ring.json"}


@pytest.mark.parametrize("command", [("renew", "--force"), ("roll",)])
def test_on_a_full_disk_mail_goes_on(host: Host, command: tuple[str, ...]) -> None:
    """The disk is full from the n-th write on, for every n; then there is space again."""
    moment = 0
    while True:
        host.reset()
        run = host.run_on_full_disk(moment, *command)
        if run.status == 0:
            break
        assert run.status == 1
        assert "No space left on device" in run.err
        assert host.why_unfit() == [None, None]
        assert host.run("renew").status == 0
        assert [name for name in host.contents() if name.endswith((".new", ".old"))] == []
        assert host.on_the_wire() == host.on_disk()
        assert len(host.keys()) == 4, "a key was lost"
        moment += 1
    assert moment >= 5


@pytest.mark.parametrize("size", [0, 300, 1000, 2000])
def test_a_file_that_cannot_grow_leaves_what_was_served(host: Host, size: int) -> None:
    """write(2) itself fails: as on a full disk, but with EFBIG."""

    def limit() -> None:
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        )

    run = host.run("renew", "--force", before=limit)
    assert run.status == 1
    assert "File too large" in run.err
    assert host.pairs() == PAIRS
    assert host.run("renew", "--force").status == 0
    assert host.on_the_wire() == host.on_disk()
    for algorithm in ALGORITHMS:
        assert host.pair_file(algorithm).read_bytes().startswith(KEYS[algorithm, "current"])
