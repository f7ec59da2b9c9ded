# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: mail_policies
short_description: How strict the policies of each domain are
version_added: 0.1.0
description:
  - Decides which policies of DMARC, SPF and MTA-STS a run puts in force.
  - A policy that the settings name stays as they say. With
    O(pillarbox.mail.mail#role:main:mail_maturity), the others take the step that
    M(pillarbox.mail.host_info) has found. That of a domain without any yet begins at the first.
  - Nothing is queried or changed.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  _input:
    description:
      - The settings of role C(mail) without their prefix C(mail_). C(domains), C(maturity),
        C(mta_sts), C(web) and C(tls_source) are required.
    type: dict
    required: true
  known:
    description: The policies in force, as in RV(pillarbox.mail.host_info#module:policies).
    type: dict
    required: true
  today:
    description: The date, as in RV(pillarbox.mail.host_info#module:today).
    type: str
    required: true
seealso:
  - plugin: pillarbox.mail.host_info
    plugin_type: module
"""

EXAMPLES = r"""
- name: Show which policies move
  vars:
    settings:
      domains: {example.org: {}}
      maturity: true
      mta_sts: {}
      web: true
      tls_source: acme
  ansible.builtin.debug:
    msg: "{{ (settings | pillarbox.mail.mail_policies(host.policies, host.today)).moves }}"
"""

RETURN = r"""
_value:
  description:
    - C(domains) is O(pillarbox.mail.mail#role:main:mail_domains) with the policies that a run
      moves, C(moves) a sentence for each step that it takes.
    - C(text) is what is in force from then on, the content of C(/var/lib/pillarbox/maturity.json).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._maturity.policies import matured


def mail_policies(settings: dict[str, Any], known: dict[str, Any], today: str) -> dict[str, Any]:
    found = matured(settings, known, today)
    return {"domains": found.domains, "moves": found.moves, "text": found.text}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"mail_policies": mail_policies}
