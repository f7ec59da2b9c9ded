# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies of a domain become stricter by reports that arrive by mail, and fall back by others.

Each test takes the next step. Days pass as the file of policies and the reports have earlier dates.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._mta_sts.policy import policy_id

from tests.lab import lab
from tests.lab.steps import some_steps

# What the host decides does not depend on the release, and what a run publishes does not either.
pytestmark = pytest.mark.once

SHOP, MX, STRANGER = "shop.example.org", "198.18.0.10", "198.18.0.66"
DATABASE = "/var/lib/pillarbox-reports/reports.sqlite"
POLICIES, FINDINGS = "/var/lib/pillarbox/maturity.json", "/var/lib/pillarbox/check.json"
DAY = 86400
TODAY = int(time.time()) // DAY * DAY
# With their addresses at peer, which can prove that it may send for both domains.
REPORTERS = {
    "Example Mail": "reports@example.net",
    "Another Mail": "reports@reporter.example",
}
Run = Callable[..., Any]


def dmarc(reporter: str, begin: int, passed: int, failed: int) -> str:
    """Return a report about mail of this host, and about forgeries, which all fail."""
    rows = [(MX, passed, "pass"), (MX, failed, "fail"), (STRANGER, 900, "fail")]
    records = "".join(
        f"<record><row><source_ip>{source}</source_ip><count>{count}</count><policy_evaluated>"
        f"<disposition>none</disposition><dkim>{result}</dkim><spf>{result}</spf>"
        f"</policy_evaluated></row><identifiers><header_from>{SHOP}</header_from></identifiers>"
        f"<auth_results><spf><domain>{SHOP}</domain><result>{result}</result></spf></auth_results>"
        "</record>"
        for source, count, result in rows
    )
    return (
        f"<feedback><report_metadata><org_name>{reporter}</org_name><email>dmarc@example.net"
        f"</email><report_id>{begin}.{failed}</report_id><date_range><begin>{begin}</begin>"
        f"<end>{begin + DAY - 1}</end></date_range></report_metadata><policy_published>"
        f"<domain>{SHOP}</domain><p>none</p></policy_published>{records}</feedback>"
    )


def tls(reporter: str, begin: int, passed: int, failed: int) -> str:
    """Return a report about TLS sessions by the policy."""
    start, end = (
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
        for moment in (begin, begin + DAY - 1)
    )
    summary = {"total-successful-session-count": passed, "total-failure-session-count": failed}
    policy = {"policy-type": "sts", "policy-string": ["mode: testing"], "policy-domain": SHOP}
    return json.dumps(
        {
            "organization-name": reporter,
            "date-range": {"start-datetime": start, "end-datetime": end},
            "contact-info": "tls@example.net",
            "report-id": f"{begin}.{failed}",
            "policies": [{"policy": policy, "summary": summary}],
        }
    )


def report(days: tuple[int, ...], passed: int, failed: int) -> None:
    """Have each reporter send what it saw, so many days ago, in one message."""
    for reporter, sender in REPORTERS.items():
        mail = lab.message(sender, f"mailreports@{SHOP}", "These are reports.")
        for ago in days:
            about = (reporter, TODAY - ago * DAY, passed, failed)
            archive = io.BytesIO()
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
                packed.writestr("report.xml", dmarc(*about))
            mail.add_attachment(
                archive.getvalue(), maintype="application", subtype="zip", filename="report.zip"
            )
            mail.add_attachment(
                gzip.compress(tls(*about).encode()),
                maintype="application",
                subtype="tlsrpt+gzip",
                filename="report.json.gz",
            )
        lab.send_from_peer(mail)
        assert f"{2 * len(days)} kept" in delivery(mail)


def delivery(mail: EmailMessage) -> str:
    """Wait until a message is delivered, and return the log line."""
    lines = lab.eventually("a delivery", lambda: lab.log_of("mx", mail, "status=sent") or None)
    return lines[0]


def a_month_passes() -> None:
    """Let the policies be in force for a month and a day."""
    long_ago = time.strftime("%Y-%m-%d", time.gmtime(TODAY - 31 * DAY))
    lab.on("mx", f"""sed -i '/"{SHOP}"/s/"since": "[^"]*"/"since": "{long_ago}"/g' {POLICIES}""")


def published() -> tuple[str, str, str]:
    """Return the DMARC policy, what SPF says of others, and the mode of MTA-STS."""
    dmarc = re.findall(r"\bp=(\w+)", str(lab.dig(f"_dmarc.{SHOP}", "TXT")))
    spf = re.findall(r"v=spf1 .* (\S+)\"", str(lab.dig(SHOP, "TXT")))
    policy = lab.https(f"mta-sts.{SHOP}", "/.well-known/mta-sts.txt").body.decode()
    assert f"id={policy_id(policy)}" in str(lab.dig(f"_mta-sts.{SHOP}", "TXT"))
    mode = re.findall(r"mode: (\w+)", policy)
    return dmarc[0], spf[0], mode[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run the steps of site.yml that concern policies, with maturity for the shop only."""
    steps = ("base look", "base install", "web policies", "dns")
    playbook = some_steps(tmp_path_factory.mktemp("maturity"), steps)
    # Results of steps that are left out.
    results: dict[str, Any] = {
        "rspamd_dkim_switched": {"withdrawn": []},
        "dns_acme_ca": None,
        "dns_web_names": ["mta-sts.example.org", f"mta-sts.{SHOP}"],
    }

    def run(*arguments: str, **domain: Any) -> Any:
        domains = {"example.org": {}, SHOP: {"catch_all": "dave@example.org", **domain}}
        return lab.playbook(playbook, *arguments, mail_domains=domains, **results)

    lab.on("mx", f"cp {FINDINGS} {FINDINGS}.saved; echo '{{}}' >{FINDINGS}; rm -f {DATABASE}*")
    yield run
    lab.on("mx", f"rm -f {DATABASE}* {FINDINGS}; mv {FINDINGS}.saved {FINDINGS} || true")
    after = run()
    assert after.returncode == 0, after.stdout


def taken(run: Run, *steps: str) -> None:
    """Take these steps, and no other."""
    after = run(maturity=True)
    assert lab.changed(after), after.stdout
    assert re.findall(rf"{SHOP}: (\S+ goes.*?): ", after.stdout) == [*steps]


def test_a_new_domain_begins_with_policies_that_only_report(run: Run) -> None:
    lab.on("mx", f"""sed -i '/"{SHOP}"/d;s/^\\("example.org".*\\),$/\\1/' {POLICIES}""")
    taken(run)
    assert published() == ("none", "~all", "testing")


def test_clean_reports_lead_one_step_further_as_check_mode_predicts(run: Run) -> None:
    report((2, 3, 5), 50, 0)
    a_month_passes()
    steps = ["DMARC goes from none to quarantine", "MTA-STS goes from testing to enforce"]

    predicted = run("--check", maturity=True)
    assert published() == ("none", "~all", "testing")
    after = run(maturity=True)

    for each in (predicted, after):
        assert re.findall(rf"{SHOP}: (\S+ goes.*?): ", each.stdout) == steps
    assert lab.changed(predicted) == lab.changed(after)
    assert published() == ("quarantine", "~all", "enforce")
    assert lab.changed(run(maturity=True)) == 0


@pytest.mark.once
def test_after_two_more_months_the_domain_is_at_the_top(run: Run) -> None:
    a_month_passes()
    taken(run, "DMARC goes from quarantine to reject")
    a_month_passes()
    taken(run, "SPF goes from ~all to -all")
    assert published() == ("reject", "-all", "enforce")


@pytest.mark.once
def test_failures_lead_a_step_back_and_the_daily_check_reports_it(run: Run) -> None:
    a_month_passes()
    report((1,), 5, 30)
    taken(
        run,
        "DMARC goes back from reject to quarantine",
        "SPF goes back from -all to ~all",
        "MTA-STS goes back from enforce to testing",
    )
    assert published() == ("quarantine", "~all", "testing")
    lab.on("mx", "systemctl start pillarbox-check")
    reported = json.loads(lab.on("mx", f"cat {FINDINGS}"))
    for title in ("DMARC", "SPF", "MTA-STS"):
        assert reported[f"maturity {title} of {SHOP}"]["reported"], reported
