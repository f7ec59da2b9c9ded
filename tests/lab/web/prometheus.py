# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's Prometheus, which reads the mail host every second and evaluates its alert rules.

On a real host rules wait for minutes or hours; here they do not.
"""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.lab import lab

RULES = lab.ROOT / "docs/monitoring/alerts.yml"
GUIDE = lab.ROOT / "docs/monitoring.md"
PARTS = ("host", "dovecot", "rspamd")


def scrape_configs() -> list[dict[str, Any]]:
    """Return the configuration that the guide shows, for this lab."""
    blocks = GUIDE.read_text().split("```yaml\n")[1:]
    [block] = [text.split("```")[0] for text in blocks if "scrape_configs" in text]
    [config] = yaml.safe_load(block)["scrape_configs"]
    config["scrape_interval"] = "1s"
    config["basic_auth"]["password_file"] = str(lab.STATE / "secrets/metrics")
    config["tls_config"] = {"ca_file": str(lab.STATE / "tls/pebble-root.pem")}
    return [config]


def rules(shorter: Mapping[str, str]) -> str:
    """Return the rules without their times, and with other thresholds, by alert."""
    groups = yaml.safe_load(RULES.read_text())
    for rule in groups["groups"][0]["rules"]:
        rule.pop("for", None)
        if rule["alert"] in shorter:
            before, _, after = shorter[rule["alert"]].partition(" => ")
            assert before in rule["expr"], rule
            rule["expr"] = rule["expr"].replace(before, after)
    return str(yaml.safe_dump(groups))


class Prometheus:
    """A running Prometheus."""

    def __init__(self, directory: Path) -> None:
        self.rules = directory / "alerts.yml"
        config = directory / "prometheus.yml"
        config.write_text(
            yaml.safe_dump({
                "global": {"evaluation_interval": "1s"},
                "rule_files": [str(self.rules)],
                "scrape_configs": scrape_configs(),
            })
        )  # fmt: skip
        self.rules.write_text(rules({}))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.log = (directory / "log").open("w")
        self.process = subprocess.Popen(
            [
                *lab.by_the_labs_resolver(directory),
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={self.address}",
                "--web.enable-lifecycle",
            ],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def shorten(self, shorter: Mapping[str, str]) -> None:
        """Use other thresholds from now on."""
        self.rules.write_text(rules(shorter))
        self._ask("/-/reload", b"")

    def _ask(self, path: str, data: bytes | None = None) -> bytes:
        with urllib.request.urlopen(f"http://{self.address}{path}", data, timeout=10) as answer:
            content: bytes = answer.read()
            return content

    def query(self, expression: str) -> list[dict[str, str]]:
        """Return the labels of the series that an expression has now; none before it runs."""
        path = f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        try:
            found = json.loads(self._ask(path))["data"]["result"]
        except OSError:
            assert self.process.poll() is None, Path(self.log.name).read_text()
            return []
        return [each["metric"] for each in found]

    def firing(self) -> set[tuple[str, str]]:
        """Return the alerts that fire or have fired, with the check that they are about, if any."""
        found = self.query('count_over_time(ALERTS{alertstate="firing"}[10m])')
        return {(labels["alertname"], labels.get("check", "")) for labels in found}

    def names(self) -> set[str]:
        """Return the names of all metrics that the host has had."""
        return set(json.loads(self._ask("/api/v1/label/__name__/values"))["data"])

    def unhealthy(self) -> list[str]:
        """Return the rules that were not evaluated yet, or could not be."""
        groups = json.loads(self._ask("/api/v1/rules"))["data"]["groups"]
        return [
            f"{rule['name']}: {rule.get('lastError')}"
            for group in groups
            for rule in group["rules"]
            if rule["health"] != "ok"
        ]
