# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For bin/bench soak: hundreds of renewals and rollovers with faults at random steps.

The program, the name server and the daemon's TLS are real; the CA and the daemon's reload are
stand-ins. Pytest runs it when it is named, by SOAK_RENEWALS, SOAK_ROLLS and SOAK_SEED.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.query
import dns.resolver
import dns.update
import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.key_ring import Slot, plan
from cryptography.hazmat.primitives.asymmetric import rsa

from pillarbox.certificates.pair import digest, key_spki, leaf_of, validity
from pillarbox.certificates.ring import now

from ...paths import PROGRAM
from .chains import KEYS, new_key, pem
from .host import ALGORITHMS, Host, Run

RENEWALS, ROLLS, SEED = (
    int(os.environ.get(f"SOAK_{name}", default))
    for name, default in (("RENEWALS", 1000), ("ROLLS", 50), ("SEED", 1))
)
# Longer than a few runs take, so that some are too early.
TTL = 5
HOLD = 2 * TTL
LIVES = (90, 45, 6)
LOOPBACK = "127.0.0.1"
ZONE = """\
$TTL 300
@ SOA ns1 hostmaster 1 3600 3600 86400 60
@ NS ns1
ns1 A 127.0.0.1
mx A 192.0.2.1
"""
NAMED = """\
controls {{ }};
options {{
  directory "{directory}"; pid-file none; session-keyfile none; recursion no; dnssec-validation no;
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
}};
zone "example.org" {{ type primary; file "zone"; allow-update {{ 127.0.0.1; }}; }};
"""
# Signs according to its mode; see the callers.
ACME = """\
#!/bin/sh
while [ $# -gt 1 ]; do
    case $1 in --cert-home) home=$2;; --csr) csr=$2;; esac
    shift
done
read mode days <{base}/ca
mkdir "$home/mx"
exec >"$home/mx/fullchain.cer"
case $mode in
refuses) exit 1 ;;
nonsense) echo nonsense ;;
other-key) openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout /dev/null \\
    -subj /CN=mx -addext subjectAltName=DNS:mx.example.org -days $days ;;
*) openssl x509 -req -in "$csr" -CA {base}/ca.pem -CAkey {base}/ca.key -days $days \\
    -copy_extensions copy 2>/dev/null && cat {base}/ca.pem ;;
esac
"""


@pytest.fixture
def bind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, Any]]:
    """Start a name server that the host's program queries; yield its port and process."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    directory = tmp_path / "named"
    directory.mkdir()
    (directory / "zone").write_text(ZONE)
    (directory / "conf").write_text(NAMED.format(directory=directory, port=port))
    named = shutil.which("named", path=f"{os.environ['PATH']}:/usr/sbin")
    assert named, "named is not installed (Debian: bind9)"
    command = [named, "-g", "-n", "1", "-c", str(directory / "conf")]
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [LOOPBACK], port
    resolver.lifetime = 0.3
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    ask: Any = dns.query.udp_with_fallback
    monkeypatch.setattr(
        dns.query,
        "udp_with_fallback",
        lambda query, where, timeout: ask(query, where, timeout, port),
    )
    monkeypatch.setattr("pillarbox.certificates.published.TIMEOUT", 0.3)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, port)) == 0:
                    break
            time.sleep(0.05)
        yield port, server
        server.terminate()


class Site:
    """Do what site.yml does with the keys: apply its own plan, and publish the records."""

    def __init__(self, host: Host, port: int) -> None:
        self.host = host
        self.port = port
        # Generating RSA keys takes time, so a few are reused after many rollovers.
        pool = [pem(rsa.generate_private_key(65537, 2048)) for number in range(8)]
        self.rsa = itertools.cycle(pool)
        self.shown: set[str] = set()

    def run(self) -> None:
        retired = self.host.memory.get("retired", {}) if self._remembers() else {}
        keys: dict[Slot, str] = self.host.keys()
        todo = plan(keys, ALGORITHMS, retired, HOLD, now())
        for algorithm, role in todo.make:
            key = new_key() if algorithm == "ecdsa" else next(self.rsa)
            self.host.key_file(algorithm, role).write_bytes(key)
        if self._remembers():
            self.host.memory = {**self.host.memory, "retired": todo.retired}
        for slot in todo.drop:
            self.host.key_file(*slot).unlink()
        self.publish([self.host.key_file(*slot).read_bytes() for slot in todo.publish])

    def _remembers(self) -> bool:
        return (self.host.tls / "ring.json").exists()

    def publish(self, keys: list[bytes]) -> None:
        records = {f"3 1 {kind} {digest(key_spki(key), kind)}" for key in keys for kind in (1, 2)}
        if records == self.shown:
            return
        update = dns.update.UpdateMessage("example.org")
        update.delete("_25._tcp.mx", "TLSA")
        for record in records:
            update.add("_25._tcp.mx", TTL, "TLSA", record)
        assert dns.query.tcp(update, LOOPBACK, 5, port=self.port).rcode() == 0
        self.shown = records


def faults(host: Host, server: Any, chance: random.Random) -> dict[str, Callable[..., Run]]:
    """Ways for a run to fail, by name; each undoes what it did."""

    def touched(name: str) -> Callable[..., Run]:
        def run(*arguments: str) -> Run:
            (host.base / name).touch()
            try:
                return host.run(*arguments)
            finally:
                (host.base / name).unlink()

        return run

    def by_ca(mode: str) -> Callable[..., Run]:
        def run(*arguments: str) -> Run:
            order(host, mode, 90)
            return host.run(*arguments)

        return run

    def without_dns(*arguments: str) -> Run:
        server.send_signal(signal.SIGSTOP)
        try:
            return host.run(*arguments)
        finally:
            server.send_signal(signal.SIGCONT)

    return {
        "killed": lambda *arguments: host.run_until(chance.randrange(60), *arguments),
        "killed while it puts back": lambda *arguments: killed_with(host, chance, *arguments),
        "full disk": lambda *arguments: host.run_on_full_disk(chance.randrange(8), *arguments),
        "daemon does not reload": touched("fails"),
        "daemon keeps the old pair": touched("deaf"),
        "CA refuses": by_ca("refuses"),
        "CA answers nonsense": by_ca("nonsense"),
        "CA signs another key": by_ca("other-key"),
        "name server down": without_dns,
    }


def killed_with(host: Host, chance: random.Random, *arguments: str) -> Run:
    (host.base / "deaf").touch()
    try:
        return host.run_until(chance.randrange(20, 80), *arguments)
    finally:
        (host.base / "deaf").unlink()


def order(host: Host, mode: str, days: int) -> None:
    """Set how the CA signs, and for how long."""
    (host.base / "ca").write_text(f"{mode} {days}\n")


def prepare(host: Host) -> None:
    host.config |= {
        "source": "acme",
        "issuer": "https://localhost:9/directory",
        "server": "https://localhost:9/directory",
        "tlsa_ports": [25],
    }
    acme = host.base / "bin/acme.sh"
    acme.write_text(ACME.format(base=host.base))
    acme.chmod(0o755)
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 365 -subj /CN=CA"
    files = ["-keyout", str(host.base / "ca.key"), "-out", str(host.base / "ca.pem")]
    subprocess.run(["openssl", *request.split(), *files], check=True, capture_output=True)


def recovered(host: Host) -> None:
    """Check that the next run completes the last one without intervention."""
    order(host, "signs", 90)
    deadline = time.monotonic() + 30
    while (run := host.run("renew")).status != 0:
        assert time.monotonic() < deadline, run.err
        time.sleep(0.2)
    assert host.why_unfit() == [None, None]
    assert host.on_the_wire() == host.on_disk()
    assert not [name for name in host.contents() if name.endswith((".old", ".new"))]


@pytest.mark.filterwarnings("default")
def test_soak(host: Host, bind: tuple[int, Any], capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(SEED)
    port, server = bind
    prepare(host)
    site = Site(host, port)
    site.publish(list(KEYS.values()))
    watch = Path(__file__).with_name("watch.py")
    command = [sys.executable, str(watch), str(port), str(TTL)]
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM)}
    started, counts, broken = time.monotonic(), Counter[str](), faults(host, server, chance)
    rolled = False
    command += [str(each) for each in host.daemon.ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as watcher:
        while counts["renewals"] < RENEWALS or counts["rolls"] < ROLLS:
            site.run()
            # Once more right after a rollover, when senders cannot have the next keys.
            rolls = rolled or counts["rolls"] < ROLLS * counts["renewals"] / RENEWALS
            name = chance.choice([*broken, *["none"] * len(broken)])
            arguments = ("roll",) if rolls else ("renew", "--force")
            days = chance.choice(LIVES)
            order(host, "signs", days)
            before = host.keys()["ecdsa", "current"]
            run = broken.get(name, host.run)(*arguments)
            counts[name] += 1
            counts["killed runs"] += run.status is None
            counts["failed runs"] += run.status == 1
            counts["rolls refused"] += run.status == 3
            if name == "none" and not rolls:
                assert run.status == 0, run.err
                lives = [end - begin for begin, end in lives_of(host)]
                assert {life.days for life in lives} == {days}
            recovered(host)
            counts["renewals"] += not rolls
            rolled = host.keys()["ecdsa", "current"] != before
            counts["rolls"] += rolled
        watcher.terminate()
        assert watcher.stdout
        *outside, figures = watcher.stdout.read().splitlines()
    samples, silent = figures.split()
    minutes = (time.monotonic() - started) / 60
    done = f"{counts.pop('renewals')} renewals and {counts.pop('rolls')} rolls"
    of_runs = ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
    with capsys.disabled():
        print(
            f"\nsoak            {done} in {minutes:.1f} min, seed {SEED}: {samples} samples,"
            f" {len(outside)} outside of the published TLSA set, {silent} without an answer"
            f"\n                {of_runs}"
        )
    assert outside == [] and int(samples) > RENEWALS


def lives_of(host: Host) -> list[Any]:
    return [validity(leaf_of(pair)) for pair in host.pairs().values()]
