# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same tests with all kinds of servers and services."""

from __future__ import annotations

import base64
import re

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._providers import provider

from tests.lab.dns import services

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

RSA = "v=DKIM1; k=rsa; p=" + base64.b64encode(bytes(range(256)) + bytes(38)).decode()
ED25519 = "v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes(32)).decode()
TLSA = ["3 1 1 " + "ab" * 32, "3 1 2 " + "cd" * 64]
CAA = ['0 issue "ca.example.org; validationmethods=dns-01"', '0 issuewild ";"']


def wanted(zone):
    """The records of a mail server, as (name, type, values)."""
    return [
        (zone, "MX", [f"10 mx.{zone}."]),
        (zone, "TXT", ["v=spf1 mx -all"]),
        (f"r1._domainkey.{zone}", "TXT", [RSA]),
        (f"e1._domainkey.{zone}", "TXT", [ED25519]),
        (f"_dmarc.{zone}", "TXT", ["v=DMARC1; p=reject; rua=mailto:postmaster@example.org"]),
        (f"_25._tcp.mx.{zone}", "TLSA", TLSA),
        (f"mx.{zone}", "CAA", CAA),
        (f"_submissions._tcp.{zone}", "SRV", [f"0 1 465 mx.{zone}."]),
        (f"_imap._tcp.{zone}", "SRV", ["0 0 0 ."]),
    ]


def items(records, **more):
    return [{"name": n, "type": t, "values": v, **more} for n, t, v in records]


# A shared RRset keeps the TTL of the others.
SHARED = {("TXT", "v=spf1 mx -all"): 300, **{("CAA", value): 600 for value in CAA}}


def lines_of(records, ttl=3600):
    return {
        (f"{name}.", SHARED.get((rdtype, value), ttl), rdtype, value)
        for name, rdtype, values in records
        for value in values
    }


def replaced(zone):
    """The lines that were ours before, or are at names that only we use."""
    return {
        (f"{zone}.", 300, "TXT", "v=spf1 include:_spf.example.net -all"),
        (f"_dmarc.{zone}.", 900, "TXT", "v=DMARC1; p=none"),
    }


@pytest.fixture
def at_bind(bind):
    return bind.service()


@pytest.fixture(params=["at_bind", "knot", "powerdns", "route53", "ovh"])
def service(request):
    return request.getfixturevalue(request.param)


def test_the_first_run_creates_and_leaves_what_is_foreign_and_the_second_does_nothing(run, service):
    before, start = service.lines(), service.writes()
    records = items(wanted(service.zone))
    done = run(**service.arguments, records=records)
    assert done.get("changed"), done
    assert done["updates_sent"] == 1
    after = service.lines()
    assert before - after == replaced(service.zone)
    assert after - before == lines_of(wanted(service.zone))
    sent = service.writes()
    assert sent > start
    again = run(**service.arguments, records=records)
    assert (again["changed"], again["updates_sent"]) == (False, 0)
    assert again["zones"][service.zone]["before"] == done["zones"][service.zone]["after"]
    assert (service.writes(), service.lines()) == (sent, after)


def test_check_mode_predicts_exactly(run, service):
    before = service.lines(), service.writes()
    records = items(wanted(service.zone))
    predicted = run(**service.arguments, records=records, _ansible_check_mode=True)
    assert (predicted["changed"], predicted["updates_sent"]) == (True, 0)
    assert (service.lines(), service.writes()) == before
    done = run(**service.arguments, records=records)
    assert predicted["diff"] == done["diff"] != []
    assert not run(**service.arguments, records=records, _ansible_check_mode=True)["changed"]


@pytest.mark.parametrize(
    ("rdtype", "change"),
    [
        ("TLSA", {"values": TLSA[:1]}),
        ("TLSA", {"ttl": 7200}),
        ("MX", {"ttl": 60 * 20}),
        ("CAA", {"values": ['0 issue "ca.example.org"', CAA[1]]}),
        ("CAA", {"state": "absent"}),
    ],
)
def test_a_changed_value_or_ttl_changes_only_its_rrset(run, service, rdtype, change):
    records = items(wanted(service.zone))
    run(**service.arguments, records=records)
    before = service.lines()
    changed = next(record for record in records if record["type"] == rdtype)
    changed.update(change)
    assert run(**service.arguments, records=records)["changed"]
    difference = before ^ service.lines()
    assert difference
    assert {(name, kind) for name, _ttl, kind, _value in difference} == {
        (changed["name"] + ".", rdtype)
    }
    foreign = [("mx." + service.zone + ".", 600, "CAA", value) for value in services.SEED[3][3]]
    assert set(foreign) < service.lines()
    assert not run(**service.arguments, records=records)["changed"]


def test_absent_removes_only_what_is_ours(run, service):
    before = service.lines()
    service.arguments["provider_options"] = {
        **service.arguments.get("provider_options", {}),
        **({"delete_pcent_threshold": 1.0} if service.arguments["provider"] == "octodns" else {}),
    }
    records = wanted(service.zone)
    run(**service.arguments, records=items(records))
    assert run(**service.arguments, records=items(records, state="absent"))["changed"]
    assert service.lines() == before - replaced(service.zone)
    assert not run(**service.arguments, records=items(records, state="absent"))["changed"]


def test_absent_values_leave_what_others_have_published_since(run, service):
    zone = service.zone
    records = [r for r in wanted(zone) if r[1] == "MX" or "_d" in r[0]]
    run(**service.arguments, records=items(records))
    # The domain moves: another server publishes its records now.
    service.put("", 3600, "MX", ["5 mx.example.net."])
    service.put("_dmarc", 3600, "TXT", ["v=DMARC1; p=quarantine"])
    before = service.lines()
    assert run(**service.arguments, records=items(records, state="absent"))["changed"]
    after = service.lines()
    assert before - after == lines_of(r for r in records if "_domainkey" in r[0])
    assert after < before
    assert not run(**service.arguments, records=items(records, state="absent"))["changed"]


def provider_of(service):
    defaults = {"zones": [], "published_hosts": [], "port": 53, "tsig_name": None}
    return provider.provider_of(
        {**defaults, "tsig_algorithm": "hmac-sha256", **service.arguments}, []
    )


def test_two_controllers_at_one_zone_lose_nothing(records, service):
    zone = service.zone
    one, other = provider_of(service), provider_of(service)
    ours = one.plan(records((zone, "TXT", ["v=spf1 mx -all"]), (zone, "MX", [f"10 mx.{zone}."])))
    theirs = other.plan(
        records((zone, "TXT", ["v=other1 value"]), (f"mx.{zone}", "CAA", ['0 issue "ca2.net"']))
    )
    other.apply(theirs)
    one.apply(ours)
    texts = {v for n, _ttl, t, v in service.lines() if (n, t) == (f"{zone}.", "TXT")}
    assert texts == {"site-verification=abc; def", "v=spf1 mx -all", "v=other1 value"}
    assert (f"mx.{zone}.", 600, "CAA", '0 issue "ca2.net"') in service.lines()


def test_a_cname_in_the_way_is_refused_before_anything_is_changed(run, service):
    service.put("alias", 3600, "CNAME", ["www.example.net."])
    before = service.lines()
    wants = [(service.zone, "MX", ["10 mx."]), (f"alias.{service.zone}", "TXT", ["v=spf1 -all"])]
    failed = run(**service.arguments, records=items(wants))
    assert f"CNAME to www.example.net. at alias.{service.zone}" in failed["msg"]
    assert service.lines() == before


def test_the_ns_records_of_the_zone_are_refused(run, service):
    failed = run(**service.arguments, records=items([(service.zone, "NS", ["ns.example."])]))
    assert f"{service.zone} NS is refused" in failed["msg"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tsig_secret": "d3Jvbmc="}, r"different secret for TSIG key record-set\. \(BADSIG\)"),
        ({"tsig_name": "nobody."}, r"no TSIG key nobody\. for hmac-sha256 \(BADKEY\).*tsig_name"),
        ({"tsig_algorithm": "hmac-sha512"}, r"hmac-sha512 \(BADKEY\).*tsig_algorithm"),
    ],
)
@pytest.mark.parametrize("server", ["at_bind", "knot"])
def test_a_tsig_key_that_does_not_fit_is_named_with_the_remedy(
    run, request, server, wrong, message
):
    service = request.getfixturevalue(server)
    before = service.lines()
    failed = run(**{**service.arguments, **wrong}, records=items(wanted(service.zone)))
    assert re.search(message, failed["msg"]), failed
    assert service.lines() == before


def test_many_changes_of_existing_records_need_no_permission(run, service):
    records = items(wanted(service.zone))
    run(**service.arguments, records=records)
    again = run(**service.arguments, records=[{**record, "ttl": 1800} for record in records])
    assert again.get("changed"), again
