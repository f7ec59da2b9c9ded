# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four runs of the scenario before its tests: check, run, run again, check again.

Also later runs, after changes to the host.
"""

from __future__ import annotations

import pytest

from tests.lab import lab
from tests.lab.runs import Run, runs

POSTFIX = str(lab.ROOT / "tests/lab/default/relaying.yml")


@pytest.fixture(scope="module")
def four() -> list[Run]:
    found = runs((lab.LOGS / f"{lab.SCENARIO}-ansible.log").read_text())
    assert len(found) == 4, f"the log has {len(found)} runs of site.yml"
    return found


def test_no_run_failed_or_found_no_host(four: list[Run]) -> None:
    assert [run.failed for run in four] == [[], [], [], []]
    assert all(len(run.tasks) > 20 for run in four)


def test_a_check_on_the_bare_host_predicts_what_the_run_changes(four: list[Run]) -> None:
    assert four[0].changed == four[1].changed


def test_the_second_run_changes_nothing(four: list[Run]) -> None:
    assert four[2].changed == []


def test_a_check_on_the_finished_host_predicts_no_change(four: list[Run]) -> None:
    assert four[3].changed == []


def test_the_runs_are_measured(four: list[Run]) -> None:
    _, first, second, _ = four
    figures = "".join(
        f"measured: {name} run of site.yml: {len(run.tasks)} tasks, {run.seconds:.1f} s\n"
        for name, run in (("first", first), ("second", second))
    )
    (lab.LOGS / f"{lab.SCENARIO}-measured.log").write_text(figures)
    assert first.seconds > second.seconds


def secrets_in(output: str) -> list[str]:
    """Return the names of the secrets that occur in an output."""
    secrets = (lab.STATE / "secrets").iterdir()
    return [secret.name for secret in secrets if secret.read_text().strip() in output]


def test_no_secret_is_shown_by_differences(four: list[Run]) -> None:
    log = (lab.LOGS / f"{lab.SCENARIO}-ansible.log").read_text()
    assert "+++ after: /etc/acme.sh/tsig.key" in log and "+ alice@example.org" in log
    assert secrets_in(log) == []


def test_after_a_renewal_the_key_is_the_same() -> None:
    fingerprint = "openssl x509 -in /etc/pillarbox/tls/ecdsa.pem -noout -serial"
    public_key = "openssl x509 -in /etc/pillarbox/tls/ecdsa.pem -noout -pubkey"
    before = lab.on("mx", fingerprint), lab.on("mx", public_key)
    # A certificate for another name is due for renewal.
    lab.on("mx", "cd /etc/pillarbox/tls && cp rsa.pem ecdsa.pem")

    lab.on("mx", "systemctl start pillarbox-certificates.service")

    serial, key = lab.on("mx", fingerprint), lab.on("mx", public_key)
    assert (serial != before[0], key) == (True, before[1])
    served = "openssl s_client -connect mx.example.org:465 -sigalgs ECDSA+SHA256 </dev/null"
    assert lab.on("peer", f"{served} 2>/dev/null | openssl x509 -noout -serial") == serial


def test_a_renewal_that_fails_is_told_to_the_postmaster_and_the_old_certificate_serves_on() -> None:
    lab.on("mx", "cd /etc/pillarbox && cp parts/acme_sh.json /tmp/ && cp tls/ecdsa.pem /tmp/")
    lab.on("mx", "sed -i 's/mx.example.org/other.example.org/' /etc/pillarbox/parts/acme_sh.json")
    try:
        started = lab.on("mx", "systemctl start pillarbox-certificates.service", check=False)
        assert "failed" in started, started
    finally:
        lab.on("mx", "cp /tmp/acme_sh.json /etc/pillarbox/parts/ && systemctl reset-failed")
    assert lab.on("mx", "cmp /tmp/ecdsa.pem /etc/pillarbox/tls/ecdsa.pem && echo same") == "same\n"
    notice = lab.message("root@mx.example.org", "root")
    notice.replace_header("Subject", "pillarbox-certificates failed on mx")
    assert b"issued" in lab.received("alice@example.org", notice)


def test_a_configuration_that_its_daemon_never_loaded_is_loaded_by_the_next_run() -> None:
    # As after a run that was interrupted between the change and the reload.
    lab.on(
        "mx", """echo '["/etc/postfix/main.cf"]' >/var/lib/pillarbox/config_tree/postfix.pending"""
    )
    assert lab.changed(lab.playbook(POSTFIX)) == 1


def test_no_daemon_warns_of_its_configuration() -> None:
    checks = "doveconf -n", "postconf -n", "postconf -M", "nginx -tq", "unbound-checkconf"
    said = lab.on("mx", "; ".join(f"{check} 2>&1 >/dev/null" for check in checks))
    assert said == ""


def test_a_timer_that_was_stopped_is_started_by_the_next_run() -> None:
    lab.on("mx", "systemctl stop pillarbox-check.timer")
    assert lab.changed(lab.playbook(POSTFIX)) == 1
    assert lab.on("mx", "systemctl is-active pillarbox-check.timer") == "active\n"


@pytest.mark.once
def test_a_check_predicts_what_is_left_of_a_run_that_ended_before_dovecot_had_its_user() -> None:
    lab.on("mx", "sed -i s/^vmail:/gone:/ /etc/passwd")
    try:
        assert lab.changed(lab.site("--check")) == 1
    finally:
        lab.on("mx", "sed -i s/^gone:/vmail:/ /etc/passwd")


@pytest.mark.once
def test_after_all_that_a_run_changes_nothing_and_shows_no_secret_however_much_is_asked_for() -> (
    None
):
    run = lab.site("-vvv", "--diff")
    assert lab.changed(run) == 0
    assert secrets_in(run.stdout) == []


def test_the_host_serves_again_after_a_reboot() -> None:
    lab.reboot("mx")
    assert lab.on("mx", "systemctl is-system-running", check=False) == "running\n"

    mail = lab.message("bob@example.net", "alice@example.org")
    lab.send_from_peer(mail)

    lab.eventually(
        "the mail",
        lambda: lab.on("peer", "postqueue -f") or lab.find("alice@example.org", mail),
    )
