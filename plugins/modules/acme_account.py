#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_account
short_description: Register acme.sh's account at an ACME server
version_added: 0.1.0
description:
  - Registers an account with C(acme.sh) unless one exists at that server, and returns its URI,
    to which a CAA record can bind issuance (RFC 8657).
  - Registering accepts the server's terms of service.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  server:
    description: The https URL of the ACME directory.
    type: str
    required: true
  home:
    description: The configuration home of C(acme.sh), which contains the account key. Must exist.
    type: path
    default: /etc/acme.sh
  email:
    description: A contact address for the server. Not all servers require one.
    type: str
    default: ""
  ca_bundle:
    description: A file with the CA of the server's own certificate. Empty uses the system's CAs.
    type: str
    default: ""
  backup:
    description:
      - Directory for a copy of the account and its key, in case O(home) is lost.
      - If there is a copy, the account is restored instead of registering a new one, since the CAA
        record names it.
    type: path
    default: /var/backups/pillarbox/acme.sh
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  diff_mode:
    details: Shows the account's URI.
  idempotent:
    details: An account that exists on the host is not registered again.
"""

EXAMPLES = r"""
- name: Register the ACME account
  pillarbox.mail.acme_account:
    server: "{{ acme_sh_server }}"
"""

RETURN = r"""
uri:
  description: The URI of the account. V(null) in check mode if it does not exist yet.
  returned: success
  type: str
  sample: https://acme-v02.api.letsencrypt.org/acme/acct/123456
"""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.acme import (
    BACKUP,
    HOME,
    AcmeError,
    account_file,
    reason,
    registered,
)


def copy(module: AnsibleModule, source: str, target: str) -> None:
    """Copy the account from one directory to another, readable only by root."""
    directory = Path(account_file(target, module.params["server"])).parent
    os.umask(0o077)
    directory.mkdir(parents=True, exist_ok=True)
    for file in Path(account_file(source, module.params["server"])).parent.iterdir():
        module.preserved_copy(str(file), str(directory / file.name))
        (directory / file.name).chmod(0o600)


def register(module: AnsibleModule) -> None:
    """Register the account with acme.sh. Raises AcmeError with the end of its output."""
    params = module.params
    command = ["acme.sh", "--config-home", params["home"], "--register-account"]
    command += ["--server", params["server"]]
    if params["email"]:
        command += ["--accountemail", params["email"]]
    if params["ca_bundle"]:
        command += ["--ca-bundle", params["ca_bundle"]]
    # 0077: acme.sh 3.1.1 would create world-readable account files.
    rc, out, err = module.run_command(command, umask=0o077, environ_update={"HOME": "/root"})
    if rc != 0:
        raise AcmeError(
            f"{params['server']} registered no account: {reason(out + err)}. Check acme_sh_server, "
            "and that this host can reach it."
        )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "server": {"type": "str", "required": True},
            "home": {"type": "path", "default": HOME},
            "email": {"type": "str", "default": ""},
            "ca_bundle": {"type": "str", "default": ""},
            "backup": {"type": "path", "default": BACKUP},
        },
        supports_check_mode=True,
    )
    home, backup, server = (module.params[name] for name in ("home", "backup", "server"))
    try:
        before = registered(home, server)
        kept = registered(backup, server)
        after = before or kept
        changed = before is None or kept != before
        if changed and not module.check_mode:
            if after is None:
                register(module)
                after = registered(home, server)
                if after is None:
                    raise AcmeError(f"acme.sh created no account for {server} in {home}; check it")
            elif before is None:
                copy(module, backup, home)
            copy(module, home, backup)
    except (AcmeError, OSError) as error:
        module.fail_json(msg=str(error))
    diff = {
        "before": f"{before or 'no account'}\n",
        "after": f"{after or 'an account at ' + server}\n",
    }
    module.exit_json(changed=changed, uri=after, diff=diff)


if __name__ == "__main__":
    main()
