# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read which packages a host has."""

from __future__ import annotations

import re

from ansible.module_utils.basic import AnsibleModule


def upstream(version: str) -> str:
    """Return a version without epoch and Debian revision (deb-version(7))."""
    return re.sub(r"-[^-]*$", "", version.partition(":")[2] or version)


def installed(states: str) -> dict[str, str]:
    """Return the upstream version of each installed package in the output of dpkg-query."""
    lines = (line.split() for line in states.splitlines())
    return {line[0]: upstream(line[2]) for line in lines if line[1] == "installed"}


def read(module: AnsibleModule, names: list[str]) -> dict[str, str]:
    """Return the upstream version of each of these packages that is installed."""
    form = "${Package} ${db:Status-Status} ${Version} .\n"
    # The exit status is 1 if any package is unknown; the known ones are printed all the same.
    query = ["dpkg-query", "--show", "--showformat", form, *names]
    return installed(str(module.run_command(query)[1]))
