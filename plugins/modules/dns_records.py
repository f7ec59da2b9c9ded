#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_records
short_description: Publish DNS records
version_added: 0.1.0
description:
  - Reads the zones of the listed records, changes what differs, and verifies the result. One call
    can change any number of zones.
  - Only the RRsets of the listed names and types are changed. CAA RRsets, and TXT RRsets whose name
    has no underscored label, may be shared with others; their values and the TTL are preserved. A
    TXT value in them is ours if it has the version tag of a listed one, such as C(v=spf1); a CAA
    value, if it has the property and the CA of a listed one.
  - The SOA record and the apex NS records of a zone are refused.
  - With O(provider=rfc2136), so are MX and SRV records whose target is in one of the zones but has
    no A or AAAA record, neither there nor in O(records).
author:
  - The pillarbox.mail developers (@pillarbox)
requirements:
  - dnspython >= 2.3
  - octodns >= 1.22, < 2 and the package of the provider, with O(provider=octodns)
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  diff_mode:
    details: Shows the listed RRsets in zone file format, sorted, with the reason for each line.
  idempotent:
    details: Sends no update and writes no file if nothing differs.
options:
  records:
    description: The records, one RRset each. This or O(records_text) is required.
    type: list
    elements: dict
    suboptions:
      name:
        description: The full domain name. The final dot may be omitted.
        type: str
        required: true
      type:
        description: The type, such as V(MX), V(TXT) or V(TLSA).
        type: str
        required: true
      ttl:
        description: Time to live in seconds.
        type: int
        default: 3600
      values:
        description:
          - The values in zone file format, except TXT, which is text of any length; the module
            quotes it and splits it into strings.
          - With O(records[].state=absent), the values to remove; others stay. Without values the
            whole RRset is removed; RRsets that may be shared with others require values.
        type: list
        elements: str
        default: []
      state:
        description: Whether the RRset, or our part of it, should exist.
        type: str
        choices: [present, absent]
        default: present
      reason:
        description: The purpose of the record, for diffs and zone files.
        type: str
        default: ""
      level:
        description: How important it is, shown after the reason.
        type: str
        choices: [required, recommended, optional]
      pending:
        description:
          - Whether the value is not known because its key does not exist yet. Check mode reports
            this as a change; otherwise it is an error.
        type: bool
        default: false
  records_text:
    description:
      - The records as JSON text, as P(pillarbox.mail.mail_records#filter) returns them with
        O(pillarbox.mail.mail_records#filter:as_text). Fields with a default in O(records) may be
        omitted.
      - With 10,000 domains, this saves Ansible most of its work.
    type: str
    version_added: 0.1.0
  later_text:
    description:
      - The records that a later call publishes, in the format of O(records_text). This call changes
        none of them.
      - If all records are published already, RV(settled) is true, and the later call may be left
        out.
    type: str
    version_added: 0.1.0
  provider:
    description:
      - V(rfc2136) sends dynamic updates to the primary name server of the zones.
      - V(zonefile) writes a file for each zone, named C(ZONE.zone), to paste into the zone or to
        include by C($INCLUDE). The file contains only the listed records.
      - V(octodns) changes the zones of a DNS service through its API, with any octoDNS provider.
        Records that are not listed are preserved.
    type: str
    choices: [rfc2136, zonefile, octodns]
    required: true
  published_hosts:
    description:
      - Hosts whose addresses an earlier task publishes. In check mode, where it has not done so,
        MX and SRV records may refer to these hosts.
    type: list
    elements: str
    default: []
    version_added: 0.1.0
  server:
    description:
      - Address or name of the primary name server for O(provider=rfc2136).
      - Defaults to the server in the SOA records of the zones, as found by the local resolver.
    type: str
  port:
    description: TCP port of the primary name server.
    type: int
    default: 53
  zones:
    description:
      - The zones of the records. Each record belongs to the longest matching zone.
      - If empty, V(rfc2136) queries O(server) for the zone of each name, V(octodns) uses the zones
        of the account, and V(zonefile) the topmost names of the records, without underscored
        labels.
    type: list
    elements: str
    default: []
  tsig_name:
    description: Name of the TSIG key that signs queries and updates. Without it, they are unsigned.
    type: str
  tsig_secret:
    description: Secret of the TSIG key, in base64.
    type: str
  tsig_algorithm:
    description: Algorithm of the TSIG key.
    type: str
    choices: [hmac-sha256, hmac-sha384, hmac-sha512]
    default: hmac-sha256
  path:
    description:
      - Directory of the files, on the host where the module runs. It is created if missing.
        Required with O(provider=zonefile).
    type: path
  provider_class:
    description:
      - The class of the octoDNS provider with its module, such as
        V(octodns_cloudflare.CloudflareProvider). Required with O(provider=octodns).
      - Its package must be installed where this module runs.
    type: str
  provider_options:
    description:
      - The arguments of the class, as its documentation describes for the octoDNS configuration
        file. Give the values themselves instead of C(env/).
      - C(delete_pcent_threshold), if the class supports it, is the share of a zone of ten or more
        records that may be deleted in one run; the default of octoDNS is 0.3.
    type: dict
    default: {}
  wait:
    description:
      - Whether to wait until every server in the NS records of the zones serves the records. With
        O(provider=rfc2136), O(server) is queried for these servers first; with O(provider=octodns),
        the local resolver is.
      - Has no effect with O(provider=zonefile).
    type: bool
    default: true
  timeout:
    description:
      - How long to wait for all of these servers together, in seconds.
      - A DNS service may take minutes to propagate a change to its servers.
    type: int
    default: 60
notes:
  - With V(rfc2136), each zone is changed by one atomic update, whose prerequisites are the records
    that were read. If they have changed meanwhile, they are read and compared again. A change above
    64 kB takes several updates, each of them atomic.
  - The zones of one call are changed independently. After an error, some may have been changed;
    another run does the rest.
  - With V(octodns), it depends on the service whether a zone is changed atomically; many change one
    record after another. After an error, the zone is read again and missing changes are retried
    once. If that fails too, the message lists which records were changed and which were not. These
    APIs have no conditional updates. A zone is read immediately before it is changed, so that a
    concurrent change of the same RRset by others may be lost, but no earlier one.
  - Records are not removed because they are not listed, since a zone does not show who added them.
    To remove a published record, list it as V(absent) with its values; values that others have
    added since are preserved. In a shared RRset, our part consists of the values with the purpose
    of a listed one, so C(v=spf1) means the SPF record, whoever wrote it.
seealso:
  - plugin: pillarbox.mail.mail_records
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Publish the MX and the SPF record
  pillarbox.mail.dns_records:
    provider: rfc2136
    server: ns1.example.org
    tsig_name: record-set
    tsig_secret: "{{ vault_tsig_record_set }}"
    records:
      - name: example.org
        type: MX
        values: [10 mx.example.org.]
        reason: where mail for example.org goes
        level: required
      - name: example.org
        type: TXT
        values: [v=spf1 mx -all]
        reason: who may send mail from example.org
  delegate_to: localhost

- name: Remove the record of an old DKIM selector
  pillarbox.mail.dns_records:
    provider: rfc2136
    server: ns1.example.org
    tsig_name: record-set
    tsig_secret: "{{ vault_tsig_record_set }}"
    records:
      - name: r0._domainkey.example.org
        type: TXT
        state: absent
  delegate_to: localhost

- name: Remove only what was published here for a domain that has moved
  pillarbox.mail.dns_records:
    provider: rfc2136
    server: ns1.example.org
    tsig_name: record-set
    tsig_secret: "{{ vault_tsig_record_set }}"
    records: "{{ former | pillarbox.mail.mail_records
      | selectattr('name', 'match', '(.*[.])?shop[.]example[.]org$')
      | map('combine', {'state': 'absent'}) }}"
  vars:
    former:
      hostname: mx.example.org
      domains:
        shop.example.org: {}
  delegate_to: localhost

- name: Publish through the API of PowerDNS
  pillarbox.mail.dns_records:
    provider: octodns
    provider_class: octodns_powerdns.PowerDnsProvider
    provider_options:
      host: "{{ powerdns_host }}"
      api_key: "{{ vault_powerdns_api_key }}"
    records:
      - name: example.org
        type: MX
        values: [10 mx.example.org.]
  delegate_to: localhost

- name: Publish at OVH and wait until its servers serve the records
  pillarbox.mail.dns_records:
    provider: octodns
    provider_class: octodns_ovh.OvhProvider
    provider_options:
      endpoint: ovh-eu
      application_key: "{{ vault_ovh_application_key }}"
      application_secret: "{{ vault_ovh_application_secret }}"
      consumer_key: "{{ vault_ovh_consumer_key }}"
    zones: [example.org]
    records:
      - name: example.org
        type: MX
        values: [10 mx.example.org.]
    timeout: 300
  delegate_to: localhost

- name: Write zone files for a DNS service without an API
  pillarbox.mail.dns_records:
    provider: zonefile
    path: "{{ playbook_dir }}/zones"
    records: "{{ settings | pillarbox.mail.mail_records }}"
  vars:
    settings:
      hostname: mx.example.org
      domains:
        example.org: {}
  delegate_to: localhost
"""

RETURN = r"""
zones:
  description: What was found and changed, by the name of the zone.
  returned: success
  type: dict
  contains:
    before:
      description: The listed RRsets in zone file format; with V(zonefile), the file.
      type: str
      sample: ""
    after:
      description: The same after the change, or as predicted in check mode.
      type: str
      sample: "example.org. 3600 IN TXT \"v=spf1 mx -all\" ; who may send mail from example.org\n"
    serial:
      description: The zone's serial number at the primary when last read.
      returned: O(provider=rfc2136)
      type: int
      sample: 2026112001
    path:
      description: The file.
      returned: O(provider=zonefile)
      type: str
      sample: /srv/zones/example.org.zone
settled:
  description: Whether the records of O(later_text) are published, too.
  returned: O(later_text) is set
  type: bool
  sample: true
updates_sent:
  description:
    - Number of updates sent, including those repeated because the records had changed meanwhile.
    - With O(provider=zonefile), the number of files written. With O(provider=octodns), the number
      of changes to zones, each of which may take many requests.
  returned: success
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import (
    HAS_DNSPYTHON,
    DnsError,
    NoAddressError,
    to_text,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.plan import ZonePlan
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import (
    Record,
    parse_records,
    parse_text,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._providers.provider import (
    Provider,
    provider_of,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._providers.zonefile import FilePlan


def refuse_pending(records: list[Record]) -> None:
    for record in records:
        if record.pending:
            raise DnsError(
                f"Record {record} has no value, as its key does not exist yet: create the key"
                " first; only check mode continues without it."
            )


def result(plan: ZonePlan | FilePlan) -> dict[str, Any]:
    texts = {"before": plan.before, "after": plan.after}
    if isinstance(plan, FilePlan):
        return {**texts, "path": plan.path}
    return texts if plan.serial is None else {**texts, "serial": plan.serial}


def limit_no_log(module: AnsibleModule) -> None:
    """Keep Ansible from censoring ports, regions and flags of provider_options in the result.

    It censors each value of a no_log option wherever the text occurs, and short ones occur in
    records as well. Instead, the options are hidden in the returned arguments, and removed from
    error messages where those are created.
    """
    module.no_log_values = {value for value in module.no_log_values if len(value) >= 8}
    hidden = dict.fromkeys(module.params["provider_options"], "hidden")
    module.params = {**module.params, "provider_options": hidden}


def settled_plans(
    zones: Provider[Any], records: list[Record], later: list[Record]
) -> list[Any] | None:
    """Return the plans for all records, if they are published already."""
    try:
        plans = zones.plan([*records, *later])
    except NoAddressError:  # The host may get its address by this call.
        return None
    return None if any(plan.changed for plan in plans) else plans


def apply(module: AnsibleModule, params: dict[str, Any]) -> dict[str, Any]:
    text, later = params["records_text"], params["later_text"]
    records = parse_records(params["records"] if text is None else parse_text(text))
    if not module.check_mode:
        refuse_pending(records)
    if not module.check_mode:
        params = {**params, "published_hosts": []}
    zones = provider_of(params, records)
    settled = later and settled_plans(zones, records, parse_records(parse_text(later)))
    plans = settled or zones.plan(records)
    if not module.check_mode:
        zones.apply(plans)
        if params["wait"]:
            zones.wait(plans, params["timeout"])
    return {
        "changed": any(plan.changed for plan in plans),
        "updates_sent": zones.updates_sent,
        "zones": {to_text(plan.zone): result(plan) for plan in plans},
        "diff": [
            {
                "before_header": f"zone {to_text(plan.zone)}",
                "after_header": f"zone {to_text(plan.zone)}",
                "before": plan.before,
                "after": plan.after,
            }
            for plan in plans
            if plan.changed
        ],
        **({"settled": bool(settled)} if later else {}),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "records": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "type": {"type": "str", "required": True},
                    "ttl": {"type": "int", "default": 3600},
                    "values": {"type": "list", "elements": "str", "default": []},
                    "state": {"choices": ["present", "absent"], "default": "present"},
                    "reason": {"type": "str", "default": ""},
                    "level": {"choices": ["required", "recommended", "optional"]},
                    "pending": {"type": "bool", "default": False},
                },
            },
            # It has no secrets, but Ansible would log it, and return it as an argument.
            "records_text": {"type": "str", "no_log": True},
            "later_text": {"type": "str", "no_log": True},
            "provider": {"choices": ["rfc2136", "zonefile", "octodns"], "required": True},
            "published_hosts": {"type": "list", "elements": "str", "default": []},
            "server": {"type": "str"},
            "port": {"type": "int", "default": 53},
            "zones": {"type": "list", "elements": "str", "default": []},
            "tsig_name": {"type": "str"},
            "tsig_secret": {"type": "str", "no_log": True},
            "tsig_algorithm": {
                "choices": ["hmac-sha256", "hmac-sha384", "hmac-sha512"],
                "default": "hmac-sha256",
            },
            "path": {"type": "path"},
            "provider_class": {"type": "str"},
            "provider_options": {"type": "dict", "no_log": True, "default": {}},
            "wait": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 60},
        },
        required_if=[
            ("provider", "zonefile", ["path"]),
            ("provider", "octodns", ["provider_class"]),
        ],
        required_together=[("tsig_name", "tsig_secret")],
        required_one_of=[("records", "records_text")],
        mutually_exclusive=[("records", "records_text")],
        supports_check_mode=True,
    )
    if not HAS_DNSPYTHON:
        module.fail_json(msg=missing_required_lib("dnspython >= 2.3"))
    params = module.params
    if params["provider"] == "octodns":
        limit_no_log(module)
    try:
        outcome = apply(module, params)
    except DnsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**outcome)


if __name__ == "__main__":
    main()
