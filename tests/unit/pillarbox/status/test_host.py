# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox status" reports about disk, memory, clock and pending configuration."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree import pending

from pillarbox.status import host
from pillarbox.status.finding import ATTENTION, OK, UNKNOWN


def disk(blocks: tuple[int, int, int], inodes: tuple[int, int, int]) -> os.statvfs_result:
    """A file system of so many blocks and inodes: all, free, free for everybody."""
    return os.statvfs_result((4096, 4096, *blocks, *inodes, 0, 255))


@pytest.mark.parametrize(
    ("blocks", "inodes", "state", "text"),
    [
        ((1000, 720, 700), (100, 95, 95), OK, "29 % of space, 5 % of inodes in use"),
        # Space reserved for root does not count as free, as in df(1).
        ((1000, 100, 50), (100, 95, 95), ATTENTION, "95 % of space, 5 % of inodes in use"),
        ((1000, 720, 700), (100, 0, 0), ATTENTION, "29 % of space, 100 % of inodes in use"),
        # Btrfs has no limit of them.
        ((1000, 720, 700), (0, 0, 0), OK, "29 % of space, 0 % of inodes in use"),
    ],
)
def test_a_disk_that_is_nearly_full_needs_attention(
    blocks: tuple[int, int, int], inodes: tuple[int, int, int], state: str, text: str
) -> None:
    found = host.usage("queue", "/var/spool/postfix", disk(blocks, inodes))
    assert (found.subject, found.state, found.text) == ("queue", state, text)
    assert ("/var/spool/postfix" in found.remedy) is (state == ATTENTION)


def test_a_directory_that_is_missing_hides_no_other() -> None:
    parts = {"a": {"directories": {"mailboxes": "/no/such/place", "queue": "/"}}}
    missing, queue = host.disk(parts, 0)
    assert (missing.state, missing.text) == (ATTENTION, "/no/such/place: No such file or directory")
    assert queue.subject == "queue" and "of space" in queue.text


def test_memory_has_a_line_only_when_it_is_short() -> None:
    meminfo = (
        "MemTotal:       24684084 kB\nMemFree: 1 kB\nMemAvailable:   {} kB\nHugePages_Total: 0\n"
    )
    assert host.shortage(meminfo.format(22396860)) == []
    [found] = host.shortage(meminfo.format(1024000))
    assert (found.state, found.text) == (ATTENTION, "1,000 of 24,105 MB available")


def test_the_clock_is_right_wrong_or_not_ours() -> None:
    assert host.accuracy(5000, in_container=False).state == OK
    assert host.accuracy(16_000_000, in_container=False).state == ATTENTION
    assert host.accuracy(16_000_000, in_container=True).state == UNKNOWN
    assert host.accuracy(None, in_container=False).state == UNKNOWN


def test_the_kernel_is_asked_for_the_clocks_error() -> None:
    [found] = host.clock({}, 0)
    assert found.part == "clock"


def test_a_configuration_that_is_not_loaded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "PENDING", tmp_path)
    parts = {"dovecot": {"trees": ["dovecot"]}, "rspamd": {"trees": ["rspamd", "valkey"]}}
    [found] = host.configuration(parts, 0)
    assert (found.state, found.text) == (OK, "loaded by all daemons")
    # No daemon loads this one, so its record is ignored.
    for tree in ("dovecot", "base"):
        (tmp_path / f"{tree}.pending").write_text(
            json.dumps(["/etc/dovecot/dovecot.conf", "/etc/b"])
        )
    now = (tmp_path / "dovecot.pending").stat().st_mtime + 7200
    [found] = host.configuration(parts, now)
    assert (found.state, found.subject) == (ATTENTION, "dovecot")
    assert found.text.startswith("2 changes not loaded since ")
    assert found.text.endswith("(2 hours): /etc/dovecot/dovecot.conf")


def test_it_looks_where_config_tree_notes_that() -> None:
    assert str(host.PENDING) == pending.STATE


def test_a_file_system_is_read_only_if_it_is_so_for_everybody() -> None:
    mounts = """\
22 1 0:20 / / ro,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
23 22 0:21 / /var/my\\040mail rw - ext4 /dev/vdb1 ro
24 22 0:22 / /mnt rw - tmpfs tmpfs ro,size=1m
25 22 0:23 / /mnt rw - tmpfs tmpfs rw,size=1m
"""
    assert not host.read_only("/", mounts)
    assert not host.read_only("/var/mail", mounts)
    assert host.read_only("/var/my mail/example.org", mounts)
    assert not host.read_only("/var/my mailbox", mounts)
    assert not host.read_only("/mnt/x", mounts)
    # The present state of this host.
    host.read_only("/")
