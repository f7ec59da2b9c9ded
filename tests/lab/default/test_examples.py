# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The EXAMPLES of all modules and filters run unchanged; twice if they must be idempotent.

Values that a reader would fill in are in the inventory, in SECRETS_AND_ADDRESSES, and beside the
playbook. The examples leave records and accounts behind, so they run last.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab import lab
from tests.lab.dns import apis, fake_ovh

pytestmark = [pytest.mark.once, pytest.mark.last]

PLUGINS = {
    f"{kind}/{path.stem}": path
    for kind in ("modules", "filter")
    for path in sorted((lab.ROOT / "plugins" / kind).glob("*.py"))
}
POWERDNS = ("127.0.0.153", 8081)  # the default port of octoDNS
SECRETS_AND_ADDRESSES: dict[str, Any] = {
    "vault_alice_certificate": "a passphrase for the file",
    "vault_alice": lab.password("alice@example.org"),
    "vault_alice_phone": "a password for the phone",
    "vault_bob_hash": "{SHA512-CRYPT}$6$c2FsdHNhbHQ$" + "a" * 86,
    "vault_tsig_record_set": (lab.STATE / "secrets/tsig-record-set").read_text().strip(),
    "powerdns_host": POWERDNS[0],
    "vault_powerdns_api_key": apis.API_KEY,
    **{f"vault_ovh_{name}": value for name, value in fake_ovh.KEYS.items()},
}
# The tasks of each plugin with their results.
Results = dict[str, list[tuple[str, str]]]


def documented(plugin: str, part: str) -> str:
    """Return DOCUMENTATION or EXAMPLES of a plugin, empty if it has none."""
    for node in ast.parse(PLUGINS[plugin].read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == part:
            return str(ast.literal_eval(node.value))
    return ""


def is_idempotent(plugin: str) -> bool:
    attributes = yaml.safe_load(documented(plugin, "DOCUMENTATION")).get("attributes", {})
    support: str = attributes.get("idempotent", {}).get("support", "full")
    return support == "full"


IDEMPOTENT = [plugin for plugin in PLUGINS if is_idempotent(plugin)]


def write_playbook(directory: Path, plugins: Iterable[str]) -> Path:
    """Write a play for each plugin. A failing example does not stop the others."""
    plays = [
        f"- name: {plugin}\n  hosts: mail_servers\n  gather_facts: false\n  ignore_errors: true\n"
        f"  tasks:\n{textwrap.indent(documented(plugin, 'EXAMPLES').lstrip(), '    ')}"
        for plugin in plugins
    ]
    playbook = directory / "examples.yml"
    playbook.write_text("---\n" + "\n".join(plays))
    return playbook


def write_files(directory: Path) -> None:
    """Write the files that the examples need on the controller: here, copies from the host."""
    files = {
        f"templates/{tree}{path}": lab.on("mx", f"cat {path}")
        for tree in ("dovecot", "unbound", "resolver")
        for path in json.loads(lab.on("mx", f"cat /var/lib/pillarbox/config_tree/{tree}.json"))[
            "files"
        ]
    }
    files["templates/dovecot/etc/dovecot/master-users"] = "# nobody\n"
    files["files/acme_sh.json"] = lab.on("mx", "cat /etc/pillarbox/parts/acme_sh.json")
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@contextmanager
def dns_services(directory: Path) -> Iterator[list[str]]:
    """Start PowerDNS and OVH's API; yield the command prefix that makes them reachable."""
    certificate = directory / "ovh.pem"
    command = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=fake"
    name = ["-addext", f"subjectAltName=DNS:{fake_ovh.NAME}"]
    output = ["-keyout", str(certificate), "-out", str(certificate)]
    subprocess.run([*command.split(), *name, *output], check=True, capture_output=True)
    with (
        apis.powerdns(directory, iter(["example.org"]), POWERDNS) as powerdns,
        fake_ovh.running(certificate) as ovh,
    ):
        powerdns.service()
        apis.ovh(ovh, "example.org")
        yield [
            *("env", f"HTTPS_PROXY={ovh.server}", f"REQUESTS_CA_BUNDLE={certificate}"),
            *lab.by_the_labs_resolver(directory),
        ]


def results_of(run: subprocess.CompletedProcess[str]) -> Results:
    """Return the results in the output, with the reason if a task failed."""
    results: Results = {}
    plugin = task = ""
    for line in run.stdout.splitlines():
        if match := re.match(r"(PLAY|TASK) \[(.*)\] \*", line):
            if match[1] == "PLAY":
                plugin, task = match[2], ""
                results[plugin] = []
            else:
                task = match[2]
        elif match := re.match(r"(ok|changed|fatal|failed): \[mx\b", line):
            results[plugin].append((task, line if match[1] in ("fatal", "failed") else match[1]))
    return results


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Results]:
    directory = tmp_path_factory.mktemp("examples")
    write_files(directory)
    with dns_services(directory) as within:
        runs = [
            lab.playbook(
                str(write_playbook(directory, plugins)), within=within, **SECRETS_AND_ADDRESSES
            )
            for plugins in (PLUGINS, IDEMPOTENT)
        ]
    assert "PLAY RECAP" in runs[1].stdout, runs[0].stdout
    first, second = map(results_of, runs)
    return first, second


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_examples_of_each_plugin_run_as_they_stand(
    two_runs: tuple[Results, Results], plugin: str
) -> None:
    examples = [task["name"] for task in yaml.safe_load(documented(plugin, "EXAMPLES")) or ()]
    assert examples, "there are none"
    for run in two_runs if plugin in IDEMPOTENT else two_runs[:1]:
        assert [task for task in dict(run[plugin])] == examples
        assert [result for _, result in run[plugin] if result not in ("ok", "changed")] == []


@pytest.mark.parametrize("plugin", IDEMPOTENT)
def test_what_is_idempotent_changes_nothing_when_its_examples_run_again(
    two_runs: tuple[Results, Results], plugin: str
) -> None:
    assert [task for task, result in two_runs[1][plugin] if result != "ok"] == []
