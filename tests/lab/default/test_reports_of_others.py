# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports that programs of others make of real mail, and send to the addresses in our records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import lab
from tests.lab.reporters import FAILING, REPORTED, send_dmarc_report, tls_sessions_reported
from tests.lab.reports import KEPT

ALICE, BOB = "alice@example.org", "bob@example.net"


@pytest.fixture(autouse=True)
def no_reports_kept() -> Iterator[None]:
    lab.on("mx", f"rm -f {KEPT}*")
    yield
    lab.on("mx", f"rm -f {KEPT}*")


def shown(kind: str, name: str) -> dict[str, Any]:
    """Wait for a report about a domain or host, and return what is shown of it."""

    def found() -> dict[str, Any] | None:
        domains = json.loads(lab.on("mx", f"pillarbox reports --json {name}"))["domains"]
        return domains[0][kind] if domains else None

    return lab.eventually(f"a report about {name}", found)


def screen() -> str:
    return " ".join(lab.on("mx", "pillarbox reports").split())


def test_tlsrpt_reporter_tells_which_tls_sessions_failed() -> None:
    with tls_sessions_reported():
        for _ in range(2):
            mail = lab.message(REPORTED, ALICE)
            lab.send_from_peer(mail)
            lab.received(ALICE, mail)
        failing = lab.message(FAILING, ALICE)
        lab.send_from_peer(failing)
        queue_id = lab.deferral("peer", failing).partition(":")[0]
        lab.on("peer", f"postsuper -d {queue_id}")

    # By DANE, so about the name of the server (RFC 8460, section 1.1).
    about = shown("tls", lab.MX)
    # Not among those whose sender is not proven.
    assert about["reporters"] == {"TLS reports of peer": 1}
    [policy] = about["policies"]
    failures = about["failures"]
    failed = sum(failure["count"] for failure in failures)
    assert (policy["type"], policy["successful"], policy["failed"]) == ("tlsa", 2, failed)
    # One at each address of the server.
    assert {failure["sender"] for failure in failures} == {"198.18.0.20", "2001:2:0:20::20"}
    assert {(failure["mx"], failure["result"], failure["reason"]) for failure in failures} == {
        (lab.MX, "validation-failure", "tls-handshake-failure")
    }
    assert f"tlsa 2 succeeded, {failed} failed" in screen()


def test_mail_dmarc_tells_our_mail_from_a_forgery() -> None:
    ours, forged = lab.message(ALICE, BOB), lab.message(ALICE, BOB)
    lab.submit(ours)
    # Not from localhost, which OpenDMARC would ignore.
    words = f"swaks --server 198.18.0.20 --from {ALICE} --to {BOB} --data -"
    lab.on("peer", words, forged.as_string())

    send_dmarc_report(ours, forged)

    about = shown("dmarc", "example.org")
    assert about["reporters"] == {"DMARC reports of peer": 1}
    assert (about["messages"], about["passing"], about["policy"]) == (2, 1, "p=reject sp=reject")
    failing, passing = sorted(about["sources"], key=lambda source: str(source["group"]))
    assert (failing["group"], failing["source"]) == ("failing", "198.18.0.20")
    assert (failing["dkim"], failing["spf"], failing["disposition"]) == (False, False, "reject")
    assert (passing["group"], passing["dkim"], passing["spf"]) == ("ours", True, True)
    assert passing["dkim_domain"] == passing["spf_domain"] == "example.org"
    assert "2 messages, 1 (50.0 %) pass; policy p=reject sp=reject" in screen()
