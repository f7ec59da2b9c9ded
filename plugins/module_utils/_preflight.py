# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bare host says of itself, with nothing but Python 3.9.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import errno
import json
import os
import re
import socket
from ipaddress import ip_address
from pathlib import Path

# For each version of IP, an address of a root name server, to which nothing is sent.
FAMILIES = {4: (socket.AF_INET, "198.41.0.4"), 6: (socket.AF_INET6, "2001:503:ba3e::2:30")}
# The host does not have this version of IP, or only within its network.
NO_ROUTE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETUNREACH)
# Seconds to connect, and to greet.
PATIENCE = 5.0


def versions(protocols: str) -> list[int]:
    """Return the versions of IP in a value of Postfix's inet_protocols."""
    return [one for one in FAMILIES if "all" in protocols or f"ipv{one}" in protocols]


def source_of(version: int, preferred: list[str]) -> str:
    """Return the address from which the host would send; empty if there is no route."""
    for address in preferred:
        if ip_address(address).version == version:
            return address
    family, there = FAMILIES[version]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((there, 53))
            source: str = probe.getsockname()[0]
            return source
    # Also if the kernel has no IPv6.
    except OSError:
        return ""


def greeting(server: str, version: int, source: str, port: int = 25) -> tuple[str, str]:
    """Return what happens at port 25 of a server, and the words for it.

    It "greets" or "answers" something else, it is "closed", or there is "no route"; it is "unknown"
    if the server cannot be looked up.
    """
    family = FAMILIES[version][0]
    try:
        found = socket.getaddrinfo(server, port, family, socket.SOCK_STREAM)
    except OSError as error:
        return "unknown", error.strerror or str(error)
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            if source:
                connection.bind((source, 0))
            connection.connect(found[0][4])
            line = connection.makefile("rb").readline(512).decode(errors="replace").strip()
            connection.sendall(b"QUIT\r\n")
    # Networks that close port 25 mostly drop the packets. That the server itself does not answer is
    # ruled out by asking several.
    except TimeoutError:
        return "closed", f"no answer in {PATIENCE:.0f} s"
    except OSError as error:
        state = "no route" if error.errno in NO_ROUTE else "closed"
        return state, error.strerror or str(error)
    return ("greets" if line.startswith("220") else "answers"), line or "closes the connection"


def greetings(servers: list[str], version: int, source: str) -> list[dict[str, str]]:
    """Return what happens at port 25 of each server, up to the first that greets."""
    seen = []
    for server in servers:
        state, text = greeting(server, version, source)
        seen.append({"server": server, "state": state, "text": text})
        if state == "greets":
            break
    return seen


def global_addresses(printed: str) -> list[str]:
    """Return the addresses in the output of ip -json address show, without those that change."""
    return [
        address["local"]
        for interface in (json.loads(printed) if printed else [])
        for address in interface.get("addr_info", [])
        if address.get("scope") == "global" and not address.get("temporary")
    ]


def loopback(hosts: str, name: str) -> list[str]:
    """Return the loopback addresses of a name in the text of /etc/hosts (hosts(5))."""
    lines = [line.partition("#")[0].lower().split() for line in hosts.splitlines()]
    return [
        line[0]
        for line in lines
        if name in line[1:] and (line[0].startswith("127.") or line[0] == "::1")
    ]


def memory(meminfo: str) -> int:
    """Return the bytes of memory in the text of /proc/meminfo; 0 if it does not say."""
    found = re.search(r"^MemTotal: +(\d+) kB", meminfo, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def free(paths: list[str]) -> dict[str, int]:
    """Return the bytes that are free at each path, one for each file system.

    Of a path that does not exist yet, its parent counts.
    """
    found: dict[int, tuple[str, int]] = {}
    for path in map(Path, paths):
        here = next(one for one in (path, *path.parents) if one.exists())
        state = os.statvfs(here)
        found.setdefault(here.stat().st_dev, (str(path), state.f_bavail * state.f_frsize))
    return dict(found.values())
