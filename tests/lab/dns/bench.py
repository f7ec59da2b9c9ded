# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare dns_records with community.general.nsupdate, with BIND on loopback. For bin/bench."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from tests.lab.dns.services import KEY_NAME, LOOPBACK, SECRET, free_port, process, program
from tests.lab.lab import COLLECTIONS, ROOT

DOMAINS = [
    f"d{number}.example.org" for number in range(int(os.environ.get("BENCH_DOMAINS", "1000")))
]
COMPARED = 100  # records for nsupdate, which changes one per task
OTHER = ROOT / ".cache" / "bench"
ZONE = """\
@ 3600 IN SOA ns1 hostmaster 1 3600 3600 86400 60
@ IN NS ns1
ns1 IN A 127.0.0.1
mx IN A 192.0.2.1
"""
OURS = f"""\
- hosts: localhost
  gather_facts: false
  tasks:
    - pillarbox.mail.dns_records:
        provider: rfc2136
        server: {LOOPBACK}
        port: "{{{{ dns_port }}}}"
        tsig_name: {KEY_NAME}
        tsig_secret: {SECRET}
        wait: false
        records_text: "{{{{ settings | pillarbox.mail.mail_records(keys, as_text=true) }}}}"
      register: done

    - ansible.builtin.debug:
        msg: "{{{{ done.zones.values() | map(attribute='after') | join | regex_findall(' IN ')
          | length }}}} records, {{{{ done.updates_sent }}}} updates"
"""
NSUPDATE = f"""\
- hosts: localhost
  gather_facts: false
  tasks:
    - community.general.nsupdate:
        server: {LOOPBACK}
        port: "{{{{ dns_port }}}}"
        protocol: tcp
        key_name: {KEY_NAME}
        key_secret: {SECRET}
        key_algorithm: hmac-sha256
        zone: d0.example.org
        record: "n{{{{ item }}}}"
        type: TXT
        value: v=DKIM1; p=
      loop: "{{{{ range({COMPARED}) | list }}}}"
"""


def fetch_nsupdate() -> None:
    """Download the collection from the package that bundles Ansible's collections."""
    if (OTHER / "ansible_collections").exists():
        return
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(OTHER)]
    subprocess.run([*command, "ansible"], check=True)
    with zipfile.ZipFile(next(OTHER.glob("ansible-*.whl"))) as wheel:
        names = wheel.namelist()
        wheel.extractall(OTHER, [name for name in names if "/community/general/" in name])


def seconds(playbook: Path, variables: dict[str, Any]) -> tuple[float, str]:
    """Return the duration of a run of the playbook, and its output."""
    values = playbook.with_suffix(".json")
    values.write_text(json.dumps(variables))
    command = [sys.executable, "-m", "ansible", "playbook", str(playbook), "-e", f"@{values}"]
    paths = {"ANSIBLE_COLLECTIONS_PATH": f"{COLLECTIONS}:{OTHER}", "ANSIBLE_NOCOLOR": "1"}
    start = time.monotonic()
    run = subprocess.run(command, env={**os.environ, **paths}, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return time.monotonic() - start, run.stdout


def measure(directory: Path, port: int) -> None:
    settings = {"hostname": f"mx.{DOMAINS[0]}", "domains": {domain: {} for domain in DOMAINS}}
    keys = [
        {
            "domain": domain,
            "selector": selector,
            "dns_name": f"{selector}._domainkey.{domain}",
            "dns_value": "v=DKIM1; p=" + "A" * 392,
        }
        for domain in DOMAINS
        for selector in ("r1", "e1")
    ]
    ours, other = directory / "ours.yml", directory / "nsupdate.yml"
    ours.write_text(OURS)
    other.write_text(NSUPDATE)
    for what in ("first run", "unchanged"):
        took, said = seconds(ours, {"dns_port": port, "settings": settings, "keys": keys})
        found = re.search(r"\d+ records, \d+ updates", said)
        assert found, said
        print(f"dns_records     {len(DOMAINS)} domains, {what}: {took:.1f} s ({found[0]})")
    for what in ("first run", "unchanged"):
        took, _said = seconds(other, {"dns_port": port})
        print(f"nsupdate        {COMPARED} records, {what}: {took:.1f} s")


def main() -> None:
    fetch_nsupdate()
    port = free_port()
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        update = f'allow-update {{ key "{KEY_NAME}"; }};'
        configuration = [
            f'key "{KEY_NAME}" {{ algorithm hmac-sha256; secret "{SECRET}"; }};',
            "controls { };",
            f'options {{ directory "{directory}"; pid-file none; session-keyfile none;'
            f" listen-on port {port} {{ {LOOPBACK}; }}; listen-on-v6 {{ none; }}; recursion no;"
            " dnssec-validation no; };",
            *(f'zone "{zone}" {{ type primary; file "{zone}"; {update} }};' for zone in DOMAINS),
        ]
        (directory / "named.conf").write_text("\n".join(configuration))
        for zone in DOMAINS:
            (directory / zone).write_text(ZONE)
        named = [program("named"), "-g", "-c", str(directory / "named.conf")]
        with process(named, directory / "log", port):
            measure(directory, port)


if __name__ == "__main__":
    main()
