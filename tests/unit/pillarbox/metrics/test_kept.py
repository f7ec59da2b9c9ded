# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers from the databases of other verbs, which their own code fills."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pillarbox.check import saved
from pillarbox.check.finding import CRITICAL, Finding
from pillarbox.check.run import Outcome
from pillarbox.metrics import kept
from pillarbox.metrics.text import as_text
from pillarbox.reports import own, store
from pillarbox.status import finding
from pillarbox.tls.command import DATABASE
from pillarbox.tls.store import Count, Store
from pillarbox.tls.traffic import Way

from ..reports.samples import NOW

DAY = 86400


def lines(families: list[Any]) -> list[str]:
    return [line for line in as_text(families).splitlines() if not line.startswith("#")]


def test_messages_are_summed_up_by_protection_and_partners_in_clear_text_are_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kept, "TLS", tmp_path / "tls.sqlite")
    parts: dict[str, dict[str, Any]] = {"postfix": {"tls_days": 90}}
    before = lines(kept.encryption(parts, NOW))
    assert 'pillarbox_tls_clear_partners{direction="sent"} 0' in before
    today, long_ago = finding.day(NOW), finding.day(NOW - 8 * DAY)
    database = Store(kept.TLS)
    database.add(
        [
            Count(today, "a.example", True, Way("clear"), 2),
            Count(today, "b.example", True, Way("clear"), 1),
            Count(today, "b.example", True, Way("dane", "TLSv1.3"), 5),
            Count(long_ago, "c.example", True, Way("clear"), 100),
        ],
        {},
        "",
        "",
    )
    database.close()
    found = lines(kept.encryption(parts, NOW))
    assert 'pillarbox_tls_messages{direction="sent",protection="clear"} 3' in found
    assert 'pillarbox_tls_messages{direction="sent",protection="dane"} 5' in found
    assert 'pillarbox_tls_messages{direction="received",protection="clear"} 0' in found
    assert 'pillarbox_tls_clear_partners{direction="sent"} 2' in found
    assert kept.encryption({"postfix": {"tls_days": 0}}, NOW) == []


def test_reports_tell_mail_of_this_host_from_that_of_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kept, "REPORTS", tmp_path / "reports.sqlite")
    monkeypatch.setattr(own, "run", lambda *_command: b"10.0.0.5 2001:DB8::25\n")
    monkeypatch.setattr("pillarbox.parts.DIRECTORY", str(tmp_path))
    (tmp_path / "base.json").write_text('{"addresses": ["192.0.2.25"]}')
    assert kept.foreign_reports({}, NOW) == []
    with store.opened(kept.REPORTS):
        pass
    with sqlite3.connect(kept.REPORTS) as database:
        database.execute(
            "INSERT INTO report VALUES (1, 'DMARC', 'r', '1', 'example.org', ?, ?, '', '', 'r')",
            (NOW - DAY, NOW),
        )
        # Whoever sent this one has not proven to be its reporter.
        database.execute(
            "INSERT INTO report VALUES (2, 'DMARC', 'r', '2', 'example.org', ?, ?, '', '', '')",
            (NOW - DAY, NOW),
        )
        forged = (2, "192.0.2.25", "example.org", "", "", "", "none", 0, 0, 5000)
        database.execute("INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", forged)
        for source, dkim, count in (
            ("192.0.2.25", 1, 7),
            ("2001:db8::25", 0, 2),
            ("203.0.113.66", 0, 30),
        ):
            row = (1, source, "example.org", "", "", "", "none", dkim, 0, count)
            database.execute("INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        database.execute("INSERT INTO policy VALUES (1, 'tlsa', '', 80, 20)")
    name = 'pillarbox_report_dmarc_messages{domain="example.org",source='
    assert lines(kept.foreign_reports({}, NOW)) == [
        f'{name}"host",result="pass"}} 7',
        f'{name}"host",result="fail"}} 2',
        f'{name}"others",result="pass"}} 0',
        f'{name}"others",result="fail"}} 30',
        'pillarbox_report_tls_sessions{domain="example.org",result="success"} 80',
        'pillarbox_report_tls_sessions{domain="example.org",result="failure"} 20',
    ]
    # Not of more than a week ago.
    assert lines(kept.foreign_reports({}, NOW + 8 * DAY)) == []


def test_a_certificate_and_a_failed_renewal(tmp_path: Path) -> None:
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=mx"
    command = f"{made} -days 9 -keyout key.pem -out ecdsa.pem"
    subprocess.run(command, shell=True, cwd=tmp_path, check=True, capture_output=True)
    web = tmp_path / "web"
    web.mkdir()
    site = {"begin": "2026-11-01T00:00:00+00:00", "end": "2027-01-30T00:00:00+00:00"}
    failed = {"failed": "2026-11-01T00:00:00+00:00", "why": "no", "tries": 1}
    (web / "state.json").write_text(json.dumps({"sites": {"a.example": site, "b.example": failed}}))
    config = {
        "tls_dir": str(tmp_path),
        "algorithms": ["ecdsa", "rsa"],
        "source": "acme",
        "renew_days": 30,
        "web": {"dir": str(web), "sites": {"a.example": [], "b.example": []}},
    }
    expiry = 'pillarbox_certificate_expiry_timestamp_seconds{certificate="'
    first, second, third = lines(kept.certificate_ends({"acme_sh": config}, NOW))
    assert first.startswith(f'{expiry}ecdsa"}} ')
    assert second == f'{expiry}web names"}} 1801267200'
    assert third == "pillarbox_certificate_renewals_failed 1"
    (tmp_path / "ring.json").write_text('{"failure": {"at": "", "why": "no"}}')
    assert lines(kept.certificate_ends({"acme_sh": config}, NOW))[-1].endswith("failed 2")


def test_dkim_keys_are_counted_by_state(tmp_path: Path) -> None:
    ledger = tmp_path / "dkim.json"
    since = "2026-11-01T00:00:00+00:00"
    ledger.write_text(
        json.dumps({
            "a.example": {
                "r1": {"state": "retired", "since": since},
                "r2": {"state": "active", "since": since},
            },
            "b.example": {"r1": {"state": "future", "since": since}},
        })
    )  # fmt: skip
    config = {"dkim": {"ledger": str(ledger), "held": []}}
    assert lines(kept.dkim_keys({"rspamd": config}, NOW)) == [
        'pillarbox_dkim_keys{state="future"} 1',
        'pillarbox_dkim_keys{state="active"} 1',
        'pillarbox_dkim_keys{state="retired"} 1',
        'pillarbox_dkim_keys{state="revoked"} 0',
        "pillarbox_dkim_oldest_active_key_timestamp_seconds 1793491200",
        "pillarbox_dkim_unsigned_domains 1",
    ]


def test_the_database_is_that_of_the_other_verb() -> None:
    assert kept.TLS == DATABASE


def test_the_last_check_has_a_number_for_each_status_and_its_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "findings.json"
    monkeypatch.setattr(kept, "saved", lambda: saved.saved(file))
    assert lines(kept.last_check({}, NOW)) == ["pillarbox_check_timestamp_seconds 0"]
    listed = Finding("DNS list", "192.0.2.1", CRITICAL, "listed")
    both = {"DNS list": [listed, listed._replace(subject="192.0.2.2")]}
    saved.save(Outcome(both, frozenset()), NOW, file)
    found = lines(kept.last_check({}, NOW))
    assert 'pillarbox_check_findings{check="DNS list",status="critical"} 2' in found
    assert 'pillarbox_check_findings{check="DNS list",status="warning"} 0' in found
    assert f"pillarbox_check_timestamp_seconds {NOW:.15g}" in found
