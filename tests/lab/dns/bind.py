# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A primary and a secondary BIND on loopback, with separate zones for each test."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import dns.flags
import dns.message
import dns.opcode
import dns.query
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.query import Server, tsig_key
from ansible_collections.pillarbox.mail.plugins.module_utils._providers.rfc2136 import Rfc2136

from tests.lab.dns.services import (
    KEY_NAME,
    LOOPBACK,
    SECRET,
    Service,
    free_port,
    program,
    rfc2136_service,
    zone_text,
)

ZONE_TEXT = """\
$TTL 3600
@ IN SOA ns1 hostmaster 1 3600 3600 86400 60
@ IN NS ns1
ns1 IN A 127.0.0.1
@ IN A 192.0.2.1
@ 300 IN TXT "site-verification=abc" "def"
@ 300 IN TXT "v=spf1 -all"
mx 600 IN CAA 0 issue "ca.example.net"
mx 600 IN CAA 128 issue "ca.example.org; accounturi=https://ca.example.org/1"
mx 600 IN CAA 0 iodef "mailto:ca@example.org"
_dmarc 900 IN TXT "v=DMARC1; " "p=none"
alias IN CNAME mx
*.wild IN TXT "v=spf1 -all"
*.wildalias IN CNAME mx
child IN NS ns.child
ns.child IN A 192.0.2.2
"""
SECONDED = ZONE_TEXT.replace("@ IN NS ns1", "@ IN NS ns2\nns2 IN A 127.0.0.1")

OPTIONS = """\
key "{key}" {{ algorithm hmac-sha256; secret "{secret}"; }};
key "powerless." {{ algorithm hmac-sha256; secret "{secret}"; }};
controls {{ }};
options {{
  directory "{directory}";
  pid-file none;
  session-keyfile none;
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
  empty-zones-enable no;
  minimal-responses {minimal};
  notify no;  // tests notify the secondary themselves
}};
"""
POOL = 40


@dataclass
class Bind:
    """The two servers. zone() and seconded_zone() return zones that no other test uses."""

    port: int
    secondary_port: int
    statistics_port: int
    process: subprocess.Popen[bytes]
    pool: Iterator[str]
    seconded: Iterator[str]
    plain: Iterator[str]

    def zone(self) -> str:
        return next(self.pool)

    def seconded_zone(self) -> str:
        return next(self.seconded)

    def service(self) -> Service:
        """Return a zone with the same contents as those on other servers."""
        return rfc2136_service(next(self.plain), self.port, self.updates)

    def updates(self) -> int:
        """Return the number of updates that the primary has received."""
        with urlopen(f"http://{LOOPBACK}:{self.statistics_port}/json/v1/server") as answer:
            return int(json.load(answer)["opcodes"]["UPDATE"])

    def provider(self, name: str = KEY_NAME, secret: str = SECRET, **more: Any) -> Rfc2136:
        key = tsig_key(name, secret, more.pop("algorithm", "hmac-sha256"))
        return Rfc2136(Server(LOOPBACK, LOOPBACK, self.port, key, timeout=3), **more)

    def seconded_provider(self) -> Rfc2136:
        return self.provider(secondaries_port=self.secondary_port)

    def notify(self, zone: str) -> None:
        """Notify the secondary that the zone has changed (RFC 1996)."""
        message = dns.message.make_query(zone, "SOA")
        message.set_opcode(dns.opcode.NOTIFY)
        message.flags |= dns.flags.AA
        dns.query.udp(message, LOOPBACK, port=self.secondary_port, timeout=3)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let the primary accept connections without answering."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def dig(self, name: str, rdtype: str, *options: str, port: int = 0) -> list[str]:
        """Return dig's answer: its lines, sorted, with white space normalised."""
        command = [
            "dig",
            f"@{LOOPBACK}",
            f"-p{port or self.port}",
            "+tcp",
            "+norec",
            "+noall",
            "+answer",
        ]
        done = subprocess.run(
            [*command, *options, name, rdtype], capture_output=True, text=True, check=True
        )
        return sorted(" ".join(line.split()) for line in done.stdout.splitlines())

    def zone_lines(self, zone: str) -> list[str]:
        """Return the whole zone except its SOA."""
        lines = self.dig(zone, "AXFR", "-y", f"hmac-sha256:{KEY_NAME}:{SECRET}")
        return [line for line in lines if " SOA " not in line and " TSIG " not in line]

    def nsupdate(self, zone: str, *commands: str) -> None:
        """Change the zone with nsupdate."""
        lines = [f"server {LOOPBACK} {self.port}", f"zone {zone}", *commands, "send\n"]
        command = ["nsupdate", "-v", "-y", f"hmac-sha256:{KEY_NAME}:{SECRET}"]
        subprocess.run(command, input="\n".join(lines), text=True, check=True, capture_output=True)


def _start(named: str, directory: Path, configuration: str) -> subprocess.Popen[bytes]:
    (directory / "named.conf").write_text(configuration)
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(
            [named, "-g", "-n", "1", "-c", str(directory / "named.conf")], stderr=log
        )


def _wait_for(server: subprocess.Popen[bytes], log: Path, text: bytes, times: int) -> None:
    deadline = time.monotonic() + 10
    while log.read_bytes().count(text) < times:
        assert server.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


@contextmanager
def bind(primary: Path, secondary: Path) -> Iterator[Bind]:
    named = program("named")
    port, secondary_port, statistics_port = free_port(), free_port(), free_port()
    pool = [f"z{number}.example.org" for number in range(POOL)]
    seconded = [f"s{number}.example.org" for number in range(6)]

    plain = [f"b{number}.example.org" for number in range(POOL)]
    texts = {zone: zone_text(zone) for zone in plain}
    texts |= {zone: ZONE_TEXT for zone in pool} | {zone: SECONDED for zone in seconded}
    for zone, text in texts.items():
        (primary / zone).write_text(text)
    (primary / "static.example.net").write_text(ZONE_TEXT)
    update = f'allow-update {{ key "{KEY_NAME}"; }};'
    zones = [f'zone "{zone}" {{ type primary; file "{zone}"; {update} }};' for zone in texts]
    zones += ['zone "static.example.net" { type primary; file "static.example.net"; };']
    allowed = f"port {statistics_port} allow {{ {LOOPBACK}; }}"
    zones += [f"statistics-channels {{ inet {LOOPBACK} {allowed}; }};"]
    copies = [
        f'zone "{zone}" {{ type secondary; primaries {{ {LOOPBACK} port {port}; }}; }};'
        for zone in seconded
    ]

    servers = []
    try:
        for directory, own_port, minimal, own_zones in (
            (primary, port, "no", zones),
            (secondary, secondary_port, "yes", copies),  # like Knot and NSD
        ):
            options = OPTIONS.format(
                key=KEY_NAME, secret=SECRET, directory=directory, port=own_port, minimal=minimal
            )
            servers.append(_start(named, directory, options + "\n".join(own_zones)))
            _wait_for(servers[-1], directory / "log", b"running\n", 1)
        _wait_for(servers[-1], secondary / "log", b"Transfer status: success", len(seconded))
        yield Bind(
            port,
            secondary_port,
            statistics_port,
            servers[0],
            iter(pool),
            iter(seconded),
            iter(plain),
        )
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait(10)
