# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program's output and memory, from its arguments to its exit status."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys

import pytest

from pillarbox.certificates import gate
from pillarbox.certificates.pair import CertificateError
from pillarbox.certificates.published import Answer

from ...paths import PROGRAM
from .chains import KEYS, NAMES, certificate, new_key
from .host import ALGORITHMS, PAIRS, Host
from .test_ring import answer, name


def test_is_a_verb_of_the_program(host: Host) -> None:
    arguments = ["certificates", "--config", "-", "renew", "--check"]
    run = subprocess.run(
        [sys.executable, "-m", "pillarbox", *arguments],
        env={**os.environ, "PYTHONPATH": str(PROGRAM)},
        input=json.dumps(host.config),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run.stdout) == {
        "due": {},
        "issued": [],
        "waiting": {},
        "warnings": [],
        "missing": [],
    }


def test_renews_what_is_due_and_then_nothing(host: Host) -> None:
    host.pair_file("rsa").write_bytes(
        KEYS["rsa", "current"] + certificate(KEYS["rsa", "current"], begin=-80, end=10.5)
    )
    due = {"rsa": "the certificate in service expires in 10 days"}
    before = host.contents()
    predicted = host.run("renew", "--check")
    assert predicted.report == {
        "due": due,
        "issued": [],
        "waiting": {},
        "warnings": [],
        "missing": [],
    }
    assert host.contents() == before
    done = host.run("renew")
    assert done.report == {
        "due": due,
        "issued": ["rsa"],
        "waiting": {},
        "warnings": [],
        "missing": [],
    }
    assert host.pairs()["ecdsa"] == PAIRS["ecdsa"]
    after = host.pairs()
    for arguments in (["renew"], ["renew", "--check"]):
        assert host.run(*arguments).report["due"] == {}
    assert host.pairs() == after


def test_another_issuer_or_name_has_all_certificates_issued_anew(host: Host) -> None:
    assert host.run("renew", "--force").report["due"] == dict.fromkeys(
        ALGORITHMS, "renewal was forced"
    )
    host.config["issuer"] = "https://ca.example/directory"
    reason = "the certificate in service is from self_signed, not from https://ca.example/directory"
    assert host.run("renew").report["due"] == dict.fromkeys(ALGORITHMS, reason)
    assert host.run("renew").report["due"] == {}
    host.config["names"] = [*NAMES, "mail.example.org"]
    reason = "the certificate in service is not for mail.example.org"
    assert host.run("renew").report["due"] == dict.fromkeys(ALGORITHMS, reason)
    assert host.run("renew").report["due"] == {}


def test_a_key_that_is_missing_is_told_in_check_mode_and_fails_a_run(host: Host) -> None:
    host.key_file("rsa", "current").unlink()
    assert host.run("renew", "--check").report["due"] == {"rsa": "its key does not exist yet"}
    run = host.run("renew")
    assert (run.status, run.err) == (
        1,
        f"{host.key_file('rsa', 'current')}: is missing; run site.yml, which generates it\n",
    )


def test_a_certificate_for_another_key_is_not_used(host: Host) -> None:
    host.config |= {"source": "files", "issuer": "files"}
    other = {"ecdsa": KEYS["ecdsa", "next"], "rsa": KEYS["rsa", "current"]}
    for algorithm, key in other.items():
        (host.tls / f"{algorithm}-provided.pem").write_bytes(certificate(key))
        host.key_file(algorithm, "next").unlink()
    run = host.run("renew", "--force")
    assert (run.status, run.err) == (
        1,
        "the ecdsa certificate from files is for another key; it is not used\n",
    )
    assert host.pairs()["ecdsa"] == PAIRS["ecdsa"]
    assert host.pairs()["rsa"] != PAIRS["rsa"], "a failure of one holds up the other"


def test_records_without_the_key_hold_up_a_renewal(host: Host, published: list[Answer]) -> None:
    published[:] = [answer(KEYS["ecdsa", "current"])]
    run = host.run("renew", "--force")
    assert run.status == 1
    assert name(KEYS["rsa", "current"]) in run.err and "run site.yml" in run.err
    assert host.memory["failure"]["why"] in run.err
    assert host.pairs()["rsa"] == PAIRS["rsa"]
    assert host.pairs()["ecdsa"] != PAIRS["ecdsa"]


def test_in_the_last_sixth_of_its_life_a_certificate_is_renewed_all_the_same(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(host: str, ports: list[int]) -> list[Answer]:
        raise CertificateError("all name servers are down")

    monkeypatch.setattr(gate, "published", ask)
    for algorithm, end in (("ecdsa", 14), ("rsa", 16)):
        key = KEYS[algorithm, "current"]
        host.pair_file(algorithm).write_bytes(key + certificate(key, begin=end - 90, end=end))
    before = host.pairs()
    run = host.run("renew")
    assert (run.status, run.err) == (1, "all name servers are down\n")
    assert host.pairs()["ecdsa"] != before["ecdsa"]
    assert host.pairs()["rsa"] == before["rsa"]


def test_a_roll_waits_for_two_ttl(host: Host, published: list[Answer]) -> None:
    for arguments in (["roll", "--check"], ["roll"], ["roll", "--check"]):
        before = host.contents()
        run = host.run(*arguments)
        assert run.status == 3
        assert run.err.startswith(
            "senders may still have cached TLSA records without the next ecdsa key"
        )
        if "--check" in arguments:
            assert host.contents() == before
    assert host.pairs() == PAIRS
    assert host.memory["failure"] is None
    host.let_time_pass()
    before = host.contents()
    digests = {
        algorithm: {role: name(KEYS[algorithm, role]) for role in ("current", "next")}
        for algorithm in ALGORITHMS
    }
    assert host.run("roll", "--check").report == {"rolled": digests, "warnings": []}
    assert host.contents() == before
    assert host.run("roll").report == {"rolled": digests, "warnings": []}
    assert host.keys() == {
        (algorithm, role): digests[algorithm][was]
        for algorithm in ALGORITHMS
        for role, was in (("current", "next"), ("previous", "current"))
    }
    # The gate is open for what is served.
    assert host.run("renew", "--force").status == 0


def test_a_compromised_key_is_not_waited_for_and_forgotten_at_once(
    host: Host, published: list[Answer]
) -> None:
    report = host.run("roll", "--compromised").report
    assert len(report["warnings"]) == 2 and "senders may still have cached" in report["warnings"][0]
    assert host.keys()["rsa", "current"] == name(KEYS["rsa", "next"])
    assert host.memory["retired"] == {
        name(KEYS[algorithm, "current"]): "1970-01-01T00:00:00+00:00" for algorithm in ALGORITHMS
    }


def test_a_roll_that_was_killed_is_ended_by_the_next_one(host: Host) -> None:
    host.run_until(0, "roll", events={"subprocess.Popen"})
    report = host.run("roll").report
    assert report["rolled"]["rsa"] == {
        role: name(KEYS["rsa", role]) for role in ("current", "next")
    }
    assert host.keys()["rsa", "current"] == name(KEYS["rsa", "next"])


def test_a_provided_key_waits_for_the_gate(host: Host, published: list[Answer]) -> None:
    host.config |= {"source": "files", "issuer": "files"}
    host.key_file("rsa", "next").unlink()
    for algorithm, role in (("ecdsa", "next"), ("rsa", "current")):
        chain = certificate(KEYS[algorithm, role])
        (host.tls / f"{algorithm}-provided.pem").write_bytes(chain)
    # Even if the certificate in service expires within days: senders would refuse this key.
    key = KEYS["ecdsa", "current"]
    host.pair_file("ecdsa").write_bytes(key + certificate(key, begin=-88, end=2))
    host.load()
    run = host.run("renew")
    assert run.report["due"] == {} and run.report["waiting"].keys() == {"ecdsa"}
    predicted = host.run("renew", "--check").report
    # Except for the remaining seconds.
    predicted["waiting"]["ecdsa"] = predicted["waiting"]["ecdsa"].split(", in ")[0]
    assert run.report["waiting"]["ecdsa"].startswith(predicted["waiting"]["ecdsa"])
    assert {**run.report, "waiting": predicted["waiting"]} == predicted
    assert host.keys()["ecdsa", "current"] == name(key)
    host.let_time_pass()
    assert host.run("renew").report["issued"] == ["ecdsa"]
    assert host.keys()["ecdsa", "current"] == name(KEYS["ecdsa", "next"])
    assert host.run("renew").report["due"] == {}
    assert "mail_tls_provided" in host.run("roll").err


def test_a_chain_that_the_user_changes_is_served(host: Host) -> None:
    host.config |= {"source": "files", "issuer": "files"}
    host.key_file("ecdsa", "next").unlink()
    host.config["algorithms"] = ["ecdsa"]
    chain = b"A comment.\n" + certificate(KEYS["ecdsa", "current"])
    (host.tls / "ecdsa-provided.pem").write_bytes(chain)
    host.config["chains"] = {"ecdsa": hashlib.sha256(chain).hexdigest()}
    due = {"ecdsa": "another chain was provided"}
    assert host.run("renew", "--check").report["due"] == due
    assert host.run("renew").report["due"] == due
    assert chain in host.pair_file("ecdsa").read_bytes()
    assert host.run("renew").report["due"] == {}


def test_status_tells_where_each_key_stands(host: Host, published: list[Answer]) -> None:
    host.run("renew", "--force")
    lines = host.run("status").out.splitlines()
    digests = [name(key)[:16] for key in KEYS.values()]
    date, moment = r"20\d\d-\d\d-\d\d", r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"
    assert re.fullmatch(
        f"ecdsa current  {digests[0]}, served with a certificate until {date},"
        f" on all name servers since {moment}",
        lines[0],
    )
    assert re.fullmatch(
        f"ecdsa next     {digests[1]}, on all name servers since {moment},"
        f" may be served from {moment} on",
        lines[1],
    )
    assert [line.split()[:3] for line in lines[2:]] == [
        ["rsa", "current", f"{digests[2]},"],
        ["rsa", "next", f"{digests[3]},"],
    ]
    published[:] = [answer(new_key())]
    host.run("roll", "--compromised")
    host.run("renew", "--force")
    lines = host.run("status").out.splitlines()
    assert "not in use since 1970-01-01T00:00:00+00:00" in lines[1]
    assert lines[-1].startswith("the last run failed at ")
    assert "without the key" in lines[-1]
    # Without ring.json.
    (host.tls / "ring.json").unlink()
    assert host.run("status").status == 0


@pytest.mark.parametrize("command", ["renew", "roll", "status"])
def test_what_is_damaged_is_one_sentence(host: Host, command: str) -> None:
    host.key_file("ecdsa", "current").write_text("junk")
    run = host.run(command)
    assert run.status == 1
    assert run.err.startswith(f"{host.tls}/ecdsa-current.key: contains no readable private key")
    assert run.err.count("\n") == 1


def test_a_served_file_that_was_damaged_is_replaced(host: Host) -> None:
    host.pair_file("rsa").write_text("junk")
    due = {"rsa": "the certificate in service cannot be read: no certificate found"}
    assert host.run("renew").report["due"] == due
    assert host.why_unfit() == [None, None]


def test_two_runs_at_once_follow_each_other(host: Host) -> None:
    host.config["tls_dir"] = str(host.tls)
    lock = host.tls / ".lock"
    lock.touch()
    holder = subprocess.Popen(["flock", str(lock), "sh", "-c", "echo; sleep 0.5; date +%s.%N"],
                              stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert holder.stdout
    holder.stdout.readline()
    assert host.run("renew", "--force").status == 0
    released = float(holder.communicate()[0])
    assert host.pair_file("ecdsa").stat().st_mtime >= released - 0.05


def everybody_may_read() -> None:
    os.umask(0o022)


def test_what_it_writes_is_for_root_alone(host: Host) -> None:
    host.run("roll", before=everybody_may_read)
    written = {"ring.json", ".lock", "ecdsa.pem", "ecdsa-previous.key"}
    assert {(host.tls / each).stat().st_mode & 0o777 for each in written} == {0o600}
