#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Install a program from a release archive with a known checksum
version_added: 0.1.0
description:
  - Downloads a gzipped tar archive, verifies its SHA-256, unpacks it below O(directory) under that
    checksum, and points a symbolic link in O(bin) to the program in it. An archive with another
    checksum is not unpacked.
  - The link is replaced atomically, after all files are unpacked. Then earlier releases are
    removed.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  name:
    description: The program, a file in the archive's top directory, and the name of the link.
    type: str
    required: true
  url:
    description: The URL of the archive.
    type: str
    required: true
  sha256:
    description: The checksum of the archive in hexadecimal.
    type: str
    required: true
  directory:
    description: The directory for releases, which are in a subdirectory with the program's name.
    type: path
    default: /usr/local/lib
  bin:
    description: The directory of the link.
    type: path
    default: /usr/local/bin
  state:
    description: Whether the program should be installed. V(absent) removes only what this module
      installed.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: Predicts without downloading.
  diff_mode:
    details: Shows the target of the link.
  idempotent:
    details: An installed release is not downloaded again.
"""

EXAMPLES = r"""
- name: Install acme.sh where Debian has no package of it
  pillarbox.mail.release:
    name: acme.sh
    url: "{{ acme_sh_release_url }}"
    sha256: "{{ acme_sh_release_sha256 }}"
"""

RETURN = r"""
path:
  description: The program's file, even if it is absent.
  returned: success
  type: str
  sample: /usr/local/lib/acme.sh/c5d623ac/acme.sh
"""

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url


class ReleaseError(Exception):
    """The release cannot be installed."""


def fetch(url: str, sha256: str) -> bytes:
    """Download the archive. Raises ReleaseError if its checksum differs."""
    try:
        archive: bytes = open_url(url, timeout=60).read()
    except (OSError, ValueError) as error:
        raise ReleaseError(
            f"{url} cannot be downloaded ({error}). Check this host's network access, or copy the "
            "archive to the host and give its file:// URL."
        ) from error
    found = hashlib.sha256(archive).hexdigest()
    if found != sha256:
        raise ReleaseError(
            f"{url} is not the expected release: its SHA-256 is {found}, not {sha256}. "
            "Nothing was installed. Trust the new checksum only if the project announces it."
        )
    return archive


def unpack(archive: bytes, place: str) -> None:
    """Write the files of an archive, without its top directory, to a new directory.

    Only regular files are unpacked. Raises ReleaseError for a path outside of the archive.
    """
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            path = member.name.removeprefix("./").partition("/")[2]
            content = tar.extractfile(member) if member.isfile() and path else None
            if content is None:
                continue
            if path.startswith("/") or ".." in path.split("/"):
                raise ReleaseError(f"the archive has a file {member.name}, which is outside of it")
            target = Path(place, path)
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            target.write_bytes(content.read())
            target.chmod(0o755 if member.mode & 0o100 else 0o644)


def install(archive: bytes, program: Path) -> None:
    """Unpack an archive to the directory of the program, completely or not at all."""
    home = program.parent
    home.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=home.parent) as scratch:
        place = os.path.join(scratch, "release")
        os.mkdir(place, 0o755)
        unpack(archive, place)
        if not os.access(os.path.join(place, program.name), os.X_OK):
            raise ReleaseError(f"the archive has no program {program.name} in its top directory")
        if home.exists():
            shutil.rmtree(home)
        os.rename(place, home)


def point(link: Path, program: Path) -> None:
    """Point the link to the program, atomically (rename(2))."""
    with tempfile.TemporaryDirectory(prefix=f".{link.name}-", dir=link.parent) as scratch:
        new = os.path.join(scratch, link.name)
        os.symlink(program, new)
        os.replace(new, link)


def read(link: Path, releases: Path) -> str:
    """Return the target of the link; empty if it is not this module's."""
    try:
        target = os.readlink(link)
    except OSError:
        return ""
    return target if target.startswith(f"{releases}/") else ""


def apply(program: Path, link: Path, url: str, sha256: str, present: bool) -> None:
    """Apply the state. Raises ReleaseError or OSError."""
    releases = program.parent.parent
    if not present:
        link.unlink(missing_ok=True)
        shutil.rmtree(releases, ignore_errors=True)
        return
    if link.exists() and not read(link, releases):
        raise ReleaseError(f"{link} was not installed by this module. Remove it first.")
    if not os.access(program, os.X_OK):
        install(fetch(url, sha256), program)
    point(link, program)
    for old in releases.iterdir():
        if old != program.parent:
            shutil.rmtree(old)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "url": {"type": "str", "required": True},
            "sha256": {"type": "str", "required": True},
            "directory": {"type": "path", "default": "/usr/local/lib"},
            "bin": {"type": "path", "default": "/usr/local/bin"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    params = module.params
    releases = Path(params["directory"], params["name"])
    program = releases / params["sha256"] / params["name"]
    link = Path(params["bin"], params["name"])
    present = params["state"] == "present"
    before, after = read(link, releases), str(program) if present else ""
    changed = before != after or (present and not os.access(program, os.X_OK))
    if changed and not module.check_mode:
        try:
            apply(program, link, params["url"], params["sha256"], present)
        except (ReleaseError, OSError, tarfile.TarError) as error:
            module.fail_json(msg=str(error))
    diff = {
        "before": before and f"{link} -> {before}\n",
        "after": after and f"{link} -> {after}\n",
    }
    module.exit_json(changed=changed, path=str(program), diff=diff)


if __name__ == "__main__":
    main()
