# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from ...paths import ROLES
from ...playbook import play

ONE_HOST = "mx ansible_host=192.0.2.1 ansible_connection=ssh\n"
TWO_HOSTS = f"""
[mail_servers]
{ONE_HOST}
mx2 ansible_host=192.0.2.2 ansible_connection=ssh
"""
PLAYBOOK = """
- hosts: mx
  gather_facts: false
  tasks:
    - pillarbox.mail.check_settings:
"""


def run(
    tmp_path: Path,
    variables: str,
    playbook: str = PLAYBOOK,
    arguments: Sequence[str] = (),
    inventory: str = ONE_HOST,
) -> subprocess.CompletedProcess[str]:
    """Run a playbook for unreachable hosts."""
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text(variables)
    (tmp_path / "inventory").write_text(inventory)
    (tmp_path / "play.yml").write_text(playbook)
    return play(tmp_path, "-vvv", "-i", "inventory", "-e", "mail_target=mx", *arguments)


def test_ten_lines_of_inventory_are_enough(tmp_path: Path) -> None:
    variables = """
mail_hostname: "mx.{{ our_domain }}"
our_domain: example.org
mail_domains:
  example.org: {}
mail_users:
  alice@example.org:
    password: "{{ vault_alice }}"
vault_alice: hunter2
"""
    done = run(tmp_path, variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hunter2" not in done.stdout


def test_the_fixed_paths_of_the_role_and_its_defaults_are_no_errors(tmp_path: Path) -> None:
    variables = """
mail_hostname: mx.example.org
mail_domains: {example.org: {}}
mail_users: {alice@example.org: {password: hunter2}}
"""
    playbook = """
- hosts: mx
  gather_facts: false
  roles:
    - pillarbox.mail.mail
  post_tasks:
    - pillarbox.mail.check_settings:
    - ansible.builtin.debug:
        msg: "postmaster={{ mail_postmaster }}"
"""
    done = run(tmp_path, variables, playbook)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "postmaster=alice@example.org" in done.stdout
    assert "hunter2" not in done.stdout


def test_all_errors_come_in_one_message_and_no_secret_does(tmp_path: Path) -> None:
    variables = """
mail_hostname: "{{ nobody_knows }}"
mail_domain: example.org
mail_domains: {example.org: {}}
mail_users:
  alice@example.org: {password: "{{ vault_alice }}"}
  bob@example.org: {password_hash: "{PLAIN}hunter2"}
  carol@example.org: {password: "{{ 'hunter2' }}", password_hash: "{{ 'hunter2' }}"}
"""
    done = run(tmp_path, variables)
    assert done.returncode == 2
    for expected in (
        "6 settings are wrong; nothing was changed:",
        "- mail_domain: is unknown; did you mean mail_domains?",
        "- mail_hostname: cannot be evaluated: 'nobody_knows' is undefined",
        "- mail_users['alice@example.org'].password: cannot be evaluated: 'vault_alice' is undefin",
        "- mail_users['bob@example.org'].password_hash: has the scheme PLAIN, which is weak",
        "- mail_users['carol@example.org']: has both password and password_hash",
        "- mail_users['carol@example.org'].password_hash: must start with its scheme",
    ):
        assert expected in done.stdout
    assert "hunter2" not in done.stdout


def test_options_of_all_roles_are_checked_together_with_the_settings(tmp_path: Path) -> None:
    variables = """
mail_hostname: mx
mail_domains: {example.org: {}}
mail_users: {alice@example.org: {password: hunter2}}
acme_sh_server: http://ca.example/dir
acme_sh_tsig: {name: acme, secret: "{{ 'hunter2!' }}"}
postfix_setings: {}
dovecot_extra: {}
resolver_extra: ""
dns_names: [example.org, "{{ nobody_knows }}"]
"""
    done = run(tmp_path, variables)
    assert done.returncode == 2
    for expected in (
        "6 settings are wrong; nothing was changed:",
        "- acme_sh_server: must be the https URL of an ACME directory, not 'http://ca.example/dir'",
        "- acme_sh_tsig.secret: is not base64",
        "- dns_names[1]: cannot be evaluated: 'nobody_knows' is undefined",
        "- dovecot_extra: must be a string",
        "- mail_hostname: mx is not fully qualified",
        "- postfix_setings: is unknown; did you mean postfix_settings?",
    ):
        assert expected in done.stdout
    assert "hunter2" not in done.stdout


def test_defaults_of_the_roles_and_what_tasks_register_are_no_errors(tmp_path: Path) -> None:
    """A second play has the variables that the roles registered in the first one."""
    variables = """
mail_hostname: mx.example.org
mail_domains: {example.org: {}}
mail_users: {alice@example.org: {password: hunter2}}
acme_sh_tsig: {name: acme, secret: aHVudGVyMg==}
"""
    check = """
- hosts: mx
  gather_facts: false
  tasks:
    - pillarbox.mail.check_settings:
"""
    roles = "".join(
        f"""
    - ansible.builtin.import_role: {{name: pillarbox.mail.{role}}}
      when: false
"""
        for role in ("mail", "resolver", "acme_sh", "rspamd", "dovecot", "postfix", "dns")
    )
    register = """
    - ansible.builtin.command: "true"
      delegate_to: localhost
      register: acme_sh_keys
    - ansible.builtin.assert: {that: true}
      register: dns_looked_up
"""
    done = run(tmp_path, variables, f"{check}{roles}{register}{check}{roles}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("{mail_hostname: mx}", "mail_hostname: mx is not fully qualified"),
        ("{postfix_setings: {}}", "postfix_setings: is unknown; did you mean postfix_settings?"),
        ("[mx]", "settings: must be a dictionary"),
    ],
)
def test_settings_can_be_given(tmp_path: Path, argument: str, expected: str) -> None:
    done = run(tmp_path, "{}", f"{PLAYBOOK}        settings: {argument}\n")
    assert done.returncode == 2
    assert expected in done.stdout


@pytest.mark.parametrize("arguments", [[], ["--check"], ["--limit=mx"]])
def test_a_domain_of_two_hosts_is_reported_with_both_of_them(
    tmp_path: Path, arguments: list[str]
) -> None:
    variables = """
mail_hostname: "{{ inventory_hostname }}.example.org"
mail_domains: "{{ {served: {}} }}"
served: example.org
mail_users: {alice@example.org: {password: "{{ vault_alice }}"}}
vault_alice: "{{ 'hunter2' if inventory_hostname == 'mx' else nobody_knows }}"
"""
    playbook = PLAYBOOK.replace("mx", "mail_servers")
    done = run(tmp_path, variables, playbook, arguments, TWO_HOSTS)
    assert done.returncode == 2
    assert "- mail_domains['example.org']: example.org is on both mx and mx2," in done.stdout
    assert "hunter2" not in done.stdout


COMPUTED = [
    name for path in ROLES.glob("*/vars/main.yml") for name in yaml.safe_load(path.read_text())
]


def test_a_value_for_what_any_role_computes_is_refused(tmp_path: Path) -> None:
    """The role's own value takes precedence over the inventory's, which would be ignored."""
    variables = """
mail_hostname: mx.example.org
mail_domains: {example.org: {}}
mail_users: {alice@example.org: {password: hunter2}}
"""
    variables += "".join(f"{name}: ALL\n" for name in COMPUTED)
    role = "    - ansible.builtin.import_role: {name: pillarbox.mail.mail}\n      when: false\n"
    done = run(tmp_path, variables, PLAYBOOK + role)
    assert done.returncode == 2
    assert "mail_tls_ciphers" in COMPUTED
    assert f"{len(COMPUTED)} settings are wrong" in done.stdout
    for name in COMPUTED:
        assert f"- {name}: is not a setting but computed from others" in done.stdout
