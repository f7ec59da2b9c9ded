# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a mailbox, or one of its folders, beside what is there."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from pillarbox import Failure
from pillarbox.backup.contents import RESTORING
from pillarbox.backup.restic import Restic, Snapshot
from pillarbox.commands import CommandError, run
from pillarbox.parts import part

# In the home of an account, by the format of mail.
FORMATS = {"sdbox": "sdbox", "mdbox": "mdbox", "Maildir": "maildir"}
# Its subfolders are named after the date of the backup.
PLACE = "Restored"
# What role dovecot says of mail on this host.
MAIL_PLACE = Path("/etc/dovecot/mail-place")
# Seconds to copy a mailbox.
PATIENCE = 86400.0


def restore(restic: Restic, chosen: Snapshot, address: str, folder: str | None) -> str:
    """Copy the mail of a backup into a new folder, and return its name. Raises Failure.

    Nothing is overwritten: Dovecot stores copies, which count towards the quota.
    """
    home = home_of(address)
    place = new_folder(address, f"{PLACE}/{chosen.time:%Y-%m-%d}")
    # On the file system that has room for mail, and where Dovecot may read.
    mail = part("dovecot")["directories"]["mailboxes"]
    for left in Path(mail).glob(f"{RESTORING}*"):
        # Of a restore that was killed.
        shutil.rmtree(left, ignore_errors=True)
    top = tempfile.mkdtemp(prefix=RESTORING, dir=mail)
    try:
        owner = os.stat(mail)
        os.chown(top, owner.st_uid, owner.st_gid)
        restic.restore(chosen.id, "--target", top, "--include", home)
        query = ["mailbox", folder] if folder else ["all"]
        # The directories above it are root's.
        found = Path(top, "home")
        if os.path.isdir(f"{top}{home}"):
            os.replace(f"{top}{home}", found)
        source = source_of(found, address, chosen)
        try:
            run("doveadm", "import", "-s", "-u", address, *source, place, *query, timeout=PATIENCE)
        except CommandError as error:
            raise undone(address, place, error.output or str(error)) from error
    finally:
        shutil.rmtree(top)
    if place not in folders(address):
        what = f"folder {folder} with mail of {address}" if folder else f"mail of {address}"
        raise Failure(f"the backup of {chosen.time:%Y-%m-%d %H:%M} has no {what}")
    return place


def undone(address: str, place: str, said: str) -> Failure:
    """Return what to tell when a copy ended early. One beyond the quota is removed.

    Otherwise the account would receive no mail.
    """
    if "Quota exceeded" in said:
        # Nobody has deleted these copies.
        name = "plugin/lazy_expunge" if is_old() else "lazy_expunge_mailbox"
        # It fails on folders above, which exist in the names of others only.
        with suppress(CommandError):
            words = ("mailbox", "delete", "-r", "-s", "-u", address, place)
            run("doveadm", "-o", f"{name}=", *words)
        if place not in folders(address):
            return Failure(
                f"the quota of {address} has no room for the copy, so nothing was restored. Raise"
                " its quota in mail_users, run site.yml, and run this again"
            )
    return Failure(f"{address} may have only a part of it in {place}: {said.strip()[:500]}")


def is_old() -> bool:
    """Whether Dovecot is 2.3, of Debian 12."""
    return run("dovecot", "--version").startswith(b"2.3.")


def home_of(address: str) -> str:
    """Return the home of an account. Raises Failure if there is none."""
    try:
        return run("doveadm", "user", "-f", "home", address).decode().strip()
    except CommandError as error:
        raise Failure(f"{address} is no account; only accounts can be restored") from error


def folders(address: str) -> set[str]:
    """Return all folders, and those above them."""
    names = run("doveadm", "mailbox", "list", "-u", address).decode().splitlines()
    return {
        "/".join(parts[:depth])
        for parts in (name.split("/") for name in names)
        for depth in range(1, len(parts) + 1)
    }


def new_folder(address: str, name: str) -> str:
    """Return a name that no folder has."""
    known = folders(address)
    number, free = 1, name
    while free in known:
        number += 1
        free = f"{name} ({number})"
    return free


def source_of(home: Path, address: str, chosen: Snapshot) -> list[str]:
    """Return the arguments that have doveadm read restored mail. Raises Failure."""
    for name, form in FORMATS.items():
        if (home / name).is_dir():
            return location(form, home / name)
    raise Failure(f"the backup of {chosen.time:%Y-%m-%d %H:%M} has no mail of {address}")


def location(form: str, path: Path) -> list[str]:
    """Return the arguments for mail at a place with folders that are named as on this host."""
    place = f"{form}:{path}"
    found = re.search(r"^layout=(\S+)$", MAIL_PLACE.read_text(encoding="utf-8"), re.MULTILINE)
    # Of Maildirs only.
    layout = found[1] if found and form == "maildir" else "fs"
    if is_old():
        # A plugin escapes names there, here too.
        return [f"{place}:LAYOUT=fs" if form == "maildir" and layout == "fs" else place]
    escape = run("doveconf", "-h", "mailbox_list_storage_escape_char").decode().strip("\n")
    names = {"mailbox_list_layout": layout, "mailbox_list_storage_escape_char": escape}
    options = [word for name, value in names.items() for word in ("-p", f"{name}={value}")]
    return [*options, place]
