# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host for "pillarbox certificates" in a directory, with a daemon of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dns.resolver
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pillarbox.certificates import gate, pair, sources, swap
from pillarbox.certificates.published import Answer

from .chains import KEYS
from .host import Daemon, Host
from .nameserver import NameServer
from .test_ring import answer
from .web_host import WebHost


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Serves TLS on two ports, on the second after STARTTLS."""
    loaded = tmp_path_factory.mktemp("loaded")
    command = [sys.executable, str(Path(__file__).with_name("daemon.py")), str(loaded)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            ports = [int(word) for word in process.stdout.readline().split()]
            yield Daemon(loaded, ports)
        finally:
            process.terminate()


@pytest.fixture
def host(tmp_path: Path, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Return a host with both algorithms, which serves the current keys with own certificates."""
    monkeypatch.setattr(swap, "STARTTLS", (daemon.ports[1],))
    monkeypatch.setattr(swap, "RELOADED_WITHIN", 0)
    # Checking that the numbers of an RSA key are primes takes 0.1 s.
    quick = partial(load_pem_private_key, unsafe_skip_rsa_key_validation=True)
    for module in (pair, sources):
        monkeypatch.setattr(module, "load_pem_private_key", quick)
    return Host(tmp_path, daemon, monkeypatch)


@pytest.fixture
def published(host: Host, monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """Return the answers of the name servers, as after a run of site.yml."""
    host.config["tlsa_ports"] = [25]
    answers = [answer(*KEYS.values())]

    def ask(host: str, ports: list[int]) -> list[Answer]:
        return answers if ports else []

    monkeypatch.setattr(gate, "published", ask)
    return answers


@pytest.fixture
def nameserver(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """Become the host's resolver."""
    server = NameServer()
    monkeypatch.setattr(dns.resolver, "default_resolver", server.resolver())
    yield server
    server.stop()


@pytest.fixture
def web_host(host: Host, nameserver: NameServer, monkeypatch: pytest.MonkeyPatch) -> WebHost:
    """Return a host with the web names of one domain, which have no certificate yet."""
    return WebHost(host, nameserver, monkeypatch)
