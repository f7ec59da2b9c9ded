# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils import _preflight
from ansible_collections.pillarbox.mail.plugins.module_utils._listeners import listeners


@contextmanager
def server(said: bytes) -> Iterator[int]:
    """Greet one client at a port of loopback."""

    def greet() -> None:
        connection, _client = listening.accept()
        with connection:
            connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=greet)
        thread.start()
        yield int(listening.getsockname()[1])
        thread.join()


@pytest.mark.parametrize(
    ("said", "state", "text"),
    [
        (b"220 mx.example.net ESMTP\r\n", "greets", "220 mx.example.net ESMTP"),
        (b"554 5.7.1 go away\r\n", "answers", "554 5.7.1 go away"),
        (b"", "answers", "closes the connection"),
    ],
)
def test_a_server_greets_or_says_something_else(said: bytes, state: str, text: str) -> None:
    with server(said) as port:
        assert _preflight.greeting("127.0.0.1", 4, "127.0.0.1", port) == (state, text)


def test_a_port_is_closed_if_it_refuses_or_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_preflight, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert _preflight.greeting("127.0.0.1", 4, "127.0.0.1", port)[0] == "closed"
    assert _preflight.greeting("127.0.0.1", 4, "127.0.0.1", port) == (
        "closed",
        "Connection refused",
    )


def test_a_host_without_this_version_of_ip_has_no_route() -> None:
    assert _preflight.greeting("2001:db8::1", 6, "2001:db8::25")[0] == "no route"


def test_a_server_without_an_address_of_this_version_says_nothing() -> None:
    assert _preflight.greeting("127.0.0.1", 6, "::1")[0] == "unknown"


def test_the_first_server_that_greets_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {"a": ("closed", "no"), "b": ("greets", "220"), "c": ("greets", "220")}
    monkeypatch.setattr(_preflight, "greeting", lambda server, version, source: seen[server])
    tried = _preflight.greetings(["a", "b", "c"], 4, "192.0.2.25")
    assert [one["server"] for one in tried] == ["a", "b"]


def test_a_source_address_in_the_settings_comes_first() -> None:
    assert _preflight.source_of(6, ["192.0.2.25", "2001:db8::25"]) == "2001:db8::25"


def test_only_the_versions_of_ip_that_postfix_uses_count() -> None:
    assert _preflight.versions("all") == [4, 6]
    assert _preflight.versions("ipv6") == [6]
    assert _preflight.versions("ipv4, ipv6") == [4, 6]


def test_addresses_that_others_may_use_are_those_of_global_scope_that_stay() -> None:
    found = [
        {"local": "127.0.0.1", "scope": "host"},
        {"local": "192.0.2.25", "scope": "global"},
        {"local": "fe80::1", "scope": "link"},
        {"local": "2001:db8::25", "scope": "global"},
        {"local": "2001:db8::dead", "scope": "global", "temporary": True},
    ]
    printed = json.dumps([{"ifname": "eth0", "addr_info": found}, {"ifname": "eth1"}])
    assert _preflight.global_addresses(printed) == ["192.0.2.25", "2001:db8::25"]
    assert _preflight.global_addresses("") == []


HOSTS = """127.0.0.1 localhost
127.0.1.1\tMX.example.org mx # by the installer
::1 mx.example.org
192.0.2.25 mx.example.org
# 127.0.0.2 mx.example.org
"""


def test_the_loopback_addresses_of_a_name_are_found_in_etc_hosts() -> None:
    assert _preflight.loopback(HOSTS, "mx.example.org") == ["127.0.1.1", "::1"]
    assert _preflight.loopback(HOSTS, "mx.example.net") == []


def test_the_size_of_memory_is_read() -> None:
    assert _preflight.memory("MemTotal:        1000 kB\nMemFree: 1 kB\n") == 1024000
    assert _preflight.memory("") == 0


def test_each_file_system_counts_once_even_if_the_directory_does_not_exist(tmp_path: Path) -> None:
    [(path, size)] = _preflight.free([str(tmp_path), str(tmp_path / "var/vmail")]).items()
    assert path == str(tmp_path) and size > 0


def test_a_socket_is_named_by_its_program_unless_that_is_ours() -> None:
    lines = """\
LISTEN 0 100 0.0.0.0:25 0.0.0.0:* users:(("smtpd",pid=7,fd=6),("master",pid=1,fd=13))
LISTEN 0 100 [::1]:25 [::]:* users:(("exim4",pid=9,fd=4))
LISTEN 0 5 *:993 *:*
LISTEN 0 5 127.0.0.1:993 0.0.0.0:*
"""
    assert listeners(lines, '"master"') == [
        {"port": 25, "program": "exim4"},
        {"port": 993, "program": "another program"},
    ]
