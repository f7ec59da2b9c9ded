# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: mail_records
short_description: The DNS records that a mail server needs
version_added: 0.1.0
description:
  - Computes the DNS records of a mail server from its settings and public keys, in the format of
    M(pillarbox.mail.dns_records).
  - The mail host has A, AAAA, CAA, SPF, and TLSA for each port; each domain has MX, SPF, DMARC,
    DKIM, SRV, MTA-STS, TLS-RPT and the names from which mail clients configure themselves.
  - Records of features that are switched off have the state V(absent). They remove what would be
    published otherwise, and nothing else where others may use the same name.
  - Names are A-labels. Every record has a C(reason) and a C(level).
  - Nothing is queried or changed.
author:
  - The pillarbox.mail developers (@pillarbox)
requirements:
  - cryptography, on the controller, for TLSA
options:
  _input:
    description:
      - The settings of role C(mail) without their prefix C(mail_).
      - C(hostname) and C(domains) are required. The others have the defaults of the role, and are
        C(host_addresses), C(backup_mx), C(smarthosts), C(tlsa_ports), C(tlsa_matching_types),
        C(dkim_selectors), C(mta_sts), C(tls_rpt_rua), C(reports), C(managesieve), C(pop3),
        C(srv_records), C(web), C(webmail), C(dav) and C(dns.ttl).
      - C(report_addresses) is the dictionary C(reports) of P(pillarbox.mail.mail_addresses#filter).
        Without it, each domain has an address for reports.
      - Without C(acme_ca_domain), such as V(letsencrypt.org), there is no CAA record.
        C(acme_challenge) is the validation method that it allows, V(dns-01) by default; with
        C(web), it allows V(http-01), too.
    type: dict
    required: true
  dkim_keys:
    description:
      - The DKIM keys as in RV(pillarbox.mail.dkim_key#module:dkim_keys).
      - A key whose C(dns_value) is V(null) does not exist yet. Its record is C(pending).
    type: list
    elements: dict
    default: []
  dkim_states:
    description:
      - The states of the DKIM keys as in RV(pillarbox.mail.dkim_selectors#module:selectors).
      - The record of a V(revoked) key has an empty C(p=), that of a V(gone) key is V(absent). A key
        without a state is published as it is.
    type: list
    elements: dict
    default: []
    version_added: 0.1.0
  tls_keys:
    description:
      - The TLS keys as in RV(pillarbox.mail.tls_key_ring#module:tls_keys), current and next of each
        algorithm. Without keys there are no TLSA records.
      - If a C(public_key) is V(null), all TLSA records are C(pending).
    type: list
    elements: dict
    default: []
  acme_account_uri:
    description:
      - The ACME account that may obtain certificates for the mail host (RFC 8657).
      - V(null) means that it does not exist yet, so the CAA record is C(pending). An empty string
        allows all accounts at the CA.
    type: str
  mta_sts_ids:
    description:
      - The ids of the MTA-STS policies that the host serves, as in
        RV(pillarbox.mail.mta_sts_policies#module:ids). Domains without one have no records.
      - If not set, the policies are those of the settings.
    type: dict
    version_added: 0.1.0
  web_names:
    description:
      - The names of domains for which the web server has certificates. Without one for
        C(mta-sts), the C(_mta-sts) record of a domain is left out, and stays as it is.
      - If not set, the records do not depend on certificates.
    type: list
    elements: str
    version_added: 0.1.0
  step:
    description:
      - V(announce) returns only the records that announce a service, which must work before. These
        are MX, SRV and the C(_mta-sts) record of an MTA-STS policy.
      - V(prepare) returns the others.
    type: str
    choices: [all, prepare, announce]
    default: all
    version_added: 0.1.0
  names:
    description: Names whose records the step V(announce) returns, too.
    type: list
    elements: str
    default: []
    version_added: 0.1.0
  as_text:
    description:
      - Whether to return JSON text, for O(pillarbox.mail.dns_records#module:records_text).
      - Ansible processes every value of a list at each step, which takes minutes with 10,000
        domains. A text is one value.
    type: bool
    default: false
    version_added: 0.1.0
seealso:
  - plugin: pillarbox.mail.dns_records
    plugin_type: module
"""

EXAMPLES = r"""
- name: Show the minimal records of one domain
  vars:
    settings:
      hostname: mx.example.org
      domains:
        example.org:
          dmarc: {p: quarantine, rua: ["mailto:postmaster@example.org"]}
  ansible.builtin.debug:
    msg: "{{ settings | pillarbox.mail.mail_records }}"
"""

RETURN = r"""
_value:
  description: The records, those of the mail host first. A string with O(as_text).
  type: list
  elements: dict
  sample:
    - name: example.org
      type: MX
      ttl: 3600
      values: [10 mx.example.org.]
      state: present
      pending: false
      level: required
      reason: where mail for example.org goes
"""

import json
from collections.abc import Callable, Collection
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.pillarbox.mail.plugins.module_utils._records.mail import (
    MailRecordsError,
    mail_records,
    selected,
)


def mail_records_filter(
    *args: Any,
    step: str = "all",
    names: Collection[str] = (),
    as_text: bool = False,
    **kwargs: Any,
) -> list[dict[str, Any]] | str:
    try:
        records = selected(mail_records(*args, **kwargs), step, names)
    except MailRecordsError as error:
        raise AnsibleFilterError(f"mail_records: {error}") from error
    return json.dumps(records) if as_text else records


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"mail_records": mail_records_filter}
