# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of role dns about former names of the host, and about removed domains."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..playbook import play

SETTINGS = {
    "ansible_connection": "local",
    "ansible_python_interpreter": sys.executable,
    "mail_hostname": "mx.example.org",
    "mail_domains": {"example.org": {}},
    "mail_users": {"alice@example.org": {"password": "hunter2"}},
    "mail_managesieve": False,
    "mail_srv_records": False,
}
PUBLIC_KEY = subprocess.run(
    "openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout",
    shell=True,
    check=True,
    capture_output=True,
    text=True,
).stdout
PLAYBOOK = """
- hosts: mx
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: pillarbox.mail.mail}
    - ansible.builtin.import_role: {name: pillarbox.mail.dns}
"""


def report(tmp_path: Path, *domains: str, **settings: Any) -> str:
    """Return the report of a run on a host that has keys of these domains."""
    keys = [
        {
            "domain": domain,
            "selector": "r1",
            "type": "rsa",
            "state": "active",
            "dns_name": f"r1._domainkey.{domain}",
            "path": f"/keys/{domain}.r1.key",
        }
        for domain in domains
    ]
    dns = {"provider": "zonefile", "path": str(tmp_path)}
    variables = {**SETTINGS, "dns_dkim_selectors": keys, "mail_dns": dns, **settings}
    (tmp_path / "variables.json").write_text(json.dumps(variables))
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    done = play(tmp_path, "-i", "mx,", "-e", "@variables.json")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_all_that_is_left_of_a_removed_domain_is_listed(tmp_path: Path) -> None:
    text = report(tmp_path, "example.org", "shop.example.org", "example.net")
    for domain in ("shop.example.org", "example.net"):
        for left in (
            f"{domain} is no longer one of mail_domains",
            f"in the DNS, {domain} MX",
            f"in the DNS, {domain} TXT",
            f"in the DNS, _dmarc.{domain} TXT",
            f"in the DNS, _smtp._tls.{domain} TXT",
            f"in the DNS, r1._domainkey.{domain} TXT",
            f"in the DNS, mta-sts.{domain} CNAME",
            f"in the DNS, _mta-sts.{domain} TXT",
            f"on mx, /keys/{domain}.r1.key",
        ):
            assert left in text
    assert "docs/dns.md" in text
    assert "SRV" not in text and "mx.example.org" not in text and "/keys/example.org" not in text


def test_all_that_is_left_of_a_former_name_of_the_host_is_listed(tmp_path: Path) -> None:
    text = report(
        tmp_path,
        mail_hostnames=["old.example.org", "mx.example.org"],
        mail_host_addresses=["192.0.2.1"],
        dns_acme_ca="ca.example",
        dns_acme_account="",
        dns_tls_keys=[{"algorithm": "ecdsa", "role": "current", "public_key": PUBLIC_KEY}],
    )
    assert "mx was formerly named old.example.org." in text
    for name, kind in (
        ("old.example.org", "A"),
        ("old.example.org", "CAA"),
        ("old.example.org", "TXT"),
        ("_25._tcp.old.example.org", "TLSA"),
        ("_993._tcp.old.example.org", "TLSA"),
    ):
        assert re.search(rf"in the DNS, {name} {kind}\b", text)
    assert "AAAA" not in text and "MX" not in text and "mail_domains" not in text


def test_what_a_domain_has_at_a_former_name_of_the_host_is_not_left_behind(tmp_path: Path) -> None:
    text = report(tmp_path, mail_hostnames=["example.org", "mx.example.org"])
    assert "mx was formerly named example.org." in text
    assert "TXT" not in text


def test_while_all_domains_are_served_nothing_is_reported(tmp_path: Path) -> None:
    assert "no longer" not in report(tmp_path, "example.org")
