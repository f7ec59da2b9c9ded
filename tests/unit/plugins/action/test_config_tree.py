# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ansible-playbook on this machine, below a temporary directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ...paths import COLLECTIONS

PASSWORD = "correct-horse-battery"
DEFAULTS: dict[str, Any] = {
    "demo_domains": {"example.org": {"relay": "{{ demo_relay }}"}},
    "demo_relay": "mx.{{ demo_suffix }}",
    "demo_suffix": "example.net",
    "demo_password": PASSWORD,
    "demo_validate": [["grep", "-q", "relay", "%s/etc/demo/main.conf"]],
}
TEMPLATES = {
    "tree/etc/demo/main.conf.j2": """\
{{ ansible_managed | comment }}
{% for domain, settings in demo_domains.items() %}
{{ domain }} relay {{ settings.relay }}
{% endfor %}
{% include 'part.j2' %}
""",
    "tree/etc/demo/regex.conf.j2": r"pattern = ^\S+\.{{ demo_suffix }}$",
    "tree/etc/demo/users.j2": "alice:{{ demo_password }}\n",
    "tree/etc/demo/blank.j2": "",
    "tree/etc/demo/verbatim": "{{ not_rendered }}\n",
    # Beside a source that a test has imported; it belongs to nobody else.
    "tree/etc/demo/__pycache__/verbatim.pyc": "compiled",
    "part.j2": "part of {{ demo_suffix }}\n",
}


class Play:
    """A playbook with one role, whose host is a directory."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.root = base / "root"
        self.role = base / "roles/demo"
        self.root.mkdir()
        for name, text in TEMPLATES.items():
            self.template(name, text)
        owner, group = os.geteuid(), os.getegid()
        task = {
            "src": "tree",
            "dest": str(self.root),
            "state_dir": str(base / "state"),
            "owner": str(owner),
            "group": str(group),
            "paths": [{"path": "etc/demo/users", "mode": "0600"}],
            "secret": ["etc/demo/users"],
            "validate": "{{ demo_validate }}",
        }
        tasks = [{"pillarbox.mail.config_tree": task, "register": "tree", "notify": "Say so"}]
        say = {"name": "Say so", "debug": {"msg": "NOTIFIED {{ tree.changed_paths | length }}"}}
        for name, content in (("defaults", DEFAULTS), ("tasks", tasks), ("handlers", [say])):
            (self.role / name).mkdir()
            (self.role / name / "main.yml").write_text(json.dumps(content))
        play = {"hosts": "localhost", "gather_facts": False, "roles": ["demo"]}
        (base / "play.yml").write_text(json.dumps([play]))

    def template(self, name: str, text: str) -> None:
        path = self.role / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def set_src(self, src: list[str]) -> None:
        tasks = json.loads((self.role / "tasks/main.yml").read_text())
        self.set_options(**{**tasks[0]["pillarbox.mail.config_tree"], "src": src})

    def set_options(self, **options: Any) -> None:
        path = self.role / "tasks/main.yml"
        tasks = json.loads(path.read_text())
        tasks[0]["pillarbox.mail.config_tree"] = options
        path.write_text(json.dumps(tasks))

    def run(self, *args: str, **variables: Any) -> str:
        """Run the playbook; return its output."""
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(self.base / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_INJECT_FACT_VARS": "false",
            "ANSIBLE_NOCOLOR": "true",
        }
        (self.base / "variables.json").write_text(json.dumps(variables))
        command = [sys.executable, "-m", "ansible", "playbook", "play.yml", *args]
        command += ["-e", "@variables.json"]
        done = subprocess.run(
            command, cwd=self.base, env=environment, capture_output=True, text=True, check=False
        )
        output = done.stdout + done.stderr
        assert "WARNING" not in output
        return output

    def snapshot(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.root)): path.read_text()
            for path in self.root.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_check_run_and_second_run(play: Play) -> None:
    predicted = play.run("--check", "--diff")
    assert play.snapshot() == {}
    done = play.run("--diff")
    assert done == predicted
    assert "changed=1 " in done
    assert "NOTIFIED 7" in done
    assert play.snapshot() == {
        "etc/demo/main.conf": "#\n# Ansible managed\n#\n"
        "example.org relay mx.example.net\npart of example.net\n",
        "etc/demo/regex.conf": r"pattern = ^\S+\.example.net$",
        "etc/demo/users": f"alice:{PASSWORD}\n",
        "etc/demo/blank": "",
        "etc/demo/verbatim": "{{ not_rendered }}\n",
    }
    names = {path.name for path in (play.base / "state").iterdir()}
    assert names == {"demo.json", "demo.pending"}
    assert (play.root / "etc/demo/users").stat().st_mode & 0o7777 == 0o600
    again = play.run("--diff")
    assert "changed=0 " in again
    assert "NOTIFIED" not in again


def test_shows_a_change_but_no_secret_even_when_told_to_say_everything(play: Play) -> None:
    play.run()
    output = play.run("--diff", "-vvvvv", demo_suffix="example.com", demo_password="staple-correct")
    assert "\n-example.org relay mx.example.net\n" in output
    assert "\n+example.org relay mx.example.com\n" in output
    assert "\n-(contents hidden)\n+(contents hidden, changed)\n" in output
    assert "_archive" not in output
    assert PASSWORD not in output
    assert "staple-correct" not in output


def test_a_set_that_fails_its_check_changes_nothing_and_fails_again(play: Play) -> None:
    play.run()
    before = play.snapshot()
    shout = "cat %s/etc/demo/users >&2; echo %s/etc/demo/main.conf:2: bad; exit 1"
    for verbosity in ("-v", "-vvv"):
        output = play.run(verbosity, demo_suffix="example.com", demo_validate=[["sh", "-c", shout]])
        assert "failed=1 " in output
        assert "Nothing of the tree demo was changed, because " in output
        assert f"{play.root}/etc/demo/main.conf:2: bad" in output
        assert PASSWORD not in output
        assert play.snapshot() == before


def test_several_trees_are_installed_as_one(play: Play) -> None:
    play.template("2.4/etc/demo/version.conf.j2", "version = {{ demo_version }}\n")
    play.set_src(["tree", "{{ demo_version }}"])
    output = play.run(demo_version="2.4")
    assert "changed=1 " in output
    files = play.snapshot()
    assert files["etc/demo/version.conf"] == "version = 2.4\n"
    assert files["etc/demo/verbatim"] == "{{ not_rendered }}\n"
    assert "changed=0 " in play.run(demo_version="2.4")


def test_several_trees_are_installed_one_after_the_other(play: Play) -> None:
    play.template("more/etc/more.conf.j2", "suffix = {{ demo_suffix }}\n")
    owner = {"owner": str(os.geteuid()), "group": str(os.getegid()), "dest": str(play.root)}
    play.set_options(
        state_dir=str(play.base / "state"),
        trees=[
            {**owner, "name": "demo", "src": "tree", "secret": ["etc/demo/users"]},
            {**owner, "name": "more", "src": ["more"]},
        ],
    )
    output = play.run("--diff", "-vvvvv")
    assert "changed=1 " in output
    assert PASSWORD not in output
    files = play.snapshot()
    assert files["etc/more.conf"] == "suffix = example.net\n"
    assert files["etc/demo/users"] == f"alice:{PASSWORD}\n"
    assert "changed=0 " in play.run()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trees": ["tree"]}, "trees: it must be a list of dictionaries"),
        ({"trees": [], "secret": ["*"]}, "secret: beside trees, this has no effect"),
    ],
)
def test_refuses_options_that_trees_have_each(
    play: Play, options: dict[str, Any], message: str
) -> None:
    play.set_options(**options)
    assert message in play.run()


def test_refuses_a_file_that_is_in_two_trees(play: Play) -> None:
    play.template("2.4/etc/demo/main.conf", "")
    play.set_src(["tree", "2.4"])
    output = play.run()
    trees = [str(play.role / "templates" / name) for name in ("tree", "2.4")]
    assert f"src: etc/demo/main.conf is in both {trees[0]} and {trees[1]}" in output
    assert play.snapshot() == {}


def test_needs_a_name_outside_of_roles(play: Play) -> None:
    task = {"pillarbox.mail.config_tree": {"src": "roles/demo/templates/tree"}}
    play_of_tasks = {"hosts": "localhost", "gather_facts": False, "tasks": [task]}
    (play.base / "play.yml").write_text(json.dumps([play_of_tasks]))
    assert "in trees or outside of roles also the option name" in play.run()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ demo_nowhere.deep }}", "'demo_nowhere' is undefined"),
        ("{% if %}", "Syntax error in template"),
    ],
)
def test_names_the_template_and_the_variable(play: Play, text: str, message: str) -> None:
    play.template("tree/etc/demo/zz.conf.j2", text)
    output = play.run()
    source = play.role / "templates/tree/etc/demo/zz.conf.j2"
    assert f"Could not render {source}: {message}" in output
    assert play.snapshot() == {}
