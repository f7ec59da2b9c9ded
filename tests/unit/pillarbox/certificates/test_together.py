# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that renew the ring and the certificates of web names: neither fails the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pillarbox.certificates import command, sources

from .chains import authority, issued
from .nameserver import BROKEN
from .web_host import MX, WebHost


def test_a_failure_of_the_ring_changes_nothing_for_web_names(
    web_host: WebHost,
) -> None:
    web_host.host.key_file("rsa", "current").unlink()
    web_host.host.config["services"] = {}
    run = web_host.renew(mail=True)
    assert run.status == 1 and "is missing; run site.yml" in run.err
    assert run.report["issued"] == ["example.org"]
    # Shortly afterwards the timer leaves out the mail certificates, but not the others.
    web_host.add("z.example")
    run = web_host.renew("--scheduled", mail=True)
    assert run.status == 0 and run.out.startswith("the last run failed; the next retries after ")
    assert web_host.names("z.example") != set()


def test_nor_does_a_failure_of_web_names_change_anything_for_the_ring(web_host: WebHost) -> None:
    del web_host.resolver.table["mx.example.org"]
    web_host.host.config |= {"source": "self_signed", "issuer": "self_signed"}
    before = web_host.host.pairs()
    assert web_host.renew("--force", mail=True).status == 0
    assert web_host.host.pairs() != before


def test_another_run_goes_first_only_when_the_ring_does_not_change(
    web_host: WebHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    web_host.add("a.example", "b.example", "c.example", "d.example")
    web_host.host.config["algorithms"] = ["rsa"]

    @contextmanager
    def locked(_directory: str) -> Iterator[Callable[[], None]]:
        def give_way() -> None:
            with web_host.written.open("a") as events:
                print("another run", file=events)

        yield give_way

    every_site = threading.Event()

    def sign(algorithm: str, key: bytes, config: dict[str, Any]) -> bytes:
        if config["names"][0] == MX:
            assert every_site.wait(10)
            with web_host.written.open("a") as events:
                print("the ring", file=events)
            return issued(key, names=config["names"]) + authority()
        chain = web_host.sign(algorithm, key, config)
        if len(web_host.orders()) >= len(web_host.sites):
            every_site.set()
        return chain

    monkeypatch.setattr(command, "locked", locked)
    monkeypatch.setattr(sources, "_acme", sign)
    assert web_host.renew("--force", mail=True).status == 0
    assert len(web_host.orders()) == len(web_host.sites) + 1
    assert web_host.orders()[-1] == "the ring"
    assert web_host.renew("--force").status == 0
    assert web_host.orders().count("another run") == 1


def test_if_only_the_web_names_fail_the_exit_status_says_so(web_host: WebHost) -> None:
    web_host.resolver.table["mx.example.org"] = [BROKEN]
    web_host.host.config |= {"algorithms": []}
    run = web_host.renew(mail=True)
    assert (run.status, run.report["issued"]) == (4, [])
    assert run.err.startswith("mx.example.org cannot be looked up: ")
