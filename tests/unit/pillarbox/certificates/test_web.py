# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of web names: each site gets its own, and none holds up another."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

from pillarbox.certificates import lookups, pair, web_due
from pillarbox.certificates.lifetimes import delay_of
from pillarbox.certificates.web import Web

from .nameserver import BROKEN, SILENT
from .web_host import CA, HERE, WebHost

NONE_YET = "there is no certificate yet"
BOTH = {"mta-sts.example.org", "autoconfig.example.org"}


def test_a_site_gets_a_certificate_as_predicted_and_then_needs_none(web_host: WebHost) -> None:
    predicted = web_host.renew("--check").report
    assert list(web_host.directory.iterdir()) == []
    assert predicted["due"] == {"example.org": NONE_YET}

    done = web_host.renew().report

    assert done == {**predicted, "issued": ["example.org"]}
    assert (done["warnings"], done["unserved"]) == ([], {})
    assert web_host.names("example.org") == BOTH
    nothing: dict[str, Any] = {"due": {}, "issued": [], "warnings": [], "unserved": {}}
    for arguments in ([], ["--check"]):
        assert web_host.renew(*arguments).report == nothing
    assert web_host.renew("--scheduled").report == {"due": {}, "issued": [], "warnings": []}
    assert len(web_host.orders()) == 1


def test_the_group_of_the_directory_can_read_it_and_nobody_else(web_host: WebHost) -> None:
    os.chown(web_host.directory, -1, 12345)
    web_host.renew()
    status = web_host.file("example.org").stat()
    assert (status.st_mode & 0o777, status.st_gid) == (0o640, 12345)


def test_the_directory_is_created_for_the_web_server(
    web_host: WebHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    web_host.directory.rmdir()
    monkeypatch.setattr("pillarbox.certificates.sites.GROUP", 12345)
    web_host.renew()
    status = web_host.directory.stat()
    assert (status.st_mode & 0o777, status.st_gid) == (0o750, 12345)


def test_after_a_run_that_was_killed_the_web_server_can_read_the_directory(
    web_host: WebHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pillarbox.certificates.sites.GROUP", 12345)
    steps = {"os.mkdir", "os.chmod", "os.chown", "os.rename"}
    for moment in range(len(steps)):
        shutil.rmtree(web_host.directory)
        run = web_host.host.run_until(moment, "renew", "web", events=steps)
        assert run.status is None, "it was killed"
        web_host.renew()
        status = web_host.directory.stat()
        assert (status.st_mode & 0o777, status.st_gid) == (0o750, 12345)


def test_each_certificate_has_a_new_key(web_host: WebHost) -> None:
    web_host.renew()
    before = pair.key_spki(web_host.file("example.org").read_bytes())
    assert web_host.renew("--force").report["due"] == {"example.org": "renewal was forced"}
    assert pair.key_spki(web_host.file("example.org").read_bytes()) != before


def test_without_a_name_that_leads_here_the_web_server_has_a_placeholder(
    web_host: WebHost,
) -> None:
    web_host.add("shop.example", leading_here=False)
    report = web_host.renew().report
    assert report["due"] == {"example.org": NONE_YET, "shop.example": NONE_YET}
    assert report["issued"] == ["example.org"]
    assert report["unserved"] == {
        "shop.example": ["mta-sts.shop.example", "autoconfig.shop.example"]
    }
    assert report["warnings"] == [
        "without a certificate, as they do not lead to this host in DNS: mta-sts.shop.example (is"
        " not in DNS), autoconfig.shop.example (is not in DNS)"
    ]
    assert web_host.names("shop.example") == set()
    assert web_host.renew().report["due"] == {}


def test_a_name_that_leads_elsewhere_is_left_out_until_it_leads_here(web_host: WebHost) -> None:
    web_host.resolver.table["autoconfig.example.org"] = ["192.0.2.9"]
    report = web_host.renew().report
    assert "autoconfig.example.org (leads to 192.0.2.9)" in str(report["warnings"])
    assert report["unserved"] == {"example.org": ["autoconfig.example.org"]}
    assert web_host.names("example.org") == {"mta-sts.example.org"}
    assert web_host.renew().report["due"] == {}

    web_host.resolver.table["autoconfig.example.org"] = HERE

    report = web_host.renew().report
    assert report["due"] == {
        "example.org": "the certificate in service is not for autoconfig.example.org"
    }
    assert (report["warnings"], report["unserved"]) == ([], {})
    assert web_host.names("example.org") == BOTH


def test_a_name_that_is_removed_needs_no_order(web_host: WebHost) -> None:
    web_host.renew()
    web_host.sites["example.org"].pop()
    assert web_host.renew().report["due"] == {}
    assert len(web_host.orders()) == 1


def test_check_mode_can_expect_records_that_the_run_publishes_first(web_host: WebHost) -> None:
    web_host.add("shop.example", leading_here=False)
    web_host.resolver.table["mta-sts.shop.example"] = ["192.0.2.9"]
    web_host.host.config["web"]["publishes"] = True
    report = web_host.renew("--check").report
    assert report["unserved"] == {"shop.example": ["mta-sts.shop.example"]}


def test_check_mode_expects_no_record_that_a_run_has_published_in_vain(web_host: WebHost) -> None:
    # Its zone is not delegated to the name servers yet.
    web_host.add("shop.example", leading_here=False)
    done = web_host.renew().report
    web_host.host.config["web"]["publishes"] = True
    report = web_host.renew("--check").report
    assert report == web_host.renew().report
    assert (report["due"], report["unserved"]) == ({}, done["unserved"])


def test_a_domain_with_broken_dns_or_a_refusal_holds_up_no_other(web_host: WebHost) -> None:
    web_host.add("broken.example", "refused.example", "z.example")
    web_host.resolver.table |= dict.fromkeys(web_host.sites["broken.example"], [BROKEN])
    web_host.refused = ["mta-sts.refused.example"]
    run = web_host.renew()
    assert run.status == 0
    assert run.report["issued"] == ["example.org", "z.example"]
    assert set(run.report["unserved"]) == {"broken.example", "refused.example"}
    refusal, strays = run.report["warnings"]
    assert refusal == (
        f"refused.example has no new certificate: {CA} issued no ecdsa certificate for"
        " mta-sts.refused.example: not today"
    )
    assert "mta-sts.broken.example (cannot be looked up (NoNameservers))" in strays


def test_a_refused_site_is_ordered_after_an_hour_then_two_then_daily(web_host: WebHost) -> None:
    web_host.refused = ["mta-sts.example.org"]
    hours = 1
    for tries in range(1, 8):
        web_host.renew()
        assert len(web_host.orders()) == tries
        web_host.let_pass(hours=hours, seconds=-10)
        report = web_host.renew().report
        assert report["due"] == {} and "not today" in str(report["warnings"])
        assert len(web_host.orders()) == tries
        web_host.let_pass(seconds=10)
        hours = min(2 * hours, 23)
    web_host.refused = []
    assert web_host.renew().report["issued"] == ["example.org"]
    assert web_host.renew().report["warnings"] == []


def test_who_asks_for_a_site_need_not_wait(web_host: WebHost) -> None:
    web_host.add("other.example")
    web_host.refused = ["mta-sts.example.org"]
    web_host.renew()
    web_host.refused = []
    run = web_host.host.run("renew", "example.org")
    assert run.report["issued"] == ["example.org"]
    assert len(web_host.orders()) == 3
    assert web_host.host.run("renew", "example.org").report["due"] == {}


def test_a_failure_is_forgotten_when_the_order_is_not_necessary_any_more(
    web_host: WebHost,
) -> None:
    web_host.renew()
    web_host.refused = ["mta-sts.example.org"]
    assert "not today" in str(web_host.renew("--force").report["warnings"])
    assert web_host.renew().report["warnings"] == []
    assert len(web_host.orders()) == 2


def test_a_site_that_is_not_configured_is_told(web_host: WebHost) -> None:
    run = web_host.host.run("renew", "exmaple.org")
    assert (run.status, run.out) == (1, "")
    assert run.err == "exmaple.org is not a site of this host; its sites are example.org\n"


def test_without_a_web_server_there_is_no_site_to_renew(web_host: WebHost) -> None:
    web_host.host.config["web"] = None
    for what in ("web", "example.org"):
        run = web_host.host.run("renew", what)
        assert (run.status, run.out) == (1, "")
        assert run.err == "this host has no web server; its certificates are those of mail\n"
    assert web_host.host.run("renew").status == 0


def test_a_failure_is_an_error_only_when_a_certificate_in_service_soon_expires(
    web_host: WebHost,
) -> None:
    web_host.refused = ["mta-sts.example.org"]
    web_host.add("z.example")
    web_host.serve("example.org", begin=-74, end=16)
    run = web_host.renew()
    assert run.status == 0 and run.report["issued"] == ["z.example"]
    assert run.report["due"]["example.org"] == "the certificate in service expires in 15 days"
    assert "example.org" not in run.report["unserved"], "the old one is in service"

    web_host.serve("example.org", begin=-76, end=14)
    web_host.serve("z.example", begin=-76, end=14)
    web_host.let_pass(days=1)
    run = web_host.renew()

    assert run.status == 4
    assert run.err.endswith("for mta-sts.example.org: not today\n")
    assert run.report["issued"] == ["z.example"]
    assert web_host.names("example.org") == BOTH


def test_a_resolver_that_fails_is_told_after_the_placeholders_are_in_place(
    web_host: WebHost,
) -> None:
    web_host.resolver.table["mx.example.org"] = [BROKEN]
    run = web_host.renew()
    assert run.status == 1
    assert run.err.startswith("mx.example.org cannot be looked up: ")
    assert web_host.file("example.org").exists() and web_host.orders() == []


def test_a_thousand_domains_are_spread_over_runs(web_host: WebHost) -> None:
    domains = [f"d{number}.example" for number in range(60)]
    web_host.add(*domains)
    run = web_host.renew("--orders", "20")
    assert len(run.report["issued"]) == len(web_host.orders()) == 20
    assert len(run.report["due"]) == 61, "all get a placeholder"
    assert run.report["warnings"] == [
        "41 sites wait for a certificate, as CAs limit orders; the timer makes the next"
    ]
    predicted = web_host.renew("--check", "--orders", "20").report
    run = web_host.renew("--orders", "20")
    assert len(predicted["due"]) == 20 and predicted["due"] == run.report["due"]
    assert predicted["unserved"] == run.report["unserved"]


def test_no_more_orders_are_made_in_three_hours_than_a_ca_accepts(
    web_host: WebHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_due, "MOST", 3)
    web_host.add("a.example", "b.example", "c.example")
    assert len(web_host.renew().report["issued"]) == 3
    # Forced, too.
    assert web_host.renew("--force").report["issued"] == []
    web_host.let_pass(hours=3)
    assert len(web_host.renew().report["issued"]) == 1


def test_what_another_run_has_ordered_meanwhile_is_not_ordered_again(web_host: WebHost) -> None:
    web_host.add("a.example", "b.example", "c.example", "d.example", "e.example")
    web = Web(web_host.host.config, web_host.host.config["web"], [], force=False)
    report = web.renew(250, give_way=lambda: web_host.serve("d.example", begin=0, end=90))
    assert "d.example" in report["due"] and "d.example" not in report["issued"]
    assert len(web_host.orders()) == len(report["issued"]) == 5


def test_domains_whose_dns_is_dead_come_last_the_next_time(
    web_host: WebHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_due, "BATCH", 2)
    monkeypatch.setattr(lookups, "TIMEOUT", 0.6)
    monkeypatch.setattr(lookups, "PATIENCE", 0.5)
    del web_host.sites["example.org"]
    web_host.add("a.example", "b.example", "c.example")
    for site in ("a.example", "b.example"):
        web_host.resolver.table |= dict.fromkeys(web_host.sites[site], [SILENT])
    assert web_host.renew().report["issued"] == []
    assert web_host.renew().report["issued"] == ["c.example"]


def test_when_all_orders_fail_the_ca_is_left_alone(web_host: WebHost) -> None:
    web_host.add(*(f"d{number}.example" for number in range(11)))
    web_host.refused = [names[0] for names in web_host.sites.values()]
    run = web_host.renew()
    assert run.status == 0 and len(web_host.orders()) == 8
    assert run.report["warnings"][3:] == [
        "nor has d2.example, d3.example, d4.example and 2 more; the timer tries again, at most once"
        " an hour",
        "4 sites wait for a certificate, as CAs limit orders; the timer makes the next",
    ]
    # Those that never failed come first.
    web_host.let_pass(hours=2)
    web_host.refused = web_host.refused[:8]
    assert len(web_host.renew().report["issued"]) == 4


def test_another_ca_has_all_of_them_issued_anew(web_host: WebHost) -> None:
    web_host.renew()
    web_host.host.config["issuer"] = "https://other.example/directory"
    assert web_host.renew().report["due"] == {
        "example.org": f"the certificate in service is from {CA}, not from"
        " https://other.example/directory"
    }
    assert web_host.renew().report["due"] == {}


def test_what_is_remembered_may_be_lost(web_host: WebHost) -> None:
    web_host.renew()
    (web_host.directory / "state.json").unlink()
    assert web_host.renew().report["due"] == {}
    assert web_host.state["sites"]["example.org"]["issuer"] == CA
    (web_host.directory / "state.json").write_text("junk")
    run = web_host.renew()
    assert run.status == 1 and "state.json is damaged" in run.err


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_a_file_that_is_not_usable_is_replaced_at_once(
    content: bytes | None, web_host: WebHost
) -> None:
    web_host.renew()
    if content is None:
        web_host.add("z.example")
        web_host.renew()
        key = web_host.file("z.example").read_bytes().partition(pair.BEGIN)[0]
        chain = web_host.file("example.org").read_bytes().partition(pair.BEGIN)
        content = key + chain[1] + chain[2]
    web_host.file("example.org").write_bytes(content)
    assert web_host.renew().report["due"] == {"example.org": NONE_YET}
    assert web_host.names("example.org") == BOTH


@pytest.mark.parametrize("source", ["self_signed", "files"])
def test_without_a_ca_there_are_no_orders_and_nothing_is_trusted(
    source: str, web_host: WebHost
) -> None:
    web_host.host.config |= {"source": source, "issuer": source}
    run = web_host.renew()
    assert (run.report["issued"], web_host.orders()) == (["example.org"], [])
    assert run.report["unserved"] == {"example.org": web_host.sites["example.org"]}
    assert web_host.resolver.asked == []
    assert web_host.renew().report["due"] == {}
    web_host.sites["example.org"].append("autodiscover.example.org")
    assert web_host.renew().report["due"] == {
        "example.org": "the certificate in service is not for autodiscover.example.org"
    }


def test_killed_at_any_step_it_serves_one_and_orders_at_most_one_more(web_host: WebHost) -> None:
    for moment in range(100):
        shutil.rmtree(web_host.directory)
        web_host.directory.mkdir(0o750)
        web_host.written.unlink(missing_ok=True)
        run = web_host.host.run_until(moment, "renew", "web")
        placed = web_host.file("example.org").exists() and web_host.names("example.org") == BOTH
        orders = len(web_host.orders())
        assert web_host.renew().status == 0
        assert web_host.names("example.org") == BOTH
        assert {path.name for path in web_host.directory.iterdir()} == {
            "example.org.pem", "state.json",
        }  # fmt: skip
        # One in service is found again.
        assert len(web_host.orders()) == (orders if placed else orders + 1)
        assert len(web_host.state["orders"]) == len(web_host.orders())
        if run.status is not None:
            break
    assert 8 < moment < 99


def test_renewals_of_what_was_issued_in_a_day_are_spread(web_host: WebHost) -> None:
    web_host.add("d0.example", "d1.example", "d2.example", "d3.example")
    assert web_host.renew().report["issued"]
    for site in web_host.sites:
        web_host.serve(site, begin=-62, end=28)
    due = set(web_host.renew().report["due"])
    assert due == {site for site in web_host.sites if 30 * (1 - delay_of(site)) > 28}
    delays = sorted(delay_of(f"d{number}.example") for number in range(1000))
    assert 0 <= delays[0] < 0.01 and 0.24 < delays[-1] < 0.25
