#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: check_settings
short_description: Check the settings of all roles at once
version_added: 0.1.0
description:
  - Checks the settings of all roles, and fails with one message that lists all errors and how to
    correct them. Passwords, hashes and TSIG secrets are never shown.
  - Runs on the controller without a connection, so it can run before any host is changed.
  - An unknown variable whose name resembles that of a setting is an error, since it is most likely
    misspelt. Variables that a task registered are ignored.
  - An inventory variable that the roles compute, such as C(mail_tls_ciphers), is an error, since
    its value would be ignored.
  - No two hosts in the inventory group C(mail_servers) may have a domain or a name in common, since
    each would replace the other's DNS records. This includes hosts that C(--limit) excludes.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  settings:
    description:
      - The settings to check, by name.
      - The default is all variables of the host that have the name of a role as prefix.
    type: dict
extends_documentation_fragment: [pillarbox.mail.attributes.info]
"""

EXAMPLES = r"""
- name: Check the settings
  pillarbox.mail.check_settings:
"""

RETURN = r"""
errors:
  description: The errors, one sentence each.
  returned: always
  type: list
  elements: str
  sample:
    - >-
      mail_users['bob@example.com']: is in example.com, which is not one of mail_domains; add it
      there
"""
