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
author:
  - The pillarbox.mail developers (@pillarbox)
requirements:
  - dnspython >= 2.3
attributes:
  check_mode:
    support: full
    description: Reads and compares as ever, and stops before the change.
  diff_mode:
    support: full
    description: Shows the listed RRsets as sorted zone text, with the reason beside each line.
  idempotent:
    support: full
    description: Sends no update and writes no file when everything is as desired.
options:
  records:
    description: The records, each of them one RRset.
    type: list
    elements: dict
    required: true
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
  provider:
    description:
      - V(rfc2136) changes the zones by dynamic updates at their primary name server.
      - V(zonefile) writes a file per zone, named after it and ending in C(.zone), to paste into
        the zone or to read there by C($INCLUDE).
    type: str
    choices: [rfc2136, zonefile]
    required: true
  server:
    description: Address or name of the primary name server. Required with O(provider=rfc2136).
    type: str
  port:
    description: TCP port of the primary name server.
    type: int
    default: 53
  zones:
    description:
      - Zones the records are in. A record goes into the longest that fits.
      - When empty, V(rfc2136) asks O(server) which zone each name is in, and V(zonefile) takes the
        top-most of the records' names, underscored labels aside.
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
  wait:
    description:
      - Whether to wait until every server in the NS records of the zones serves the records. The
        addresses of these servers are asked of O(server) first.
      - Of no effect with O(provider=zonefile).
    type: bool
    default: true
  timeout:
    description: How long to wait for all of these servers together, in seconds.
    type: int
    default: 60
notes:
  - With V(rfc2136) a zone is changed by one update, which is done as a whole or not at all, and
    only while the records are as they were read; if somebody else was quicker, they are read and
    compared again. A change above 64 kB takes several updates, each of which is done as a whole.
  - The zones of one call are changed independently. After an error some may have been changed, and
    running again does the rest.
seealso:
  - plugin: pillarbox.mail.mail_records
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Publish the MX and the SPF record
  pillarbox.mail.dns_records:
    provider: rfc2136
    server: 198.18.0.53
    tsig_name: record-set.
    tsig_secret: "{{ vault_dns_secret }}"
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

- name: Withdraw the key of an old DKIM selector
  pillarbox.mail.dns_records:
    provider: rfc2136
    server: 198.18.0.53
    tsig_name: record-set.
    tsig_secret: "{{ vault_dns_secret }}"
    records:
      - name: r0._domainkey.example.org
        type: TXT
        state: absent

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
    - With O(provider=zonefile), how many files were written.
  returned: success
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.pillarbox.mail.plugins.module_utils._dnsname import (
    HAS_DNSPYTHON,
    DnsError,
    to_name,
    to_text,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dnsquery import Server, tsig_key
from ansible_collections.pillarbox.mail.plugins.module_utils._record import Record, parse_records
from ansible_collections.pillarbox.mail.plugins.module_utils._rfc2136 import Rfc2136
from ansible_collections.pillarbox.mail.plugins.module_utils._zonefile import FilePlan, Zonefile
from ansible_collections.pillarbox.mail.plugins.module_utils._zoneplan import ZonePlan


def provider(params: dict[str, Any]) -> Any:
    """Return the object that plans, applies and waits, each in its own way. Raises DnsError."""
    zones = [to_name(zone) for zone in params["zones"]]
    if params["provider"] == "zonefile":
        return Zonefile(params["path"], zones)
    key = None
    if params["tsig_name"]:
        key = tsig_key(params["tsig_name"], params["tsig_secret"], params["tsig_algorithm"])
    return Rfc2136(Server(params["server"], params["server"], params["port"], key), zones)


def refuse_pending(records: list[Record]) -> None:
    for record in records:
        if record.pending:
            raise DnsError(
                f"Record {record} has no value, as its key does not exist yet: make the key first;"
                " only check mode goes on without."
            )


def result(plan: ZonePlan | FilePlan) -> dict[str, Any]:
    where = {"path": plan.path} if isinstance(plan, FilePlan) else {"serial": plan.serial}
    return {"before": plan.before, "after": plan.after, **where}


def bring_to_state(module: AnsibleModule) -> dict[str, Any]:
    records = parse_records(module.params["records"])
    if not module.check_mode:
        refuse_pending(records)
    zones = provider(module.params)
    plans = zones.plan(records)
    if not module.check_mode:
        zones.apply(plans)
        if module.params["wait"]:
            zones.wait(plans, module.params["timeout"])
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
                "required": True,
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
            "provider": {"choices": ["rfc2136", "zonefile"], "required": True},
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
            "wait": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 60},
        },
        required_if=[("provider", "rfc2136", ["server"]), ("provider", "zonefile", ["path"])],
        required_together=[("tsig_name", "tsig_secret")],
        supports_check_mode=True,
    )
    if not HAS_DNSPYTHON:
        module.fail_json(msg=missing_required_lib("dnspython >= 2.3"))
    try:
        outcome = bring_to_state(module)
    except DnsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**outcome)


if __name__ == "__main__":
    main()
