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
  - Registers an account with C(acme.sh) unless there is one at that server, and returns its URI,
    which a CAA record can bind issuance to (RFC 8657).
  - Registering agrees to the terms of service of the server.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  server:
    description: The https URL of the ACME directory.
    type: str
    required: true
  home:
    description: The configuration home of C(acme.sh), where it keeps the account's key. Must exist.
    type: path
    default: /etc/acme.sh
  email:
    description: A contact address for the server. Not all servers want one.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Predicts whether an account would be registered.
  diff_mode:
    support: full
    description: Shows the account's URI.
  idempotent:
    support: full
    description: An account that is recorded on the host is not registered again.
"""

EXAMPLES = r"""
- name: Have an account at the CA
  pillarbox.mail.acme_account:
    server: "{{ acme_sh_server }}"
"""

RETURN = r"""
uri:
  description: The account's URI. V(null) in check mode as long as there is none.
  returned: success
  type: str
  sample: https://acme-v02.api.letsencrypt.org/acme/acct/123456
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._acme import (
    AcmeError,
    account_file,
    account_uri,
    reason,
)


def read(home: str, server: str) -> str | None:
    """The URI of the account recorded on this host, None when there is none."""
    try:
        return account_uri(Path(account_file(home, server)).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def register(module: AnsibleModule) -> None:
    """Let acme.sh register the account. Raises AcmeError with the end of its output."""
    params = module.params
    command = ["acme.sh", "--config-home", params["home"], "--register-account"]
    command += ["--server", params["server"]]
    if params["email"]:
        command += ["--accountemail", params["email"]]
    # 0077: acme.sh 3.1.1 would make its account files readable to all.
    rc, out, err = module.run_command(command, umask=0o077, environ_update={"HOME": "/root"})
    if rc != 0:
        raise AcmeError(
            f"{params['server']} registered no account: {reason(out + err)}. Check acme_sh_server, "
            "and that this host reaches it."
        )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "server": {"type": "str", "required": True},
            "home": {"type": "path", "default": "/etc/acme.sh"},
            "email": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    home, server = module.params["home"], module.params["server"]
    try:
        before = after = read(home, server)
        if before is None and not module.check_mode:
            register(module)
            after = read(home, server)
            if after is None:
                raise AcmeError(f"acme.sh left no account of {server} in {home}; look there")
    except (AcmeError, OSError) as error:
        module.fail_json(msg=str(error))
    diff = {
        "before": f"{before or 'no account'}\n",
        "after": f"{after or 'an account at ' + server}\n",
    }
    module.exit_json(changed=before is None, uri=after, diff=diff)


if __name__ == "__main__":
    main()
