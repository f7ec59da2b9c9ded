# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS servers and services other than BIND, each with zones for the tests.

A zone is a set of lines (name, TTL, type, value), read and written without the module.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.name
import dns.query
import dns.rdatatype
import dns.tsigkeyring
import dns.update
import dns.zone

LOOPBACK = "127.0.0.1"
KEY_NAME = "record-set."
SECRET = "c2VjcmV0IG9mIHRoZSByZWNvcmQgc2V0IGtleQ=="
Line = tuple[str, int, str, str]

# The contents of each zone before the mail server is added.
SEED: list[tuple[str, int, str, list[str]]] = [
    ("", 3600, "NS", ["ns1.example.net.", "ns2.example.net."]),
    ("", 3600, "A", ["192.0.2.1"]),
    ("", 300, "TXT", ["site-verification=abc; def", "v=spf1 include:_spf.example.net -all"]),
    ("mx", 600, "CAA", ['0 issue "ca.example.net"', '0 iodef "mailto:ca@example.org"']),
    ("www", 3600, "A", ["192.0.2.2"]),
    ("mx", 3600, "A", ["192.0.2.3"]),  # or BIND refuses an MX there
    ("google._domainkey", 3600, "TXT", ["v=DKIM1; k=rsa; p=Zm9yZWlnbg=="]),
    ("_dmarc", 900, "TXT", ["v=DMARC1; p=none"]),
]


@dataclass
class Service:
    """One zone: how to access it with the module, and with other programs."""

    zone: str
    arguments: dict[str, Any]
    lines: Callable[[], set[Line]]
    put: Callable[[str, int, str, list[str]], None]  # sets an RRset
    writes: Callable[[], int]  # number of write requests that the server has counted


def free_port() -> int:
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        port: int = one.getsockname()[1]
        return port


def program(name: str) -> str:
    """Return the path of a daemon; bin/test installs all of them."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert path, f"{name} is not installed"
    return path


@contextmanager
def process(command: list[str], log: Path, port: int, address: str = LOOPBACK) -> Iterator[None]:
    """Run *command*, wait until it accepts connections on *port*, and stop it afterwards."""
    with log.open("wb") as stream, subprocess.Popen(command, stdout=stream, stderr=stream) as child:
        try:
            deadline = time.monotonic() + 10
            while True:
                with suppress(OSError), socket.create_connection((address, port), 0.2):
                    break
                assert child.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            child.terminate()
            child.wait(10)


def transferred(zone: str, port: int, **key: Any) -> set[Line]:
    """Return the zone by AXFR, without its serial number."""
    transfer = dns.query.xfr(LOOPBACK, zone, port=port, relativize=False, timeout=3, **key)
    return {
        (name.to_text(), ttl, dns.rdatatype.to_text(rdata.rdtype), value_text(rdata))
        for name, ttl, rdata in dns.zone.from_xfr(transfer, relativize=False).iterate_rdatas()
    }


def value_text(rdata: Any) -> str:
    if rdata.rdtype == dns.rdatatype.TXT:
        return str(b"".join(rdata.strings).decode())
    if rdata.rdtype == dns.rdatatype.SOA:
        rdata = rdata.replace(serial=0)
    return str(rdata.to_text())


def zone_text(zone: str) -> str:
    """Return the zone before the mail server is added, as a zone file."""
    soa = "@ 3600 IN SOA ns1.example.net. hostmaster.example.org. 1 3600 3600 86400 60"
    lines = [
        f"{sub or '@'} {ttl} IN {rdtype} " + (f'"{value}"' if rdtype == "TXT" else value)
        for sub, ttl, rdtype, values in SEED
        for value in values
    ]
    return "\n".join([soa, *lines, ""])


def rfc2136_service(zone: str, port: int, writes: Callable[[], int]) -> Service:
    keyring = dns.tsigkeyring.from_text({KEY_NAME: ("hmac-sha256", SECRET)})

    def put(sub: str, ttl: int, rdtype: str, values: list[str]) -> None:
        update = dns.update.UpdateMessage(zone, keyring=keyring)
        texts = [f'"{value}"' if rdtype == "TXT" else value for value in values]
        update.replace(sub or "@", ttl, rdtype, *texts)
        assert dns.query.tcp(update, LOOPBACK, port=port, timeout=3).rcode() == 0

    arguments = {
        "provider": "rfc2136",
        "server": LOOPBACK,
        "port": port,
        "tsig_name": KEY_NAME,
        "tsig_secret": SECRET,
        "wait": False,
    }
    return Service(zone, arguments, lambda: transferred(zone, port, keyring=keyring), put, writes)


# Knot


@dataclass
class Knot:
    port: int
    zones: Iterator[str]
    configuration: Path

    def service(self) -> Service:
        return rfc2136_service(next(self.zones), self.port, self.updates)

    def updates(self) -> int:
        command = [program("knotc"), "-c", str(self.configuration), "stats", "mod-stats"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return sum(map(int, re.findall(r"server-operation\[update\] = (\d+)", done.stdout)))


@contextmanager
def knot(directory: Path, count: int) -> Iterator[Knot]:
    port = free_port()
    zones = [f"k{number}.example.org" for number in range(count)]
    for zone in zones:
        (directory / f"{zone}.zone").write_text(zone_text(zone))
    configuration = directory / "knot.conf"
    configuration.write_text(
        f"""\
server:
    rundir: {directory}
    listen: {LOOPBACK}@{port}
    background-workers: 1
    udp-workers: 1
    tcp-workers: 1
database:
    storage: {directory}
    journal-db-max-size: 10M
    kasp-db-max-size: 5M
    timer-db-max-size: 5M
log:
  - target: stderr
    any: warning
key:
  - id: {KEY_NAME}
    algorithm: hmac-sha256
    secret: {SECRET}
acl:
  - id: key
    key: {KEY_NAME}
    action: [update, transfer]
template:
  - id: default
    storage: {directory}
    zonefile-sync: -1
    journal-max-usage: 1M
    acl: key
    global-module: mod-stats
zone:
"""
        + "".join(f"  - domain: {zone}\n" for zone in zones)
    )
    command = [program("knotd"), "-c", str(configuration)]
    with process(command, directory / "log", port):
        deadline = time.monotonic() + 10
        query = dns.message.make_query(zones[-1], "SOA")
        while not dns.query.tcp(query, LOOPBACK, port=port, timeout=3).answer:
            assert time.monotonic() < deadline, (directory / "log").read_text()
            time.sleep(0.05)
        yield Knot(port, iter(zones), configuration)


def publish(provider, records):
    """Do what the module does; return whether it made changes."""
    plans = provider.plan(records)
    provider.apply(plans)
    return any(plan.changed for plan in plans)
