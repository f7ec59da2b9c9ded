# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox status" reports about the certificates of web names."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pillarbox.status import web_names
from pillarbox.status.finding import ATTENTION, OK, Finding
from pillarbox.status.web_names import findings

DAY = 86400
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
WANTED = {"example.org": ["mta-sts.example.org", "autoconfig.example.org"]}


def moment(days: float) -> str:
    return datetime.fromtimestamp(NOW + days * DAY, UTC).isoformat()


def issued(left: float) -> dict[str, Any]:
    """A certificate for 90 days with so many left."""
    return {"issuer": "https://ca.example/dir", "begin": moment(left - 90), "end": moment(left)}


def refusal(tries: int) -> dict[str, Any]:
    return {"failed": moment(-0.125), "tries": tries, "why": "no \x1b order"}


def test_a_good_one_is_a_line() -> None:
    assert findings({"example.org": issued(80)}, WANTED, 30, NOW) == [
        Finding("web names", "", OK, "1 certificate for 1 site, next renewal 2027-01-21")
    ]


def test_one_that_should_have_been_renewed_needs_attention() -> None:
    found = findings({"example.org": issued(15.5)}, WANTED, 30, NOW)[0]
    assert (found.subject, found.state) == ("example.org", ATTENTION)
    assert found.text.startswith("renewal overdue since 2026-11-")
    assert found.text.endswith(", 15 days left")
    assert found.remedy == "pillarbox certificates renew example.org"
    assert findings({"example.org": issued(-2)}, WANTED, 30, NOW)[0].text == (
        "expired at 2026-11-24 12:00 (2 days ago)"
    )


def test_an_order_that_failed_needs_attention() -> None:
    found = findings({"example.org": {**issued(80), **refusal(2)}}, WANTED, 30, NOW)
    assert found[0].text == '2 failed orders, the last at 09:00 (3 hours ago): "no   order"'
    assert found[0].remedy.endswith("then: pillarbox certificates renew example.org")
    assert [one.state for one in found] == [ATTENTION, OK]


def test_a_name_that_does_not_lead_here_is_mentioned() -> None:
    strays = {"autoconfig.example.org": "is not in DNS", "former.example.org": "is not in DNS"}
    found = findings({"example.org": {**issued(80), "strays": strays}}, WANTED, 30, NOW)
    assert [one.state for one in found] == [OK]
    assert found[0].text.endswith("; without one, as they do not lead here: autoconfig.example.org")


def test_a_thousand_domains_do_not_fill_the_screen() -> None:
    wanted = {f"d{number}.example": [f"mta-sts.d{number}.example"] for number in range(1000)}
    sites: dict[str, Any] = {site: issued(80) for site in wanted}
    for number in range(100):
        sites[f"d{number}.example"] |= refusal(number + 1)
        sites[f"d{100 + number}.example"] = issued(number / 10)
        name = f"mta-sts.d{200 + number}.example"
        sites[f"d{200 + number}.example"] = {"strays": {name: "is not in DNS"}}
    found = findings(sites, wanted, 30, NOW)
    assert [one.subject for one in found] == ["d100.example", "d99.example", ""]
    assert found[0].text == "expired at 12:00 (0 seconds ago); 99 other sites overdue"
    assert found[1].text.endswith("; orders of 99 other sites failed")
    assert found[2].text == (
        "900 certificates for 1,000 sites, next renewal 2026-10-28; without one, as they do not"
        " lead here: mta-sts.d200.example, mta-sts.d201.example, mta-sts.d202.example and 97 more"
    )


def test_reads_what_the_roles_have_configured(tmp_path: Path) -> None:
    web = {"dir": str(tmp_path), "sites": WANTED}
    acme: dict[str, Any] = {"source": "acme", "renew_days": 30, "web": web}
    assert web_names.look({"acme_sh": {**acme, "web": {}}}, NOW) == []
    assert web_names.look({"acme_sh": acme}, NOW)[0].text == "0 certificates for 1 site"
    state = {"orders": [], "sites": {"example.org": issued(80)}}
    (tmp_path / "state.json").write_text(json.dumps(state))
    text = "1 certificate for 1 site, next renewal 2027-01-21"
    assert web_names.look({"acme_sh": acme}, NOW)[0].text == text
    own = {**acme, "source": "files"}
    assert "self-signed" in web_names.look({"acme_sh": own}, NOW)[0].text
