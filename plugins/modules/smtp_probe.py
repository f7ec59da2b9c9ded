#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: smtp_probe
short_description: Check that a mail server accepts mail for an address
version_added: 0.1.0
description:
  - Goes through an SMTP dialogue up to the recipient and then quits, so nothing is delivered. All
    lookup tables, restrictions and filters that are involved until then must work.
  - Uses TLS if the server offers it, without verifying its certificate.
  - Waits while the server is not ready or answers with a temporary error.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  recipient:
    description: The address that must be accepted.
    type: str
    required: true
  host:
    description: The server.
    type: str
    default: 127.0.0.1
  port:
    description: Its port.
    type: int
    default: 25
  timeout:
    description: How long to wait for acceptance, in seconds.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
    description: Does nothing, since the server may not exist yet.
  diff_mode:
    support: none
    description: There is nothing to show.
  idempotent:
    support: full
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Verify that the mail server accepts mail
  pillarbox.mail.smtp_probe:
    recipient: postmaster@example.org
"""

RETURN = r"""
answer:
  description: The server's answer to the recipient. V(null) in check mode.
  returned: success
  type: str
  sample: 250 2.1.5 Ok
"""

import smtplib
import time

from ansible.module_utils.basic import AnsibleModule


class Refused(Exception):
    """The server's answer was not an acceptance."""


def probe(host: str, port: int, recipient: str) -> str:
    """Return the server's answer to the recipient.

    Raises Refused or OSError at the first answer that is not an acceptance.
    """

    def accepted(answer: tuple[int, bytes]) -> str:
        said = f"{answer[0]} {answer[1].decode('utf-8', 'replace')}"
        if answer[0] != 250:
            raise Refused(said)
        return said

    try:
        # The EHLO name is a local one, which no restriction rejects.
        with smtplib.SMTP(host, port, local_hostname="localhost.localdomain", timeout=20) as server:
            accepted(server.ehlo())
            if server.has_extn("starttls"):
                # The server may accept mail over TLS only. Its certificate is not verified.
                server.starttls()
                accepted(server.ehlo())
            accepted(server.mail("<>"))
            return accepted(server.rcpt(recipient))
    except smtplib.SMTPException as error:
        raise Refused(str(error)) from error


def is_final(answer: str) -> bool:
    """Whether waiting cannot help: 5yz (RFC 5321 section 4.2.1), or X.3.5 (RFC 3463), a wrong
    configuration, for which Postfix returns 451.
    """
    return answer.startswith("5") or " 4.3.5 " in answer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "recipient": {"type": "str", "required": True},
            "host": {"type": "str", "default": "127.0.0.1"},
            "port": {"type": "int", "default": 25},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    host, port, recipient = (module.params[key] for key in ("host", "port", "recipient"))
    if module.check_mode:
        module.exit_json(changed=False, answer=None)
    deadline = time.monotonic() + module.params["timeout"]
    while True:
        try:
            answer = probe(host, port, recipient)
            break
        except (Refused, OSError) as error:
            if is_final(str(error)) or time.monotonic() > deadline:
                module.fail_json(
                    msg=f"{host} port {port} does not accept mail for {recipient}: {error}. "
                    "Check the log of the mail server."
                )
        time.sleep(0.2)
    module.exit_json(changed=False, answer=answer)


if __name__ == "__main__":
    main()
