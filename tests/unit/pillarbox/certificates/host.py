# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail host in a directory: the program in a child that can be killed, and a real daemon.

The daemon's reload is a stand-in: a systemctl that hands it the pairs, or fails to.
"""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Set
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pillarbox.certificates import command
from pillarbox.certificates.pair import digest, key_spki, leaf_of, why_unfit
from pillarbox.certificates.ring import now
from pillarbox.certificates.swap import certificate_at

from .chains import KEYS, NAMES, certificate

ALGORITHMS = ["ecdsa", "rsa"]
LINKS = ("first.pem", "last.pem")
# The first certificates, valid for two months.
PAIRS = {name: KEYS[name, "current"] + certificate(KEYS[name, "current"]) for name in ALGORITHMS}
# Calls that Python reports beforehand (see sys.addaudithook), and fsync(2).
EVENTS = frozenset({
    "os.chmod", "os.fsync", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "socket.connect", "subprocess.Popen",
})  # fmt: skip

SYSTEMCTL = """\
#!/bin/sh
# try-reload-or-restart for a daemon that loads the pairs of {tls}.
echo "$@" >>{base}/calls
[ ! -e {base}/fails ] || exit 1
[ ! -e {base}/deaf ] || exit 0
rm -f {loaded}/*
for pair in ecdsa.pem rsa.pem; do
    [ ! -e {base}/takes ] || cmp -s {tls}/$pair {base}/takes/$pair || exit 0
done
for pair in ecdsa.pem rsa.pem; do
    [ ! -s {tls}/$pair ] || cp {tls}/$pair {loaded}/
done
"""


@dataclass
class Daemon:
    """The daemon of daemon.py: the directory of what it has loaded, and its ports."""

    loaded: Path
    ports: list[int]


@dataclass
class Run:
    """How a run ended; status is None if it was killed."""

    status: int | None
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.out)
        return report


class Host:
    """The host, with the means to run the program on it."""

    def __init__(self, base: Path, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
        self.base = base
        self.daemon = daemon
        self.tls = base / "tls"
        self.config: dict[str, Any] = {
            "names": list(NAMES),
            "algorithms": ALGORITHMS,
            "tls_dir": str(self.tls),
            "tlsa_ports": [],
            "renew_days": 30,
            "services": {"demo.service": daemon.ports},
            "source": "self_signed",
            "issuer": "self_signed",
            "chains": {},
            "server": "https://ca.example/directory",
            "ca_bundle": "",
            "challenge": ["--standalone"],
            "patience": 30,
            "acme_home": str(base / "acme.sh"),
            "environment": {},
        }
        systemctl = base / "bin/systemctl"
        systemctl.parent.mkdir()
        systemctl.write_text(SYSTEMCTL.format(base=base, tls=self.tls, loaded=daemon.loaded))
        systemctl.chmod(0o755)
        monkeypatch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
        self.reset()

    def reset(self) -> None:
        """Reset the host: the current keys are served, and no run was killed."""
        shutil.rmtree(self.tls, ignore_errors=True)
        self.tls.mkdir(0o700)
        for (algorithm, role), key in KEYS.items():
            self.key_file(algorithm, role).write_bytes(key)
        for algorithm, pair in PAIRS.items():
            self.pair_file(algorithm).write_bytes(pair)
        for link, algorithm in zip(LINKS, ALGORITHMS, strict=True):
            (self.tls / link).symlink_to(f"{algorithm}.pem")
        self.load()

    def load(self) -> None:
        """Have the daemon load the present files, as at boot."""
        for path in self.daemon.loaded.iterdir():
            path.unlink()
        for algorithm in ALGORITHMS:
            if self.pair_file(algorithm).exists() and self.pair_file(algorithm).stat().st_size:
                shutil.copy(self.pair_file(algorithm), self.daemon.loaded)

    def key_file(self, algorithm: str, role: str) -> Path:
        return self.tls / f"{algorithm}-{role}.key"

    def pair_file(self, algorithm: str) -> Path:
        return self.tls / f"{algorithm}.pem"

    @property
    def memory(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.tls / "ring.json").read_text())
        return content

    @memory.setter
    def memory(self, content: dict[str, Any]) -> None:
        (self.tls / "ring.json").write_text(json.dumps(content))

    def let_time_pass(self) -> None:
        """Date the records of all keys two hours back."""
        earlier = (now() - timedelta(seconds=7201)).isoformat()
        self.memory = {**self.memory, "seen": dict.fromkeys(self.memory["seen"], earlier)}

    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.tls.iterdir()}

    def pairs(self) -> dict[str, bytes]:
        """Return the files in service; that of an algorithm that waits is empty."""
        files = {algorithm: self.pair_file(algorithm).read_bytes() for algorithm in ALGORITHMS}
        return {algorithm: pair for algorithm, pair in files.items() if pair}

    def keys(self) -> dict[tuple[str, str], str]:
        """Return the digest of each key in the ring."""
        return {
            (algorithm, role): digest(key_spki(self.key_file(algorithm, role).read_bytes()))
            for algorithm in ALGORITHMS
            for role in ("current", "next", "previous")
            if self.key_file(algorithm, role).exists()
        }

    def why_unfit(self) -> list[str | None]:
        """Return what is wrong with the pair in each served file; it must be nothing."""
        served = self.pairs().values()
        if served:
            # nginx requires a pair in each.
            assert all((self.tls / link).read_bytes() in served for link in LINKS)
            # Postfix does not accept two pairs of one kind.
            assert len({key_type(pair) for pair in served}) == len(served)
        return [why_unfit(pair, pair, list(NAMES)) for pair in served]

    def on_the_wire(self) -> list[dict[str, bytes]]:
        """Return the certificates that clients of each port get."""
        return [
            {each: certificate_at(port, each, NAMES[0]) for each in self.pairs()}
            for port in self.daemon.ports
        ]

    def on_disk(self) -> list[dict[str, bytes]]:
        """Return what these would be if the daemon served what is in the files."""
        leaves = {
            name: leaf_of(pair).public_bytes(Encoding.DER) for name, pair in self.pairs().items()
        }
        return [leaves] * len(self.daemon.ports)

    def run(self, *arguments: str, before: Callable[[], None] = lambda: None) -> Run:
        """Run the program, in a child that first calls something."""
        config, result = self.base / "acme_sh.json", self.base / "result"
        config.write_text(json.dumps(self.config))
        result.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            out, err = io.StringIO(), io.StringIO()
            status: int | None = -1
            try:
                # Created beforehand, since only the program is to meet a full disk.
                with result.open("w") as file, redirect_stdout(out), redirect_stderr(err):
                    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
                    try:
                        before()
                        status = command.main(["--config", str(config), *arguments])
                    except BaseException:
                        traceback.print_exc()
                    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
                    json.dump([status, out.getvalue(), err.getvalue()], file)
            finally:
                os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == -signal.SIGKILL:
            return Run(None, "", "")
        assert code == 0
        run = Run(*json.loads(result.read_text()))
        assert run.status != -1, run.err
        return run

    def run_until(self, moment: int, *arguments: str, events: Set[str] = EVENTS) -> Run:
        """Run it with a SIGKILL before the n-th call that changes or contacts anything."""
        return self.run(*arguments, before=lambda: count_calls(moment, events))

    def run_on_full_disk(self, moment: int, *arguments: str) -> Run:
        """Run it with a disk that is full from the n-th fsync(2) on."""
        return self.run(*arguments, before=lambda: fill_disk(moment))


def key_type(pair: bytes) -> str:
    return type(leaf_of(pair).public_key()).__name__


def patch_fsync(before: Callable[[], None]) -> None:
    real: Any = os.fsync

    def fsync(fd: Any) -> None:
        before()
        real(fd)

    os.fsync = fsync


def fill_disk(moment: int) -> None:
    """Simulate a full disk from the n-th fsync(2) of this process on."""
    countdown = iter(range(moment))

    def fill() -> None:
        if next(countdown, None) is None:
            raise OSError(28, "No space left on device")

    patch_fsync(fill)


def count_calls(moment: int, events: Set[str]) -> None:
    """Kill this process before its n-th call of these."""
    countdown = iter(range(moment))

    def count() -> None:
        if next(countdown, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, _arguments: tuple[Any, ...]) -> None:
        if event in events:
            count()

    if "os.fsync" in events:
        patch_fsync(count)
    sys.addaudithook(hook)
