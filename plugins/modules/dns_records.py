#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_records
short_description: Bring DNS records to the desired state, whole zones at a time
version_added: 0.1.0
description:
  - Takes a list of records, reads what their zones have, changes what differs, and reads it back.
    One call serves any number of zones.
  - Only the RRsets of the listed names and types are touched. Of a CAA RRset, and of a TXT RRset
    whose name has no underscored label, others may own a part, which stays as it is together with
    the TTL. A TXT value there is ours if it has the version tag of a listed one, such as
    C(v=spf1); a CAA value, if it has the property and the CA of a listed one.
  - The SOA record and the NS records of a zone itself are refused.
  - With O(provider=rfc2136), so is an MX or SRV record that names a host in one of the zones which
    has no A or AAAA record, neither there nor among O(records).
author:
  - The pillarbox.mail developers (@pillarbox)
requirements:
  - dnspython >= 2.3
  - octodns >= 1.22, < 2 and the package of the provider, with O(provider=octodns)
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  diff_mode:
    details: Shows the listed RRsets as sorted zone text, with the reason beside each line.
  idempotent:
    details: Sends no update and writes no file when everything is as desired.
options:
  records:
    description: The records, each of them one RRset. This or O(records_text) is required.
    type: list
    elements: dict
    suboptions:
      name:
        description: The whole domain name. A final dot may be left out.
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
          - The values as a zone file has them, but TXT as bare text of any length; it is quoted
            and split into strings here.
          - With O(records[].state=absent) they tell what is to go, and all else stays. Without
            values the whole RRset goes; one that others may share needs them.
        type: list
        elements: str
        default: []
      state:
        description: Whether the RRset, or our part of it, shall exist.
        type: str
        choices: [present, absent]
        default: present
      reason:
        description: Why the record is wanted, for diffs and zone files.
        type: str
        default: ""
      level:
        description: How much it is wanted, shown after the reason.
        type: str
        choices: [required, recommended, optional]
      pending:
        description:
          - The value is not known because its key does not exist yet. This is an error but in
            check mode, which reports a change.
        type: bool
        default: false
  records_text:
    description:
      - The records as JSON text, as P(pillarbox.mail.mail_records#filter) returns it with
        O(pillarbox.mail.mail_records#filter:as_text). What O(records) has by default may be left
        out.
      - With 10,000 domains it spares Ansible most of its work.
    type: str
    version_added: 0.1.0
  provider:
    description:
      - V(rfc2136) changes the zones by dynamic updates at their primary name server.
      - V(zonefile) writes a file per zone, named after it and ending in C(.zone), to paste into
        the zone or to read there by C($INCLUDE). A record that is no longer listed is no longer
        in the file.
      - V(octodns) changes the zones of a DNS service through its API, by any provider of octoDNS.
        Of octoDNS it uses only that, and leaves all records alone that are not listed.
    type: str
    choices: [rfc2136, zonefile, octodns]
    required: true
  published_hosts:
    description:
      - Hosts whose addresses a task before this one publishes. Check mode, in which it has not done
        so, takes them for granted when MX or SRV records name these hosts.
    type: list
    elements: str
    default: []
    version_added: 0.1.0
  server:
    description:
      - Address or name of the primary name server for O(provider=rfc2136).
      - Without it, it is the one that the zones' SOA records name, as this machine's resolver finds
        them.
    type: str
  port:
    description: TCP port of the primary name server.
    type: int
    default: 53
  zones:
    description:
      - Zones the records are in. A record goes into the longest that fits.
      - When empty, V(rfc2136) asks O(server) which zone each name is in, V(octodns) asks for the
        zones of the account, and V(zonefile) takes the top-most of the records' names, underscored
        labels aside.
    type: list
    elements: str
    default: []
  tsig_name:
    description: Name of the TSIG key that signs queries and updates. Without, they are unsigned.
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
      - Directory of the files, on the host where the module runs. It is made when missing.
        Required with O(provider=zonefile).
    type: path
  provider_class:
    description:
      - The class of the octoDNS provider with its module, such as
        V(octodns_cloudflare.CloudflareProvider). Required with O(provider=octodns).
      - Its package has to be installed where this module runs.
    type: str
  provider_options:
    description:
      - What the class is made with, as its documentation has it for the file of octoDNS. It takes
        the values themselves, so there is no C(env/) here.
      - C(delete_pcent_threshold), if the class takes it, is the part of a zone of ten records or
        more that may be deleted in one run; octoDNS has 0.3.
    type: dict
    default: {}
  wait:
    description:
      - Whether to wait until every server in the NS records of the zones serves the records. With
        O(provider=rfc2136) these servers are found by asking O(server) first, with
        O(provider=octodns) by the resolver of the system.
      - Of no effect with O(provider=zonefile).
    type: bool
    default: true
  timeout:
    description:
      - How long to wait for all of these servers together, in seconds.
      - A DNS service may take minutes to bring a change to its servers.
    type: int
    default: 60
notes:
  - With V(rfc2136) a zone is changed by one update, which is done as a whole or not at all, and
    only while the records are as they were read; if somebody else was quicker, they are read and
    compared again. A change above 64 kB takes several updates, each of which is done as a whole.
  - The zones of one call are changed independently. After an error some may have been changed, and
    running again does the rest.
  - With V(octodns) it depends on the service whether a zone is changed as a whole; many change one
    record after the other. After an error the zone is read again, what is missing is tried once
    more, and if that fails too, the message tells which records were changed and which were not.
    No such API can be told to change only what was read. A zone is read right before it is
    changed, so that what others change in the same RRset at that very moment may be lost, but
    nothing of what they have changed before.
  - Nothing is removed because it is not listed, since a zone does not tell who has put a record
    into it. What was published once is removed by listing it as V(absent) with its values; what
    somebody else has put there since is not touched. But of an RRset that others share, our part
    is what has the purpose of a listed value, so C(v=spf1) means the SPF record whoever wrote it.
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

- name: Withdraw the key of an old DKIM selector
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

- name: Withdraw what was published here for a domain that has moved, and nothing else
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

- name: Publish at a PowerDNS, through its API
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

- name: Publish at OVH and wait until its servers have the records
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

- name: Write zone files for a DNS service that has no API
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
  description: What was found and done, for each zone by its name.
  returned: success
  type: dict
  contains:
    before:
      description: The listed RRsets as zone text; V(zonefile), the file.
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
updates_sent:
  description:
    - How many updates were sent, those included that came too late and were sent anew.
    - With O(provider=zonefile), how many files were written. With O(provider=octodns), how many
      times a zone was changed, each of which may take many requests.
  returned: success
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import (
    HAS_DNSPYTHON,
    DnsError,
    to_text,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.plan import ZonePlan
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import (
    Record,
    parse_records,
    parse_text,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._providers.provider import provider_of
from ansible_collections.pillarbox.mail.plugins.module_utils._providers.zonefile import FilePlan


def refuse_pending(records: list[Record]) -> None:
    for record in records:
        if record.pending:
            raise DnsError(
                f"Record {record} has no value, as its key does not exist yet: make the key first;"
                " only check mode goes on without."
            )


def result(plan: ZonePlan | FilePlan) -> dict[str, Any]:
    texts = {"before": plan.before, "after": plan.after}
    if isinstance(plan, FilePlan):
        return {**texts, "path": plan.path}
    return texts if plan.serial is None else {**texts, "serial": plan.serial}


def do_not_blot(module: AnsibleModule) -> None:
    """Keep Ansible from hiding ports, regions and flags of provider_options all over the result.

    It hides each value of a secret option wherever the text occurs. The short ones would be in
    records as well; instead, the options are taken out of what it shows of the arguments, and
    errors are cleaned of them where they are made.
    """
    module.no_log_values = {value for value in module.no_log_values if len(value) >= 8}
    hidden = dict.fromkeys(module.params["provider_options"], "hidden")
    module.params = {**module.params, "provider_options": hidden}


def bring_to_state(module: AnsibleModule, params: dict[str, Any]) -> dict[str, Any]:
    text = params["records_text"]
    records = parse_records(params["records"] if text is None else parse_text(text))
    if not module.check_mode:
        refuse_pending(records)
    if not module.check_mode:
        params = {**params, "published_hosts": []}
    zones = provider_of(params, records)
    plans = zones.plan(records)
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
            # Ansible would log all of it, and return it as an argument. It has no secrets.
            "records_text": {"type": "str", "no_log": True},
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
        do_not_blot(module)
    try:
        outcome = bring_to_state(module, params)
    except DnsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**outcome)


if __name__ == "__main__":
    main()
