# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An algorithm that is added to a host in service: its key waits, and no other does."""

from __future__ import annotations

import os

import pytest

from pillarbox.certificates.pair import digest, key_spki
from pillarbox.certificates.published import Answer

from .chains import KEYS
from .host import LINKS, PAIRS, Host
from .test_ring import answer


@pytest.fixture
def added(host: Host, published: list[Answer]) -> Host:
    """Return a host that has served only ECDSA, with the RSA keys in DNS for some time."""
    host.pair_file("rsa").unlink()
    (host.tls / "last.pem").unlink()
    (host.tls / "last.pem").symlink_to("ecdsa.pem")
    host.load()
    return host


def test_an_algorithm_that_is_added_waits_for_the_caches_and_the_next_run_serves_it(
    added: Host,
) -> None:
    for missing in (["rsa.pem"], []):
        predicted = added.run("renew", "--check").report
        assert predicted["missing"] == missing
        run = added.run("renew")
        assert run.report["due"] == {} and run.report["issued"] == []
        assert "senders may still have cached" in run.report["waiting"]["rsa"]
        # In that second.
        assert predicted.keys() == run.report.keys() and predicted["waiting"].keys() == {"rsa"}
    assert added.memory["failure"] is None
    # The file in the daemons' configuration exists.
    assert added.why_unfit() == [None]
    assert added.pair_file("rsa").read_bytes() == b""
    assert "may be served from" in added.run("status").out.splitlines()[2]

    added.let_time_pass()
    assert added.run("renew", "--check").report["due"] == {"rsa": "there is no certificate yet"}
    assert added.run("renew").report["issued"] == ["rsa"]
    assert added.why_unfit() == [None, None]
    assert added.on_the_wire() == added.on_disk()
    assert added.run("renew").report == {
        "due": {},
        "issued": [],
        "waiting": {},
        "warnings": [],
        "missing": [],
    }


def test_an_algorithm_in_the_place_of_another_waits_too(added: Host) -> None:
    added.config["algorithms"] = ["rsa"]
    assert added.run("renew").report["waiting"].keys() == {"rsa"}
    assert added.pairs()["rsa"] == PAIRS["ecdsa"]
    added.let_time_pass()
    assert added.run("renew").report["issued"] == ["rsa"]
    assert added.keys()["rsa", "current"] == digest(key_spki(added.pairs()["rsa"]))
    assert added.pairs()["ecdsa"] == PAIRS["ecdsa"]
    for link in LINKS:
        assert (added.tls / link).read_bytes() == added.pairs()["rsa"]


def test_an_algorithm_that_becomes_the_first_waits_behind_the_one_that_is_served(
    host: Host, published: list[Answer]
) -> None:
    host.pair_file("ecdsa").unlink()
    host.run("renew")
    for link in LINKS:
        assert (host.tls / link).read_bytes() == PAIRS["rsa"]
    assert host.pairs() == {"rsa": PAIRS["rsa"]} and host.why_unfit() == [None]
    host.let_time_pass()
    assert host.run("renew").report["issued"] == ["ecdsa"]
    assert (host.tls / "first.pem").read_bytes() == host.pairs()["ecdsa"]
    assert (host.tls / "last.pem").read_bytes() == host.pairs()["rsa"]


def test_a_check_knows_that_a_key_which_is_not_there_yet_will_wait(
    added: Host, published: list[Answer]
) -> None:
    added.key_file("rsa", "current").unlink()
    waiting = {"rsa": "the rsa key is published first"}
    assert added.run("renew", "--check").report["waiting"] == waiting
    # Without records no sender can have any.
    published.clear()
    assert added.run("renew", "--check").report["due"] == {"rsa": "its key does not exist yet"}


def test_a_new_key_that_the_name_servers_still_lack_after_a_day_needs_a_person(
    added: Host, published: list[Answer]
) -> None:
    published[:] = [answer(KEYS["ecdsa", "current"], KEYS["ecdsa", "next"])]
    assert "without the key" in added.run("renew").report["waiting"]["rsa"]
    made = added.key_file("rsa", "current")
    os.utime(made, (made.stat().st_mtime - 90000,) * 2)
    run = added.run("renew")
    assert run.status == 1 and "without the key" in run.err


def test_a_first_pair_that_the_daemons_do_not_take_gives_way_to_the_other_again(
    added: Host,
) -> None:
    added.run("renew")
    added.let_time_pass()
    (added.base / "fails").touch()
    assert added.run("renew").status == 1
    assert added.pairs() == {"ecdsa": PAIRS["ecdsa"]} and added.why_unfit() == [None]
    (added.base / "fails").unlink()
    assert added.run("renew").report["issued"] == ["rsa"]
