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
  - Installs what is missing of a list of packages in one C(apt-get) call. Daemons are not started
    (C(policy-rc.d)), so that none runs before it is configured.
  - Unlike M(ansible.builtin.apt) it needs no C(python3-apt), which a bare Debian host has not, so
    that check mode works there too.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  name:
    description: The packages. What they recommend is not installed.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: full
    description: Predicts which packages would be installed, without asking the package archive.
  diff_mode:
    support: full
    description: Lists the packages that are missing.
  idempotent:
    support: full
    description: Installed packages are neither touched nor upgraded.
"""

EXAMPLES = r"""
- name: Install the mail server
  pillarbox.mail.apt_packages:
    name: [postfix, dovecot-imapd]
"""

RETURN = r"""
missing:
  description: The packages that were not installed before.
  returned: success
  type: list
  elements: str
  sample: [postfix]
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

# invoke-rc.d(8): 101 forbids the action. A daemon that is removed, as another mail server would be,
# must still stop.
POLICY = Path("/usr/sbin/policy-rc.d")
FORBID = "#!/bin/sh\ncase $2 in *start*) exit 101 ;; esac\n"


def read(module: AnsibleModule) -> str:
    """The state of each of the packages that dpkg knows, one per line."""
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n"]
    # The status is 1 when any package is unknown; what is known is printed all the same.
    return str(module.run_command([*query, *module.params["name"]])[1])


def missing(names: list[str], states: str) -> list[str]:
    """Those of the packages that are not installed, in the order given."""
    installed = {line.split()[0] for line in states.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


@contextmanager
def no_daemon_starts() -> Iterator[None]:
    """Keep maintainer scripts from starting daemons. A policy of the operator's own stays."""
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
    """Run apt-get, waiting up to five minutes for another one; its own message fails the task."""
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *arguments]
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    rc, out, err = module.run_command(command, environ_update=environment)
    if rc != 0:
        said = " ".join(err.split()) or " ".join(out.split()[-40:])
        module.fail_json(
            msg=f"'{' '.join(command)}' failed: {said} Mend it on the host and run again."
        )


def main() -> None:
    module = AnsibleModule(
        argument_spec={"name": {"type": "list", "elements": "str", "required": True}},
        supports_check_mode=True,
    )
    wanted = missing(module.params["name"], read(module))
    if wanted and not module.check_mode:
        # The host's list may name versions that the archive no longer has.
        apt_get(module, "update")
        with no_daemon_starts():
            # confold: a file that the operator changed stays (dpkg(1)).
            apt_get(
                module, "install", "--yes", "--no-install-recommends",
                "-o", "Dpkg::Options::=--force-confold", *wanted,
            )  # fmt: skip
    diff = {"before": "", "after": "".join(f"{name}\n" for name in wanted)}
    module.exit_json(changed=bool(wanted), missing=wanted, diff=diff)


if __name__ == "__main__":
    main()
