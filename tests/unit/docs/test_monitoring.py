# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules and the dashboard, of which the guide tells; the lab has them fire."""

from __future__ import annotations

import json
import re

import yaml

from ..paths import ROOT

DOCS = ROOT / "docs"
GUIDE = (DOCS / "monitoring.md").read_text()
[GROUP] = yaml.safe_load((DOCS / "monitoring/alerts.yml").read_text())["groups"]
ALERTS = [rule["alert"] for rule in GROUP["rules"]]


def test_the_guide_lists_each_alert() -> None:
    assert re.findall(r"^\| `([A-Z]\w+)` \|", GUIDE, re.MULTILINE) == ALERTS
    assert len(set(ALERTS)) == len(ALERTS)
    assert f"{len(ALERTS)} alert rules" in (DOCS / "features.md").read_text()


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    for rule in GROUP["rules"]:
        assert rule["annotations"].keys() == {"summary", "remedy"}, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]


def test_the_guide_lists_each_number_of_the_host_in_a_rule_or_panel() -> None:
    for file in ("alerts.yml", "grafana.json"):
        text = (DOCS / "monitoring" / file).read_text()
        names = set(re.findall(r"\bpillarbox_(?!filesystem|memory)[a-z_]+[a-z]", text))
        assert {name for name in names if f"`{name}" not in GUIDE} - {"pillarbox_mail"} == set()


def test_the_panels_of_the_dashboard_have_places_of_their_own() -> None:
    panels = json.loads((DOCS / "monitoring/grafana.json").read_text())["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len({panel["id"] for panel in panels}) == len(panels)
