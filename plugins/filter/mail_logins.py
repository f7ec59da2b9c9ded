# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: mail_logins
short_description: The logins of all accounts and their devices
version_added: 0.2.0
description:
  - Makes of the accounts what M(pillarbox.mail.passwd_file) takes. A device has a login of its own,
    a master user one that begins with C(*).
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  _input:
    description: O(pillarbox.mail.mail#role:accounts:mail_users), checked.
    type: dict
    required: true
  masters:
    description: O(pillarbox.mail.mail#role:accounts:mail_master_users), checked.
    type: dict
    default: {}
seealso:
  - plugin: pillarbox.mail.passwd_file
    plugin_type: module
"""

EXAMPLES = r"""
- name: Show who may log in
  ansible.builtin.debug:
    msg: "{{ mail_users | pillarbox.mail.mail_logins | list }}"
"""

RETURN = r"""
_value:
  description: The password or hash of each login that has one.
  type: dict
  sample:
    alice@example.org:
      password: correct horse battery staple
    alice+phone@example.org:
      password: 4fd2-97c1-0b6e
"""

from collections.abc import Callable

from ansible_collections.pillarbox.mail.plugins.module_utils._addresses import credentials


class FilterModule:
    def filters(self) -> dict[str, Callable[..., dict[str, dict[str, str]]]]:
        return {"mail_logins": credentials}
