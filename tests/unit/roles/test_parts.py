# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of each role in "pillarbox status": what it enables is what is checked."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from ..paths import ROLES, ROOT

# A host of Debian 12 with all that a host may have.
EVERYTHING: dict[str, Any] = {
    "_acme_sh_config": {},
    "_acme_sh_environment": {},
    "_acme_sh_web": {"sites": {"example.org": ["mta-sts.example.org"]}},
    "_backup_directory": "/srv/backup",
    "_base_off": [],
    "_postfix_process_limit": 1,
    "_rspamd_dkim_ledger": "/var/lib/pillarbox/dkim.json",
    "_rspamd_redis_socket": "/run/redis.sock",
    "_webmail_unit": "php8.2-fpm.service",
    "dovecot_mail_dir": "/var/vmail",
    "mail_backup": {"repository": "/srv/backup", "password": "a long secret"},
    "mail_dane_port": 10004,
    "mail_dkim_key_dir": "/var/lib/rspamd/dkim",
    "mail_hostnames": ["mx.example.org"],
    "mail_mailboxes": True,
    "mail_metrics_enabled": True,
    "mail_mta_sts_outbound": True,
    "mail_postfix_queue": "/var/spool/postfix",
    "mail_recode_port": 10005,
    "mail_redis": "redis",
    "mail_reports": "mailreports",
    "mail_relay_domains": {},
    "mail_relay_networks": [],
    "mail_reports_port": 10006,
    "mail_reports_sender": "mailreports@example.org",
    "mail_send_reports": ["dmarc", "tls"],
    "mail_smarthosts": {},
    "mail_status_page_enabled": True,
    "mail_tls_mandatory": True,
    "mail_undelete_days": 7,
    "mail_versions": {"postfix": "3.7.11"},
    "postfix_dnsbls": {"list.example": 3},
    "postfix_tls_days": 90,
    "rspamd_antivirus": True,
    "rspamd_dkim_prepared": {
        "selectors": [{"pin": None}, {"pin": "active", "dns_name": "r1.example"}]
    },
    "rspamd_dkim_keep_days": 14,
    "rspamd_dkim_max_age_days": 0,
    "rspamd_dkim_revoked_days": 30,
    "rspamd_learn_after_days": 3,
}
UNIT = re.compile(r"[\w@-]+\.(?:service|socket|timer)")


def to_json(value: Any) -> str:
    return json.dumps(value, default=list)


def is_version(version: str, other: str, sign: str) -> bool:
    numbers = [[int(number) for number in text.split(".")] for text in (version, other)]
    return {"<": numbers[0] < numbers[1], ">=": numbers[0] >= numbers[1]}[sign]


# Ansible's own, once imported, would take the warnings of modules that other tests run.
JINJA = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
JINJA.filters.update(to_json=to_json, to_nice_json=to_json, combine=operator.or_)
JINJA.tests["version"] = is_version


def rendered(text: str) -> str:
    return JINJA.from_string(text).render(EVERYTHING)


def tasks(role: str) -> Iterator[dict[str, Any]]:
    for file in ROLES.glob(f"{role}/tasks/*.yml"):
        for task in yaml.safe_load(file.read_text()):
            yield from [*task.get("block", [task]), *task.get("rescue", [])]


def trees(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The trees that a task installs; a template chooses among the variables of its task."""
    options = task.get("pillarbox.mail.config_tree", {})
    several = options.get("trees", [options])
    return list(task["vars"].values()) if isinstance(several, str) else several


def run(role: str) -> dict[str, set[str]]:
    """The units that a role runs or enables, and the trees that it has them load."""
    found: dict[str, set[str]] = {"units": set(), "trees": set()}
    for task in tasks(role):
        if unit := task.get("pillarbox.mail.daemon"):
            found["units"].add(rendered(unit["name"]))
            found["trees"].add(unit["tree"])
        before: set[str] = set()
        for tree in trees(task):
            before.add(rendered(tree.get("name", role)))
            if "daemon" in tree:
                found["units"].add(rendered(tree["daemon"]["name"]))
                found["trees"] |= before
                before.clear()
    for file in ROLES.glob(f"{role}/templates/**/etc/systemd/system/**/*"):
        name = file.name.removesuffix(".j2")
        if name.endswith((".service", ".timer")) and "@." not in name:
            found["units"].add(name)
        elif file.is_file():
            for wanted in re.findall(r"^Wants=(.*)", file.read_text(), re.MULTILINE):
                found["units"] |= set(UNIT.findall(rendered(wanted)))
    return found


def part_of(file: Path) -> dict[str, Any]:
    """A part as it is on a host."""
    part: dict[str, Any] = json.loads(rendered(file.read_text()))
    return part


RUN = {path.name: found for path in sorted(ROLES.iterdir()) if (found := run(path.name))["units"]}


@pytest.mark.parametrize("role", RUN)
def test_status_looks_at_each_unit_and_tree_of_a_role(role: str) -> None:
    files = list(ROLES.glob(f"{role}/templates/**/etc/pillarbox/parts/{role}.json*"))
    assert files
    for file in files:
        part = part_of(file)
        assert RUN[role]["units"] - set(part["units"]) == set()
        assert set(part["trees"]) == RUN[role]["trees"]


def test_the_roles_with_daemons_are_known() -> None:
    assert {"dovecot", "fail2ban", "postfix", "resolver", "rspamd", "tls_policy"} <= RUN.keys()
    assert {"pillarbox-dnsbls.timer", "pillarbox-reports.socket"} <= RUN["postfix"]["units"]
    assert "clamav-freshclam.service" in RUN["rspamd"]["units"]


def test_a_role_that_the_playbook_leaves_out_is_off() -> None:
    variables = yaml.safe_load((ROLES / "base/vars/main.yml").read_text())
    nothing = {
        "mail_mailboxes": False,
        "mail_srs": False,
        "mail_client_certificates": "none",
        "mail_dane_first": False,
        "mail_web_enabled": False,
        "mail_webmail_enabled": False,
        "mail_dav_enabled": False,
        "mail_backup": {},
    }
    expression = variables["_base_off"].strip(" {}\n")
    off = JINJA.compile_expression(expression)(nothing)
    assert off
    [play] = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
    imported: dict[bool, set[str]] = {True: set(), False: set()}
    for task in play["tasks"]:
        if role := task.get("ansible.builtin.import_role"):
            imported["when" in task].add(role["name"].removeprefix("pillarbox.mail."))
    assert set(off) == imported[True] - imported[False]
