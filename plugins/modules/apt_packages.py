#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: apt_packages
short_description: Install Debian packages in one transaction, without starting their daemons
version_added: 0.1.0
description:
  - Installs the missing packages of a list in one C(apt-get) call. Daemons are not started
    (C(policy-rc.d)), so that none runs before it is configured.
  - Unlike M(ansible.builtin.apt), it does not need C(python3-apt), so that check mode works on a
    bare Debian host.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  name:
    description:
      - The packages. Recommended packages are not installed.
      - C(a | b) are alternatives, as in a C(Depends) field. If one of them is installed, it is
        kept; otherwise the first that the package archive has is installed.
    type: list
    elements: str
    required: true
  optional:
    description: Packages to install if the package archive has them.
    version_added: 0.1.0
    type: list
    elements: str
    default: []
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: If a package is missing, fetches the lists of the package archive like a real run, but
      into a temporary directory.
  diff_mode:
    details: Lists the packages that are missing.
  idempotent:
    details: Installed packages are neither touched nor upgraded.
"""

EXAMPLES = r"""
- name: Install the mail server
  pillarbox.mail.apt_packages:
    name: [postfix, dovecot-imapd, valkey-server | redis-server]
    optional: [acme.sh]
  register: packages

- name: Show the version of Dovecot
  ansible.builtin.debug:
    msg: "{{ packages.versions['dovecot-imapd'] }}"
"""

RETURN = r"""
missing:
  description: The packages that were missing.
  returned: success
  type: list
  elements: str
  sample: [postfix]
versions:
  description: The upstream version of each package that is installed, or would be in check mode.
  returned: success
  type: dict
  sample: {"dovecot-imapd": "2.4.1+dfsg1", "postfix": "3.10.13"}
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._packages import read, upstream

# invoke-rc.d(8): 101 forbids the action. A daemon that is removed, such as another mail server,
# must still stop.
POLICY = Path("/usr/sbin/policy-rc.d")
FORBID = "#!/bin/sh\ncase $2 in *start*) exit 101 ;; esac\n"


def candidates(policy: str) -> dict[str, str]:
    """Return the upstream version of each available package in the output of apt-cache policy."""
    found = re.findall(r"^(\S+):\n.*\n  Candidate: (\d\S*)$", policy, re.MULTILINE)
    return {name: upstream(version) for name, version in found}


def unmet(alternatives: list[list[str]], present: dict[str, str]) -> list[list[str]]:
    """Return the groups of alternatives of which no package is installed."""
    return [names for names in alternatives if not any(name in present for name in names)]


def ask(module: AnsibleModule, names: list[str], *options: str) -> dict[str, str]:
    """Return the upstream version of each of these packages that is in apt's lists."""
    command = ["apt-cache", *options, "policy", *names]
    return candidates(str(module.run_command(command, environ_update={"LC_ALL": "C"})[1]))


@contextmanager
def fresh_lists(module: AnsibleModule) -> Iterator[list[str]]:
    """Fetch the package lists, since those on the host may name versions that no longer exist.

    Yields the options with which apt uses them: check mode does not touch the host's own lists.
    """
    if not module.check_mode:
        apt_get(module, "update")
        yield []
        return
    with tempfile.TemporaryDirectory(prefix="pillarbox-apt-") as directory:
        # apt fetches as the user _apt.
        os.chmod(directory, 0o755)
        for partial in ("lists/partial", "cache/archives/partial"):
            os.makedirs(f"{directory}/{partial}")
        options = [f"-oDir::State::Lists={directory}/lists", f"-oDir::Cache={directory}/cache"]
        apt_get(module, *options, "update")
        yield options


def choose(
    module: AnsibleModule, alternatives: list[list[str]], optional: list[str]
) -> dict[str, str]:
    """Return the upstream version of each package to install. Fails if one is not available."""
    chosen = {}
    # If at most optional packages are missing, the present lists suffice.
    if alternatives or (optional and ask(module, optional)):
        with fresh_lists(module) as options:
            asked = [*optional, *(name for names in alternatives for name in names)]
            available = ask(module, asked, *options)
        for names in [*alternatives, *([name] for name in optional)]:
            name = next((name for name in names if name in available), None)
            if name:
                chosen[name] = available[name]
            elif names in alternatives:
                module.fail_json(
                    msg=f"The package archives of this host have no {' or '.join(names)}. Check "
                    "/etc/apt/sources.list and /etc/apt/sources.list.d."
                )
    return chosen


@contextmanager
def no_daemon_starts() -> Iterator[None]:
    """Keep maintainer scripts from starting daemons, unless the host has its own policy-rc.d."""
    # A killed run may have left ours behind.
    if POLICY.exists() and POLICY.read_text(encoding="utf-8") != FORBID:
        yield
        return
    POLICY.write_text(FORBID, encoding="utf-8")
    os.chmod(POLICY, 0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def apt_get(module: AnsibleModule, *arguments: str) -> None:
    """Run apt-get, waiting up to five minutes for its lock; its own message fails the task."""
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *arguments]
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    rc, out, err = module.run_command(command, environ_update=environment)
    if rc != 0:
        said = " ".join(err.split()) or " ".join(out.split()[-40:])
        module.fail_json(
            msg=f"'{' '.join(command)}' failed: {said} Fix the cause on the host and run again."
        )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "required": True},
            "optional": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    groups = [re.split(r"\s*\|\s*", names) for names in module.params["name"]]
    known = [name for names in groups for name in names] + module.params["optional"]
    present = read(module, known)
    optional = [name for name in module.params["optional"] if name not in present]
    wanted = choose(module, unmet(groups, present), optional)
    versions = {**present, **wanted}
    if wanted and not module.check_mode:
        with no_daemon_starts():
            # confold: keep files that the administrator changed (dpkg(1)).
            apt_get(
                module, "install", "--yes", "--no-install-recommends",
                "-o", "Dpkg::Options::=--force-confold", *wanted,
            )  # fmt: skip
        versions = read(module, known)
    diff = {"before": "", "after": "".join(f"{name}\n" for name in wanted)}
    module.exit_json(changed=bool(wanted), missing=list(wanted), versions=versions, diff=diff)


if __name__ == "__main__":
    main()
