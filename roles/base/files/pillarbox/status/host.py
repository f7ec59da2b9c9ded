# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the daemons need: disk space, memory, a synchronized clock; and pending configuration."""

from __future__ import annotations

import ctypes
import json
import os
import re
import struct
from pathlib import Path

from pillarbox.backup.state import saved
from pillarbox.status.finding import ATTENTION, OK, UNKNOWN, Finding, counted, since
from pillarbox.status.parts import Parts, every

MOUNTS = Path("/proc/self/mountinfo")
OCTAL = re.compile(r"\\(\d{3})")
# Per cent, as df(1) calculates it.
FULL = 90
# Per cent of the memory that must be available.
SHORT = 5
# Where config_tree records what a daemon has not loaded yet.
PENDING = Path("/var/lib/pillarbox/config_tree")
# Microseconds: the kernel's maximum, which means that nothing synchronizes the clock.
NOT_SET = 16_000_000


def disk(parts: Parts, now: float) -> list[Finding]:
    """Check the space on the file systems that store mail."""
    return [
        room(name, directory)
        for part in parts.values()
        for name, directory in part.get("directories", {}).items()
        # The first backup creates it.
        if name != "backup" or os.path.isdir(directory) or saved().get("repository")
    ]


def room(name: str, directory: str) -> Finding:
    """Report the used space and inodes of the file system of a directory."""
    try:
        return usage(name, directory, os.statvfs(directory))
    except OSError as error:
        text = f"{directory}: {error.strerror}"
        return Finding("disk", name, ATTENTION, text, f"ls -ld {directory}; is it mounted?")


def usage(name: str, directory: str, found: os.statvfs_result) -> Finding:
    """Report the used space and inodes of a file system."""
    used = {
        "of space": share(found.f_blocks - found.f_bfree, found.f_bavail),
        "of inodes": share(found.f_files - found.f_ffree, found.f_favail),
    }
    text = ", ".join(f"{percent} % {what}" for what, percent in used.items()) + " in use"
    if max(used.values()) < FULL:
        return Finding("disk", name, OK, text)
    remedy = f"free space in {directory}, or enlarge its file system"
    return Finding("disk", name, ATTENTION, text, remedy)


def share(used: int, free: int) -> int:
    """Return the used share in per cent; 0 if there is no limit."""
    return -(-100 * used // (used + free)) if used + free else 0


def read_only(directory: str, mounts: str | None = None) -> bool:
    """Whether nothing can write to the file system of a directory, by proc_pid_mountinfo(5).

    statvfs(3) would tell how it is mounted for this process, whose unit may not write anywhere.
    """
    if mounts is None:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    place = f"{os.path.realpath(directory).rstrip('/')}/"
    best, options = "", ""
    for line in mounts.splitlines():
        mounted, _separator, source = line.partition(" - ")
        point = OCTAL.sub(lambda code: chr(int(code[1], 8)), mounted.split()[4]).rstrip("/") + "/"
        # Of several at one place, the last one is seen.
        if place.startswith(point) and len(point) >= len(best):
            best, options = point, source.split()[-1]
    return "ro" in options.split(",")


def memory(parts: Parts, now: float) -> list[Finding]:
    """Check whether memory is short."""
    return shortage(Path("/proc/meminfo").read_text(encoding="ascii"))


def shortage(meminfo: str) -> list[Finding]:
    """Report the values of proc_meminfo(5) if memory is short."""
    sizes = dict(re.findall(r"^(\w+): +(\d+) kB$", meminfo, re.MULTILINE))
    available, total = int(sizes["MemAvailable"]), int(sizes["MemTotal"])
    if available * 100 >= total * SHORT:
        return []
    text = f"{available // 1024:,} of {total // 1024:,} MB available"
    return [Finding("memory", "", ATTENTION, text, "see systemd-cgtop -m -n 1 for what uses it")]


def clock(parts: Parts, now: float) -> list[Finding]:
    """Check whether the clock is synchronized, according to adjtimex(2)."""
    state = ctypes.create_string_buffer(512)
    failed = ctypes.CDLL(None).adjtimex(state) < 0
    # struct timex begins with modes, offset, freq and maxerror.
    error = struct.unpack_from("@illl", state)[3]
    return [accuracy(None if failed else error, os.path.exists("/run/systemd/container"))]


def accuracy(error: int | None, in_container: bool) -> Finding:
    """Report what the kernel's estimate of the clock error means."""
    if error is not None and error < NOT_SET:
        return Finding("clock", "", OK, "synchronized")
    if error is None:
        return Finding("clock", "", UNKNOWN, "the kernel does not report its state")
    if in_container:
        return Finding("clock", "", UNKNOWN, "a container uses the clock of its host")
    remedy = "see timedatectl; then check systemd-timesyncd, or whatever synchronizes the clock"
    return Finding("clock", "", ATTENTION, "is not synchronized", remedy)


def configuration(parts: Parts, now: float) -> list[Finding]:
    """Check for changed configuration that is not loaded."""
    files = [PENDING / f"{tree}.pending" for tree in every(parts, "trees")]
    found = [not_loaded(file, now) for file in files if file.exists()]
    return found or [Finding("configuration", "", OK, "loaded by all daemons")]


def not_loaded(file: Path, now: float) -> Finding:
    """Report a configuration that its daemon has not loaded, because site.yml was interrupted."""
    paths = json.loads(file.read_bytes())
    text = f"{counted(len(paths), 'change')} not loaded {since(file.stat().st_mtime, now)}"
    if paths:
        text += f": {paths[0]}"
    remedy = "run site.yml, unless it is running; it loads the changes"
    return Finding("configuration", file.stem, ATTENTION, text, remedy)
