# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run restic (restic(1)), 0.14 of Debian 12 and later.

restic 0.14 has only the exit codes 0, 1 and 3, so most failures are recognized by what it prints,
which 0.18 prints too.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from errno import ENOENT
from typing import Any, NamedTuple

from pillarbox import Failure
from pillarbox.backup.settings import KNOWN_HOSTS, SSH_KEY

# restic keeps copies of the repository's indexes there.
CACHE = "/var/cache/pillarbox-backup"
# Of the backups of this program; others in the repository are left alone.
TAG = "pillarbox"
# Mail has priority.
GENTLY = ("nice", "-n", "19", "ionice", "-c", "3")
# Some files were not read; there is a snapshot of the others.
INCOMPLETE = 3
# Of restic 0.17 and later.
NO_REPOSITORY = 10
# Before, it said the first of this also when it could not look.
MISSING = re.compile(
    r"unable to open config file: .*(no such file|does not exist).*\nIs there a repository at"
)
REASONS = {
    "wrong password or no key found": (
        "mail_backup.password is not that of the repository; set the one it was created with"
    ),
    "no space left on device": (
        "the disk of the repository, or of this host, is full; free space there"
    ),
}
NO_SESSION = "unable to start the sftp session"
# Seconds until a server must have answered. restic would try for a quarter of an hour.
PATIENCE = 180.0
# An absolute path follows the first slash, as in sftp://user@host:2222//srv/mx.
SFTP = re.compile(r"sftp:(?://(?P<url>[^:/]+)(?::(?P<port>\d+))?/|(?P<host>[^:]+):)")
PASSWORD_IN_URL = re.compile(r"(://[^/@:]*):[^/@]*@")


class NoRepository(Failure):
    """There is no repository."""


class Snapshot(NamedTuple):
    """One backup."""

    id: str
    host: str
    time: datetime


class Pass(NamedTuple):
    """What was read: how much changed since the backup before, and how much there is.

    vanished: files that were deleted or renamed while they were read.
    """

    snapshot: str
    changed: int
    vanished: int
    files: int
    size: int


class Restic:
    """A repository."""

    def __init__(self, environment: Mapping[str, str], upload_limit: int = 0) -> None:
        self._secrets = [environment["RESTIC_PASSWORD"]]
        self.repository = PASSWORD_IN_URL.sub(r"\1:…@", environment["RESTIC_REPOSITORY"])
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": "/root",
            "RESTIC_CACHE_DIR": CACHE,
            # A line a minute, which is read at the end.
            "RESTIC_PROGRESS_FPS": "0.0166",
            **environment,
        }
        self._options = ["--limit-upload", str(upload_limit)] if upload_limit else []
        self._ssh = ssh_command(environment["RESTIC_REPOSITORY"])
        if self._ssh:
            self._options += ["-o", f"sftp.command={self._ssh}"]

    def run(
        self, *arguments: str, accept: Iterable[int] = (), patience: float | None = None
    ) -> tuple[str, str]:
        """Return what restic prints, and its errors. Raises Failure or NoRepository.

        Args:
            accept: exit codes other than 0 that are no failure.
            patience: seconds until it is given up.
        """
        try:
            done = subprocess.run(
                [*GENTLY, "restic", *self._options, *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=patience,
            )
        except subprocess.TimeoutExpired as late:
            # Bytes, in spite of text=True. Each attempt has a line.
            lines = (late.stderr or b"").decode(errors="replace").strip().splitlines()
            why = self._reason(arguments[0], lines[-1] if lines else "no answer")
            raise Failure(f"{self.repository} cannot be reached: {why}") from late
        if done.returncode in (0, *accept):
            return done.stdout, done.stderr
        if done.returncode == NO_REPOSITORY or MISSING.search(done.stderr):
            hint = "is its disk mounted" if self.repository.startswith("/") else "was it removed"
            raise NoRepository(f"there is no repository at {self.repository}; {hint}?")
        if done.returncode < 0:
            # Such as by the kernel, when memory is short.
            name = signal.Signals(-done.returncode).name
            raise Failure(f"restic {arguments[0]} was killed by {name}; run this again")
        raise Failure(self._reason(arguments[0], done.stderr or done.stdout))

    def through(self, arguments: list[str]) -> int:
        """Run restic for somebody who reads what it prints, and return its exit code."""
        return subprocess.call(["restic", *self._options, *arguments], env=self._environment)

    def _reason(self, command: str, printed: str) -> str:
        for text, reason in REASONS.items():
            if text in printed:
                return reason
        if self._ssh and NO_SESSION in printed:
            return f"{self.repository} cannot be reached: {self._refusal()}"
        lines = [_message(line) for line in printed.strip().splitlines()]
        text = " | ".join(line for line in lines[-5:] if line) or "it failed without a message"
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return f"restic {command}: " + PASSWORD_IN_URL.sub(r"\1:…@", text)

    def _refusal(self) -> str:
        """Return what ssh says of a server; restic may end before it has read that."""
        said = subprocess.run(
            shlex.split(self._ssh), stdin=subprocess.DEVNULL, capture_output=True, check=False
        ).stderr.decode(errors="replace")
        lines = said.strip().splitlines() or ["it refuses SFTP"]
        refused = re.search("Host key verification failed|Permission denied", said)
        hint = "; compare mail_backup.ssh_key and ssh_known_hosts with it" if refused else ""
        return f"{lines[-1].strip()}{hint}"

    def exists(self) -> bool:
        """Whether there is a repository, which this password opens. Raises Failure."""
        try:
            self.run("cat", "config", "--no-lock", patience=PATIENCE)
        except NoRepository:
            return False
        return True

    def snapshots(self) -> list[Snapshot]:
        """Return all backups of this program, of whatever host, oldest first."""
        printed, _errors = self.run(
            *("snapshots", "--json", "--no-lock", "--tag", TAG), patience=PATIENCE
        )
        found = [
            Snapshot(one["id"], one["hostname"], datetime.fromisoformat(one["time"]).astimezone())
            for one in json.loads(printed or "[]") or []
        ]
        return sorted(found, key=lambda one: one.time)

    def back_up(self, host: str, parent: str, paths: Iterable[str], but: Iterable[str]) -> Pass:
        """Store files and directories, and return what was read. Raises Failure.

        Args:
            host: the name of this host.
            parent: the backup before, whose unchanged files are not read again.
            but: what is left out.
        """
        printed, errors = self.run(
            *("backup", "--json", "--host", host, "--tag", TAG),
            *(["--parent", parent] if parent else []),
            *(option for path in but for option in ("--exclude", path)),
            *("--exclude-if-present", "iamglass"),
            "--",
            *paths,
            accept=[INCOMPLETE],
        )
        unread = list(_unread(errors))
        if other := [text for text, vanished in unread if not vanished]:
            raise Failure(f"{len(other)} files could not be read, such as: {other[0]}")
        return _pass(printed, len(unread))

    def restore(self, snapshot: str, *options: str) -> None:
        """Restore files. Raises Failure.

        Without a lock, so also from a disk that cannot be written, and with the lock of a lost
        host: nobody else removes backups of this one.
        """
        self.run("restore", "--no-lock", snapshot, *options)

    def dump(self, snapshot: str, path: str) -> str:
        """Return the text of a file in a backup."""
        return self.run("dump", "--no-lock", snapshot, path)[0]


def ssh_command(repository: str) -> str:
    """Return the command that reaches a repository by SFTP; empty if it is none by SFTP.

    restic would use root's own keys and hosts, which a bare host does not have.
    """
    if not (found := SFTP.match(repository)):
        return ""
    files = {"IdentityFile": SSH_KEY, "UserKnownHostsFile": KNOWN_HOSTS}
    options = {
        **files,
        "IdentitiesOnly": "yes",
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
        "ConnectTimeout": "30",
        "ServerAliveInterval": "60",
    }
    return shlex.join([
        *("ssh", "-F", "none"),
        *(argument for name, value in options.items() for argument in ("-o", f"{name}={value}")),
        *(["-p", found["port"]] if found["port"] else []),
        found["url"] or found["host"],
        *("-s", "sftp"),
    ])  # fmt: skip


def _objects(printed: str) -> Iterator[dict[str, Any]]:
    for line in printed.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _message(line: str) -> str:
    """Return what a line of restic says, which may be JSON."""
    try:
        return str(json.loads(line)["message"])
    except (ValueError, KeyError, TypeError):
        return line.strip()


def _unread(errors: str) -> Iterator[tuple[str, bool]]:
    """Yield the files that could not be read, and whether they have vanished.

    A file may also come back; what restic says of that differs, and may be nothing in 0.14.
    """
    for one in _objects(errors):
        if one.get("message_type") == "error":
            item, error = one.get("item", ""), one.get("error", {})
            said = error.get("message") or json.dumps(error)
            # Go's error number, and its text.
            vanished = error.get("Err") == ENOENT or "no such file" in said
            yield f"{item}: {said}", vanished or not os.path.lexists(item)


def _pass(printed: str, vanished: int) -> Pass:
    for one in _objects(printed):
        if one.get("message_type") == "summary":
            changed = sum(
                one[f"{kind}_{how}"] for kind in ("files", "dirs") for how in ("new", "changed")
            )
            files, size = one["total_files_processed"], one["total_bytes_processed"]
            return Pass(one["snapshot_id"], changed, vanished, files, size)
    raise Failure("restic backup: it printed no summary")
