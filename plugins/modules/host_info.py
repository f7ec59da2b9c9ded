#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Read what is on a host before a run changes it
version_added: 0.1.0
description:
  - Reads in one round trip what the roles must know of a host before they change anything.
    The role P(pillarbox.mail.base#role) begins with it.
  - Works on a bare host, and with Python 3.9, so that a release that is too old can be refused.
    What a missing program would report is empty.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  without:
    description:
      - The roles that this host is without. Of V(web), V(webmail), V(dav) and V(backup),
        RV(units_left) contains what earlier runs have put in service.
      - Without V(web), nothing can be in its way, so RV(listeners), RV(nginx_files) and
        RV(nginx_errors) are empty.
    type: list
    elements: str
    default: []
  mail_dir:
    description: The directory of all mailboxes.
    type: path
    default: /var/vmail
  users:
    description: Names of users of the host.
    type: list
    elements: str
    default: []
  acme_server:
    description: The URL of the ACME directory for RV(acme_account).
    type: str
    default: ""
  packages:
    description: Names of packages of the host.
    type: list
    elements: str
    default: []
  maturity:
    description:
      - Whether to ask the program C(pillarbox) of the host, if there is one, which step the
        policies of the domains take next. It goes by the reports of others.
      - Otherwise RV(policies) are those that the last run has put in force.
    type: bool
    default: false
extends_documentation_fragment: [pillarbox.mail.attributes.info]
"""

EXAMPLES = r"""
- name: Read what is on the host
  pillarbox.mail.host_info:
    without: [webmail, dav]
  register: host

- name: Reject a host whose port 80 or 443 is in use
  ansible.builtin.assert:
    that: host.listeners | length == 0
    fail_msg: "{{ host.listeners }}"
"""

RETURN = r"""
system:
  description: The operating system, from C(/etc/os-release).
  returned: success
  type: dict
  contains:
    id:
      description: Its name for programs; empty if unknown.
      type: str
      sample: debian
    version_id:
      description: Its version; empty if it has none, like an unreleased Debian.
      type: str
      sample: "13"
    pretty_name:
      description: Its name and version for people; empty if unknown.
      type: str
      sample: Debian GNU/Linux 13 (trixie)
hostname:
  description: The name with which the role P(pillarbox.mail.postfix#role) last configured this
    host. Empty if it has not.
  returned: success
  type: str
  sample: mx.example.org
former_hostnames:
  description: The names under which earlier runs have set up this host, oldest first.
  returned: success
  type: list
  elements: str
  sample: [mx.example.org]
listeners:
  description: The sockets on ports 80 and 443 that are not those of C(nginx.service), without
    duplicates.
  returned: success
  type: list
  elements: dict
  contains:
    port:
      description: The port.
      type: int
      sample: 80
    program:
      description: The name of the process; V(another program) if it is not visible, like that of a
        socket of the kernel.
      type: str
      sample: apache2
nginx_files:
  description: The files that configure nginx and are neither the package's nor this collection's.
    Empty once C(nginx.conf) is that of the role P(pillarbox.mail.web#role), which includes no
    others.
  returned: success
  type: list
  elements: str
  sample: [/etc/nginx/conf.d/names.conf]
nginx_errors:
  description: Why nginx would not start with the present configuration, if C(nginx.conf) is that of
    the role P(pillarbox.mail.web#role). A mistake in C(nginx.conf) itself, which a run rewrites, is
    left out.
  returned: success
  type: list
  elements: str
  sample: ['nginx: [emerg] unknown directive "rot" in /etc/nginx/pillarbox/host.d/dav.conf:3']
units_left:
  description: The units of the roles in O(without) that run, or would after the next boot, in an
    order in which they can be stopped.
  returned: success
  type: list
  elements: str
  sample: [radicale.socket, radicale.service]
mail_format:
  description: The format of the mail - the one that Dovecot was last configured with, or else, as
    after a restore, that of the first mailbox found in O(mail_dir). Empty if there is none.
  returned: success
  type: str
  sample: maildir
acme_account:
  description: The URI of the account at O(acme_server). Empty if there is none, or
    if its copy is missing or differs.
  returned: success
  type: str
  sample: https://acme-v02.api.letsencrypt.org/acme/acct/123456
has_certificate:
  description: Whether earlier runs have put a TLS certificate in service.
  returned: success
  type: bool
  sample: true
restoring:
  description: Whether a restore of the whole host has begun and not ended.
  returned: success
  type: bool
  sample: false
users:
  description: Those of O(users) that are in C(/etc/passwd).
  returned: success
  type: list
  elements: dict
  sample: [{name: vmail, uid: 5000, home: /var/vmail, shell: /usr/sbin/nologin}]
versions:
  description: The upstream versions of those of O(packages) that are installed.
  returned: success
  type: dict
  sample: {"dovecot-imapd": "2.4.1+dfsg1", "postfix": "3.10.13"}
releases:
  description: The programs that M(pillarbox.mail.release) has installed in its default directories.
  returned: success
  type: list
  elements: str
  sample: [acme.sh]
today:
  description: The date on the host, in UTC.
  returned: success
  type: str
  sample: "2026-11-27"
policies:
  description:
    - How strict the policies of each domain are, from C(/var/lib/pillarbox/maturity.json), for the
      filter P(pillarbox.mail.mail_policies#filter).
    - With O(maturity), each has its next step, and why.
  returned: success
  type: dict
  sample:
    example.org:
      dmarc:
        {stage: none, since: "2026-11-01", free: true, next: quarantine, back: false,
         why: "5 reporters saw 3 of 1,204 messages of ours fail in the last 30 days"}
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils import _packages
from ansible_collections.pillarbox.mail.plugins.module_utils._files import FilesError, read_file
from ansible_collections.pillarbox.mail.plugins.module_utils._listeners import listeners, sockets
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.acme import (
    BACKUP,
    HOME,
    AcmeError,
    registered,
)

ROOT = Path("/")
NGINX = "nginx.service"
# A role that has written such a file to /etc/systemd/system has put these units in service. Sockets
# come first, as they would start their services again. "*" is the unit of the drop-in itself.
UNITS: dict[str, dict[str, list[str]]] = {
    "web": {
        "nginx.service.d/pillarbox.conf": [NGINX],
        "pillarbox-setup.socket": ["pillarbox-setup.socket"],
    },
    "webmail": {
        "php*-fpm.service.d/pillarbox.conf": ["*", "roundcube-cleandb.timer", "roundcube-gc.timer"]
    },
    "dav": {
        "pillarbox-login.socket": ["pillarbox-login.socket", "pillarbox-login.service"],
        "radicale.service.d/pillarbox.conf": ["radicale.socket", "radicale.service"],
    },
    "backup": {"pillarbox-backup.timer": ["pillarbox-backup.timer"]},
}
PROGRAM = "usr/local/sbin/pillarbox"
POLICIES = "var/lib/pillarbox/maturity.json"
FORMATS = {"Maildir": "maildir", "sdbox": "sdbox", "mdbox": "mdbox"}


def read(path: str) -> str:
    """Return the text of a file; empty if there is none. Raises FilesError."""
    return (read_file(str(ROOT / path)) or b"").decode(errors="replace")


def run(module: AnsibleModule, program: str, *arguments: str) -> str:
    """Return what a program prints, errors included; nothing if the host does not have it."""
    found = module.get_bin_path(program)
    _rc, out, err = module.run_command([found, *arguments]) if found else (127, "", "")
    return f"{out}{err}"


def variables(text: str) -> dict[str, str]:
    """Return what a text in the format of os-release(5) assigns."""
    found = re.findall(r"^(\w+)=([\"']?)(.*)\2\s*$", text, re.MULTILINE)
    return {name: value for name, _quote, value in found}


def nginx_files(module: AnsibleModule) -> list[str]:
    """Return the files of nginx's configuration that are not the package's own."""
    directory = ROOT / "etc/nginx"
    patterns = ("nginx.conf", "conf.d/[!.]*", "sites-enabled/[!.]*")
    paths = [path for pattern in patterns for path in sorted(directory.glob(pattern))]
    files = [path for path in paths if path.is_file()]
    if not files:
        return []
    query = ["--show", "--showformat=${Conffiles}", "nginx-common"]
    shipped = run(module, "dpkg-query", *query).split()
    sums = {path: hashlib.md5(read_file(str(path)) or b"", usedforsecurity=False) for path in files}
    return [str(path) for path, found in sums.items() if found.hexdigest() not in shipped]


def nginx_errors(module: AnsibleModule) -> list[str]:
    """Return why nginx does not start, apart from mistakes in nginx.conf."""
    own = f" in {ROOT / 'etc/nginx/nginx.conf'}:"
    lines = run(module, "nginx", "-t", "-q").splitlines()
    return [line for line in lines if "[emerg]" in line and own not in line]


def units(without: Collection[str]) -> list[str]:
    """Return the units that the roles have had in service."""
    directory, found = ROOT / "etc/systemd/system", []
    for pattern, names in (item for role in without for item in UNITS.get(role, {}).items()):
        for path in sorted(directory.glob(pattern)):
            found += [path.parent.stem if name == "*" else name for name in names]
    return list(dict.fromkeys(found))


def states(module: AnsibleModule, asked: list[str]) -> dict[str, dict[str, str]]:
    """Return the properties of units, by name."""
    if not asked:
        return {}
    properties = "--property=Id,ActiveState,UnitFileState,MainPID"
    blocks = run(module, "systemctl", "show", properties, *asked).split("\n\n")
    found = [dict(re.findall(r"^(\w+)=(.*)", block, re.MULTILINE)) for block in blocks]
    return {state.get("Id", ""): state for state in found}


def in_service(state: dict[str, str]) -> bool:
    """Return whether a unit with these properties runs, or would after the next boot."""
    running = state.get("ActiveState") in ("active", "activating", "reloading")
    return running or state.get("UnitFileState") == "enabled"


def mail_format(directory: str) -> str:
    """Return the format of the mail: as configured, or of the first mailbox found."""
    if configured := re.search(r"^format=(.+)$", read("etc/dovecot/mail-place"), re.MULTILINE):
        return configured[1]
    for home in Path(directory).glob("*/*"):
        for name, form in FORMATS.items():
            if (home / name).exists():
                return form
    return ""


def users(names: Collection[str]) -> list[dict[str, Any]]:
    """Return those of these users that exist (passwd(5))."""
    lines = [line.split(":") for line in read("etc/passwd").splitlines()]
    return [
        {"name": line[0], "uid": int(line[2]), "home": line[5], "shell": line[6]}
        for line in lines
        if line[0] in names
    ]


def releases() -> list[str]:
    """Return the programs that the module release has installed."""
    home = ROOT / "usr/local/lib"
    links = sorted(path for path in (ROOT / "usr/local/bin").glob("*") if path.is_symlink())
    return [link.name for link in links if os.readlink(link).startswith(f"{home / link.name}/")]


def hostname() -> str:
    """Return the name of the host in the configuration of Postfix, if that is ours."""
    if not (ROOT / "var/lib/pillarbox/config_tree/postfix.json").exists():
        return ""
    found = re.search(r"^myhostname = (\S+)$", read("etc/postfix/main.cf"), re.MULTILINE)
    return found[1] if found else ""


def acme_account(server: str) -> str:
    """Return the URI of acme.sh's account at a server, of which the host also has a copy."""
    if not server:
        return ""
    own, copy = (registered(str(ROOT / home[1:]), server) for home in (HOME, BACKUP))
    return own if own and own == copy else ""


def policies(module: AnsibleModule) -> dict[str, Any]:
    """Return the policies in force, with their next steps if these are wanted."""
    text = read(POLICIES)
    try:
        known: dict[str, Any] = json.loads(text or "{}")
    except ValueError as error:
        raise FilesError(
            f"/{POLICIES} is damaged ({error}): restore it from a backup, or remove it; then"
            " policies that mail_maturity moves begin at their first step"
        ) from error
    program = ROOT / PROGRAM
    if not (known and module.params["maturity"] and program.exists()):
        return known
    code, out, err = module.run_command([str(program), "maturity", "--json"])
    if code:
        module.warn(f"The policies of the domains stay as they are: {err.strip()}")
        return known
    steps: dict[str, Any] = json.loads(out)
    return steps


def look(module: AnsibleModule) -> dict[str, Any]:
    """Return the module's results."""
    without, asked = module.params["without"], module.params["packages"]
    system = variables(read("etc/os-release"))
    hostnames = variables(read("etc/pillarbox/hostnames")).get("PILLARBOX_HOSTNAMES", "")
    ours = bool(re.search(r"^ *include pillarbox/", read("etc/nginx/nginx.conf"), re.MULTILINE))
    web = "web" not in without
    # An nginx that others configure is not ours to stop.
    known = [unit for unit in units(without) if unit != NGINX or ours]
    listening = sockets(module, (80, 443)) if web else ""
    found = states(module, [*known, *([NGINX] if listening else [])])
    return {
        "system": {key: system.get(key.upper(), "") for key in ("id", "version_id", "pretty_name")},
        "hostname": hostname(),
        "former_hostnames": hostnames.split(),
        "listeners": listeners(listening, f"pid={found.get(NGINX, {}).get('MainPID', '')},"),
        "nginx_files": nginx_files(module) if web and not ours else [],
        "nginx_errors": nginx_errors(module) if web and ours else [],
        "units_left": [unit for unit in known if in_service(found.get(unit, {}))],
        "mail_format": mail_format(module.params["mail_dir"]),
        "acme_account": acme_account(module.params["acme_server"]),
        "has_certificate": (ROOT / "etc/pillarbox/tls/first.pem").exists(),
        "restoring": (ROOT / "etc/pillarbox/backup/restoring").exists(),
        "users": users(module.params["users"]),
        "releases": releases(),
        "today": time.strftime("%Y-%m-%d", time.gmtime()),
        "policies": policies(module),
        "versions": _packages.read(module, asked) if asked else {},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "without": {"type": "list", "elements": "str", "default": []},
            "mail_dir": {"type": "path", "default": "/var/vmail"},
            "users": {"type": "list", "elements": "str", "default": []},
            "acme_server": {"type": "str", "default": ""},
            "packages": {"type": "list", "elements": "str", "default": []},
            "maturity": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, **look(module))
    except (AcmeError, FilesError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
