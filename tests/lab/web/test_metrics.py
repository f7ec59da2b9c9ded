# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics, alert rules and the webhook: silent on a healthy host, and each heard on a broken one.

The real Prometheus reads the host. No number is made up: what an alert waits for is broken.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator

import pytest
import yaml

from tests.lab import lab
from tests.lab.checks import replaced
from tests.lab.default.test_reports import DMARC, TLS
from tests.lab.lab import MX
from tests.lab.web.faults import DOMAIN, FAULTS, MORE_FAULTS, PART, RECORDS, REPAIRS
from tests.lab.web.prometheus import PARTS, RULES, Prometheus

PASSWORD, TOKEN = (
    (lab.STATE / "secrets" / name).read_text().strip() for name in ("metrics", "token")
)
ALERTS = [rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]]
# What takes many events, or hours.
SHORTER = {
    "MetricsStale": "> 600 => > 4",
    "QueueOld": "> 21600 => > 3",
    "BouncesSurge": "> 50 => > 1",
    "RejectionsSurge": "> 1000 => > 1",
    "LoginFailuresSurge": "> 200 => > 1",
}
RECEIVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with open("/run/lab-webhook", "a") as heard:
            print(self.command, self.path, text, file=heard)
        self.send_response(200)
        self.end_headers()
    do_GET = do_POST
class Server(http.server.HTTPServer):
    address_family = __import__("socket").AF_INET6
Server(("::", 8025), Handler).serve_forever()
"""


def get(part: str, password: str = PASSWORD, user: str = "prometheus") -> lab.Answer:
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"} if password else {}
    return lab.https(MX, f"/metrics/{part}", headers=headers)


def read_again() -> None:
    """Have the host write its metrics, as the timer does once a minute."""
    # The first time, it may be running already. systemd would refuse so many starts in a row.
    start = "systemctl start pillarbox-metrics"
    lab.on("mx", f"systemctl reset-failed pillarbox-metrics.service; {start} && {start}")


def heard() -> list[str]:
    """Return what the webhook and the watcher were sent."""
    return lab.on("peer", "cat /run/lab-webhook", check=False).splitlines()


@pytest.fixture(scope="module")
def receiver() -> Iterator[None]:
    """Run a webhook on the other host."""
    lab.on("peer", "rm -f /run/lab-webhook; cat >/run/lab-webhook.py", RECEIVER)
    lab.on("peer", "systemd-run -q --unit lab-webhook python3 /run/lab-webhook.py")
    yield
    lab.on("peer", "systemctl stop lab-webhook; rm -f /run/lab-webhook*")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, receiver: None) -> Iterator[Prometheus]:
    lab.on("mx", "systemctl start pillarbox-check")
    read_again()
    running = Prometheus(tmp_path_factory.mktemp("prometheus"))
    yield running
    running.stop()


def numbers_in(file: str, programs: str) -> set[str]:
    """Return the names of numbers of some programs that a file beside the rules is about."""
    text = (RULES.parent / file).read_text()
    return set(re.findall(rf"\b(?:{programs})_[a-z_]+\b(?=[{{\[ ])", text))


@pytest.mark.first
def test_the_metrics_need_the_password_and_are_nowhere_else() -> None:
    for part in PARTS:
        assert get(part, "").status == get(part, "wrong").status == 401
        assert get(part, user="admin").status == 401
        assert get(part).status == 200
    assert get("").status == get("other").status == 404
    assert lab.https(f"autoconfig.{DOMAIN}", "/metrics/host").status == 404
    for port in (9900, 11334):
        lab.on("peer", f"! timeout 5 bash -c '</dev/tcp/{MX}/{port}' 2>/dev/null")
    assert lab.on("mx", "stat -c '%a %U %G' /etc/nginx/pillarbox/metrics.passwords") == (
        "640 root www-data\n"
    )
    lab.on("mx", f"! grep -rqF {PASSWORD} /etc /var/lib/pillarbox")


@pytest.mark.first
def test_the_text_is_as_prometheus_wants_it() -> None:
    # Some numbers exist from the first message on.
    mail = lab.message("bob@example.net", f"alice@{DOMAIN}")
    lab.send_from_peer(mail)
    lab.received(f"alice@{DOMAIN}", mail)
    read_again()
    text = get("host").text
    check = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True
    )
    assert (check.returncode, check.stdout, check.stderr) == (0, "", "")
    assert 'pillarbox_unit_ok{unit="dovecot.service",part="daemons"} 1' in text
    assert "pillarbox_certificate_expiry_timestamp_seconds" in text
    assert 'pillarbox_collector_success{collector="reports"} 1' in text
    assert re.search(r"^dovecot_auth_successes_total \d+$", get("dovecot").text, re.MULTILINE)
    assert re.search(r"^rspamd_scanned_total \d+$", get("rspamd").text, re.MULTILINE)
    # On each release, these are the names of those that alerts and the dashboard are about.
    everything = "".join(get(part).text for part in PARTS)
    there = set(re.findall(r"^\w+", everything, re.MULTILINE))
    for file in ("alerts.yml", "grafana.json"):
        assert numbers_in(file, "dovecot|rspamd") - there == set()
    # No user is named, and the log has neither each minute nor each scrape.
    assert f"@{DOMAIN}" not in everything
    log = lab.on("mx", "journalctl -u pillarbox-metrics.service -u nginx -o cat --since -2min")
    assert not re.search(r'Finished|/metrics/\w+" 200', log)


@pytest.mark.first
def test_the_rules_are_valid() -> None:
    subprocess.run(["promtool", "check", "rules", str(RULES)], check=True)


@pytest.mark.first
def test_no_alert_fires_on_a_healthy_host(prometheus: Prometheus) -> None:
    assert [line for line in heard() if f"GET /ping/{TOKEN}" in line]
    up = "up == 1 and on (exporter) up offset 2s"
    lab.eventually("scrapes", lambda: len(prometheus.query(up)) == len(PARTS) or None)
    lab.eventually("rules", lambda: not prometheus.unhealthy() or None)
    # What other tests crash is in the log for a day, and security updates appear at any time.
    alerts = {alert for alert in prometheus.firing() if alert[1] not in ("log", "updates")}
    assert alerts - {("UpdatesPending", "")} == set()


@pytest.fixture(scope="module")
def fired(prometheus: Prometheus) -> Iterator[set[str]]:
    """Break many things in turns, and return the alerts that fired."""
    part = json.loads(lab.on("mx", f"cat {PART}"))
    part["domains"] += ["expired.example.net", "shop.unsigned.example.net"]
    # The first is right; the next has no reverse name, and is on a DNS list.
    part["addresses"] = ["198.18.0.10", "198.18.0.66"]
    part["directories"] = {"a": "/mnt/readonly", "b": "/mnt/full", "c": "/mnt/many"}
    prometheus.shorten(SHORTER)
    lab.on("internet", "lab-ca refuse")
    with replaced(RECORDS):
        try:
            lab.on("mx", FAULTS)
            lab.on("internet", "lab-ca off")
            lab.on("mx", f"cat >{PART}", json.dumps(part))
            for _time in range(3):
                assert lab.answer_to(f"nobody@{DOMAIN}").startswith("550")
            report_failures()
            lab.eventually("mail in clear text", clear_text)
            lab.on("mx", "pillarbox tls update; systemctl start pillarbox-check")
            wait_for(prometheus, "TlsaMismatch", "ClearTextPartnersGrow", "BouncesSurge")
            lab.on("mx", MORE_FAULTS)
            wait_for(prometheus, "QueueLarge", "QueueOld", "MetricsIncomplete", "MailCheckMissing")
            lab.on("mx", "systemctl stop pillarbox-metrics.timer dovecot rspamd")
            wait_for(prometheus, "DovecotUnreachable", "RspamdUnreachable", "MetricsStale")
            lab.on("mx", "systemctl stop nginx")
            wait_for(prometheus, "MailHostUnreachable")
            yield {alert for alert, _check in prometheus.firing()}
        finally:
            lab.on("internet", "lab-ca off")
            lab.on("mx", REPAIRS)


def clear_text() -> bool | None:
    """Whether the mail that FAULTS sends has left."""
    log = lab.on("mx", "journalctl -o cat -u 'postfix*' --since -1min")
    return bool(re.search(r"to=<bob@unsigned\.example\.net>.*status=sent", log)) or None


def report_failures() -> None:
    """Have others report that the host's own mail fails DMARC, and that TLS fails."""
    dmarc = DMARC.replace("198.18.0.66", "198.18.0.10").replace("4711", "4713")
    policy = {
        "policy": {"policy-type": "tlsa", "policy-domain": DOMAIN},
        "summary": {"total-successful-session-count": 80, "total-failure-session-count": 20},
    }
    reports = {"d.xml": dmarc, "t.json": json.dumps({**TLS, "policies": [policy]})}
    for name, report in reports.items():
        lab.on(
            "mx",
            f"cat >/root/metrics-{name} && pillarbox reports import /root/metrics-{name}",
            report,
        )


def wait_for(prometheus: Prometheus, *alerts: str) -> None:
    """Wait until alerts fire, before the next faults hide what they are about."""

    def all_fire() -> bool | None:
        # What is logged a moment later counts the next time.
        if "MetricsStale" not in alerts and "MailHostUnreachable" not in alerts:
            read_again()
        return {*alerts} <= {alert for alert, _check in prometheus.firing()} or None

    # Each reading takes its time, as much of what it asks is broken.
    lab.eventually(", ".join(alerts), all_fire, patience=180)


@pytest.mark.once
@pytest.mark.first
@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_fires_when_what_it_is_about_breaks(fired: set[str], alert: str) -> None:
    assert alert in fired


@pytest.mark.once
@pytest.mark.first
@pytest.mark.parametrize("file", ["alerts.yml", "grafana.json"])
def test_no_rule_and_no_panel_is_about_a_number_that_does_not_exist(
    fired: set[str], prometheus: Prometheus, file: str
) -> None:
    names = numbers_in(file, "pillarbox|dovecot|rspamd")
    assert names - prometheus.names() == set()
    assert len(names) > 12


@pytest.mark.once
@pytest.mark.first
def test_the_webhook_hears_of_it_while_mail_is_broken(fired: set[str]) -> None:
    about = [line for line in heard() if line.startswith(f"POST /alerts/{TOKEN} mx: ")]
    assert [line for line in about if "critical: " in line and "more critical findings" in line]
    # Postfix was stopped then.
    assert [line for line in about if "pillarbox-junk failed" in line]


@pytest.mark.once
@pytest.mark.first
def test_the_token_of_the_webhook_is_in_no_log_and_only_root_can_read_it(fired: set[str]) -> None:
    lab.on("mx", f"! journalctl -o cat --since -10min | grep -F {TOKEN}")
    assert lab.on("mx", f"grep -rlF {TOKEN} /etc /usr/local /run/systemd 2>/dev/null") == (
        "/etc/pillarbox/alerts.json\n"
    )
    assert lab.on("mx", "stat -c '%a %U' /etc/pillarbox/alerts.json") == "600 root\n"
