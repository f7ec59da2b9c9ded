# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The help of the command, and which modules it imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pillarbox import Failure, cli, parts

from ..paths import PROGRAM, ROOT

VERBS = sorted(cli.VERBS)


def imported(*arguments: str) -> set[str]:
    """Return the modules that Python has imported at the end of the command."""
    code = "import json, sys; from pillarbox.cli import main; main(sys.argv[1:])"
    code += "; print(json.dumps(list(sys.modules)), file=sys.stderr)"
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(PROGRAM)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(run.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
def test_help_lists_every_verb(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 0
    said = capsys.readouterr().out
    assert all(f"    {verb} " in said for verb in VERBS)


def test_the_guide_shows_what_help_prints(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["help"])
    verbs = [line for line in capsys.readouterr().out.splitlines() if line.startswith("    ")]
    guide = (ROOT / "docs/operating.md").read_text()
    assert "\n".join(f"    {line}" for line in verbs) in guide


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("ask", [lambda verb: ["help", verb], lambda verb: [verb, "--help"]])
def test_each_verb_says_what_it_is_for(
    verb: str, ask: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(ask)
    with pytest.raises(SystemExit) as end:
        cli.main(ask(verb))
    assert end.value.code == 0
    said = capsys.readouterr().out
    for heading in (f"usage: pillarbox {verb}", "Use it when", "Example", "Exit status", "Files"):
        assert heading in said
    assert max(map(len, said.splitlines())) <= 100


@pytest.mark.parametrize(
    "arguments", [["no-such"], ["help", "no-such"], ["service"], ["service", "no-such"]]
)
def test_what_it_does_not_know_is_an_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    assert "see pillarbox help" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "role"),
    [
        (["certificates", "status"], "acme_sh"),
        (["held"], "rspamd"),
        (["junk", "nightly"], "rspamd"),
        (["srs", "rotate"], "postsrsd"),
        (["tls"], "postfix"),
        (["service", "certificate-policy"], "client_certificates"),
    ],
)
def test_a_verb_whose_part_is_not_there_says_so(
    arguments: list[str],
    role: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(parts, "DIRECTORY", str(tmp_path))
    assert cli.main(arguments) == 1
    assert capsys.readouterr().err == (
        f"pillarbox {' '.join(arguments[: 2 if arguments[0] == 'service' else 1])}: role {role} is"
        f" not set up on this host: {tmp_path}/{role}.json, which it writes, is missing\n"
    )


def test_the_part_is_what_its_role_has_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "DIRECTORY", str(tmp_path))
    file = tmp_path / "rspamd.json"
    file.write_text('{"learn_after_days": 3}')
    assert parts.part("rspamd") == {"learn_after_days": 3}
    file.write_text("{")
    with pytest.raises(Failure, match="rspamd.json is damaged .*; run site.yml"):
        parts.part("rspamd")


def test_help_imports_no_verb_and_no_parser() -> None:
    names = imported("help")
    assert {name for name in names if name.startswith("pillarbox")} == {
        "pillarbox",
        "pillarbox.cli",
    }
    assert not {"argparse", "subprocess"} & names


def test_what_postfix_starts_for_a_connection_imports_little() -> None:
    names = imported("service", "certificate-policy")
    assert not {"argparse", "subprocess", "tempfile", "cryptography", "dns"} & names


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_part_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    monkeypatch.setattr(parts, "DIRECTORY", str(tmp_path))
    (tmp_path / "postsrsd.json").write_text(text)
    assert cli.main(["srs", "rotate"]) == 1
    assert "postsrsd.json is damaged" in capsys.readouterr().err


def test_others_than_root_get_help_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert cli.main(["held"]) == 1
    assert capsys.readouterr().err == "pillarbox held: run this as root\n"
    with pytest.raises(SystemExit) as end:
        cli.main(["held", "--help"])
    assert end.value.code == 0


@pytest.mark.parametrize(("sink", "status"), [("true", 141), ("cat >/dev/null", 0)])
def test_a_reader_that_ends_early_gets_no_traceback(sink: str, status: int) -> None:
    program = "import sys, types; from pillarbox import cli\n"
    program += "sys.modules['pillarbox.nothing'] = module = types.ModuleType('nothing')\n"
    program += "module.main = lambda: print('x' * 100000) or 0\n"
    program += "sys.exit(cli.run('nothing', 'nothing'))\n"
    done = subprocess.run(
        [
            "sh",
            "-c",
            f'{{ {sys.executable} -c "$0"; echo $? >&2; }} | {{ sleep 0.2; {sink}; }}',
            program,
        ],
        env={"PYTHONPATH": str(PROGRAM), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == f"{status}\n"
