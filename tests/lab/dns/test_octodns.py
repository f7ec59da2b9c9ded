# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Specifics of provider octodns: its errors, and failures half-way."""

from __future__ import annotations

import json

import dns.resolver
import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError, to_name
from ansible_collections.pillarbox.mail.plugins.module_utils._octodns import (
    service as octodns_service,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._octodns.convert import planned
from ansible_collections.pillarbox.mail.plugins.module_utils._octodns.service import Service
from ansible_collections.pillarbox.mail.plugins.module_utils._providers import (
    octodns as provider_octodns,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._providers.octodns import Octodns
from ovh import client

from tests.lab.dns.fake_ovh import KEYS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

OVH = "octodns_ovh.OvhProvider"


def provider(service, **options):
    arguments = service.arguments
    everything = {**arguments["provider_options"], **options}
    return Octodns(Service(arguments["provider_class"], everything))


def test_a_wrong_key_is_named_with_the_remedy(ovh, powerdns, records):
    for service, secret in ((ovh, "consumer_key"), (powerdns, "api_key")):
        wanted = records((service.zone, "MX", ["10 mx."]))
        with pytest.raises(DnsError, match=r"failed to list its zones .*credentials in provider_"):
            provider(service, **{secret: "a wrong key"}).plan(wanted)
        octodns = provider(service, **{secret: "a wrong key"})
        octodns.zones = [to_name(service.zone)]
        with pytest.raises(DnsError, match=rf"failed to read zone {service.zone} .*credentials"):
            octodns.plan(wanted)


def test_a_service_that_cannot_be_reached_is_named(ovh, powerdns, records, monkeypatch):
    monkeypatch.setitem(client.ENDPOINTS, "ovh-eu", "http://127.0.0.1:1")
    for service, options in ((powerdns, {"port": 1}), (ovh, {})):
        octodns = provider(service, **options)
        octodns.zones = [to_name(service.zone)]
        message = rf"Provider failed to read zone {service.zone} \(.*refused.*\): Check that"
        with pytest.raises(DnsError, match=message):
            octodns.plan(records((service.zone, "MX", ["10 mx."])))


def test_secrets_are_never_shown(run, ovh, ovh_api):
    ovh.arguments["records"] = [{"name": ovh.zone, "type": "MX", "values": ["10 mx."]}]
    shown = json.dumps(run(**ovh.arguments))
    ovh_api.failing = 10**6
    ovh_api.lasting = 0
    ovh.arguments["records"][0]["values"] = ["20 mx."]
    shown += json.dumps(run(**ovh.arguments))
    ovh.arguments["provider_options"] = {**KEYS, "endpoint": "ovh-eu", "wrong option": 1}
    shown += json.dumps(run(**ovh.arguments))
    assert "Internal server error" in shown and "wrong option" in shown
    assert not [secret for secret in KEYS.values() if secret in shown]


def test_a_short_secret_is_not_shown_either(run, powerdns):
    powerdns.arguments["provider_options"] |= {"api_key": "xyzzy"}
    wanted = [{"name": powerdns.zone, "type": "MX", "values": ["10 mx."]}]
    failed = run(**powerdns.arguments, records=wanted)
    assert failed["failed"] and "xyzzy" not in json.dumps(failed)


def test_short_options_do_not_censor_the_result(run, powerdns):
    powerdns.arguments["provider_options"] |= {"timeout": 10, "scheme": "http"}
    caa = '0 issue "ca.example.org; accounturi=https://ca.example.org/10"'
    wanted = [{"name": powerdns.zone, "type": "CAA", "values": [caa]}]
    assert caa in run(**powerdns.arguments, records=wanted)["zones"][powerdns.zone]["after"]


def test_a_missing_zone_is_refused_and_not_created(ovh, powerdns, route53, records):
    for service in (ovh, powerdns, route53):
        octodns = provider(service)
        wanted = records(("example.com", "MX", ["10 mx."]))
        with pytest.raises(DnsError, match="example.com MX is in none of the zones"):
            octodns.plan(wanted)
        octodns.zones = [to_name("example.com")]
        message = "has no zone example.com in this account|read zone example.com .*does not exist"
        with pytest.raises(DnsError, match=message):
            octodns.plan(wanted)


def test_a_type_that_the_service_lacks_is_refused_before_anything_is_changed(ovh, records):
    before = ovh.lines()
    wanted = records((ovh.zone, "MX", ["10 mx."]), (f"mx.{ovh.zone}", "LOC", ["0 N 0 E 1"]))
    with pytest.raises(
        DnsError, match=rf"OvhProvider does not support mx.{ovh.zone} LOC: .* are A,"
    ):
        provider(ovh).plan(wanted)
    assert ovh.lines() == before


def test_deleting_much_of_a_zone_needs_to_be_allowed(run, powerdns):
    zone = powerdns.zone
    names = [f"k{number}._domainkey.{zone}" for number in range(9)]
    wanted = [{"name": name, "type": "TXT", "values": ["v=DKIM1; p="]} for name in names]
    run(**powerdns.arguments, records=wanted)
    wanted = [{**record, "state": "absent"} for record in wanted]
    failed = run(**powerdns.arguments, records=wanted, _ansible_check_mode=True)
    assert f"changes to zone {zone} at" in failed["msg"]
    assert "Too many deletes" in failed["msg"] and "delete_pcent_threshold: 1.0" in failed["msg"]
    powerdns.arguments["provider_options"] |= {"delete_pcent_threshold": 1.0}
    assert run(**powerdns.arguments, records=wanted)["changed"]


def mail(zone):
    return [
        (zone, "MX", [f"10 mx.{zone}."]),
        (zone, "TXT", ["v=spf1 mx -all"]),
        (f"_25._tcp.mx.{zone}", "TLSA", ["3 1 1 " + "ab" * 32]),
    ]


@pytest.mark.parametrize("lasting", range(6))  # number of successful writes
def test_a_failure_half_way_is_repaired_and_loses_nothing(ovh, ovh_api, records, lasting):
    octodns = provider(ovh)
    wanted = records(*mail(ovh.zone))
    plans = octodns.plan(wanted)
    before = ovh.lines()
    ovh_api.lasting, ovh_api.failing = lasting, 1
    octodns.apply(plans)
    assert ovh_api.failing == 0
    assert ovh_api.writes[-1].endswith("/refresh")
    gone = before - ovh.lines()
    assert {value for *_where, value in gone} == {"v=spf1 include:_spf.example.net -all"}
    assert not any(plan.changed for plan in provider(ovh).plan(wanted))


def test_a_lasting_failure_reports_what_was_done_and_a_new_run_finishes(ovh, ovh_api, records):
    zone = ovh.zone
    octodns = provider(ovh)
    wanted = records(*mail(zone), (f"_dmarc.{zone}", "TXT", ["v=DMARC1; p=reject"]))
    plans = octodns.plan(wanted)
    ovh_api.lasting, ovh_api.failing = 4, 10**6
    with pytest.raises(DnsError) as caught:
        octodns.apply(plans)
    message = str(caught.value)
    assert f"{OVH} did not change all of zone {zone} (APIError: Internal server error)." in message
    assert f"Done: {zone} MX, _25._tcp.mx.{zone} TLSA. Unchanged: _dmarc.{zone} TXT." in message
    assert f'Neither old nor new: {zone} TXT, which should be [{zone}. 300 IN TXT "site-' in message
    assert message.endswith("Run again to finish.")
    ovh_api.failing = 0
    again = provider(ovh)
    again.apply(again.plan(wanted))
    assert not any(plan.changed for plan in provider(ovh).plan(wanted))


def test_a_failure_after_which_nothing_can_be_read_is_reported(ovh, records, monkeypatch):
    octodns = provider(ovh)
    plans = octodns.plan(records(*mail(ovh.zone)))
    broken = octodns.service.new_provider().__class__

    def fail(*_arguments):
        monkeypatch.setattr(broken, "get_records", fail)
        raise OSError("the cable was pulled")

    monkeypatch.setattr(octodns_service, "planned", _with_apply(fail, planned))
    with pytest.raises(
        DnsError,
        match="the result is unknown .OSError: the cable was pulled.*Check that.*Run again",
    ):
        octodns.apply(plans)


def _with_apply(fail, plan):
    def plan_and_break(provider, *arguments):
        provider.apply = fail
        return plan(provider, *arguments)

    return plan_and_break


def test_a_change_that_the_service_ignores_is_an_error(ovh, ovh_api, records, monkeypatch):
    monkeypatch.setattr(provider_octodns, "SETTLE", 0.1)
    octodns = provider(ovh)
    plans = octodns.plan(records((ovh.zone, "MX", ["10 mx."])))
    monkeypatch.setattr(ovh_api, "add", lambda *_record: {})
    with pytest.raises(DnsError, match=rf"it accepted the change\). Unchanged: {ovh.zone} MX"):
        octodns.apply(plans)


def test_an_spf_record_of_ovhs_own_type_is_replaced_and_not_duplicated(ovh, ovh_api, records):
    octodns = provider(ovh)
    octodns.apply(octodns.plan(records((ovh.zone, "TXT", ["v=spf1 mx -all"]))))
    spf = [r["target"] for r in ovh_api.zones[ovh.zone].values() if "v=spf1" in r["target"]]
    assert spf == ["v=spf1 mx -all"]


def test_the_zone_is_read_once_to_plan_it(ovh, ovh_api, records, monkeypatch):
    reads = []
    answer = ovh_api.answer

    def count(method, path, *more):
        reads.append(path)
        return answer(method, path, *more)

    monkeypatch.setattr(ovh_api, "answer", count)
    provider(ovh).plan(records(*mail(ovh.zone)))
    assert reads.count(f"/domain/zone/{ovh.zone}/record") == 1


@pytest.fixture
def waiting(powerdns, powerdns_server):
    """PowerDNS as API, as resolver and, unless a test changes it, as the zone's server."""
    powerdns.put("", 3600, "NS", [f"ns1.{powerdns.zone}."])
    powerdns.put("ns1", 3600, "A", ["127.0.0.1"])
    octodns = provider(powerdns)
    octodns.resolver = dns.resolver.Resolver(configure=False)
    octodns.resolver.nameservers, octodns.resolver.port = ["127.0.0.1"], powerdns_server.port
    octodns.servers_port = powerdns_server.port
    return octodns


def test_waits_for_the_servers_that_the_dns_names(waiting, powerdns, records):
    plans = waiting.plan(records(*mail(powerdns.zone)))
    waiting.apply(plans)
    waiting.wait(plans, 5)


def test_a_server_that_lags_is_named(waiting, powerdns, records):
    plans = waiting.plan(records(*mail(powerdns.zone)))
    server = rf"ns1.{powerdns.zone} \(127.0.0.1\)"
    message = rf"timeout of 0.3 seconds, {server} .*does not serve .*a longer timeout"
    with pytest.raises(DnsError, match=message):
        waiting.wait(plans, 0.3)


def test_a_zone_whose_servers_cannot_be_found_is_named(waiting, powerdns, records):
    plans = waiting.plan(records(*mail(powerdns.zone)))
    plans[0].zone = to_name("nowhere.example.com")
    with pytest.raises(DnsError, match="name servers of zone nowhere.example.com cannot be found"):
        waiting.wait(plans, 0.3)
