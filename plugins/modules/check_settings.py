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
  - Checks the settings of the role P(pillarbox.mail.mail#role) and the options of the other roles.
    Fails with one message that lists everything that is wrong with them and what would be right.
    Passwords, hashes and TSIG secrets are never shown.
  - Runs on the controller and needs no connection, so that it comes before any host is touched.
  - An unknown variable whose name begins with that of a role that has options, as C(mail_) or
    C(postfix_), is an error too, for it is most likely a misspelt one. What a task registered is
    not.
  - So is a variable of the inventory that the roles compute, such as C(mail_tls_ciphers), as the
    value there would be ignored.
  - Two hosts of the inventory group C(mail_servers) may not have a domain or a name in common,
    since each would replace the other's DNS records. This holds with C(--limit), too.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  settings:
    description:
      - The settings to check, by name.
      - The default is all variables of the host whose names begin with that of a role.
    type: dict
extends_documentation_fragment: [pillarbox.mail.attributes.info]
"""

EXAMPLES = r"""
- name: Check the settings
  pillarbox.mail.check_settings:
"""

RETURN = r"""
errors:
  description: What is wrong, a sentence for each error.
  returned: always
  type: list
  elements: str
  sample:
    - "mail_users['bob@example.com']: is in example.com, not one of mail_domains; add it there"
"""
