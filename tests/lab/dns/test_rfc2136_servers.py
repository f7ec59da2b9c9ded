# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provider rfc2136: which servers are asked, and those that do not answer or lag behind."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError, to_name
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.query import Server
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.read import find_zones
from ansible_collections.pillarbox.mail.plugins.module_utils._providers.rfc2136 import (
    Rfc2136,
)

from tests.lab.dns.services import publish


@pytest.mark.parametrize(
    ("name", "rdtype", "value"),
    [
        ("", "A", "192.0.2.1"),
        ("_dmarc.", "TXT", "v=DMARC1"),
        ("nothing.here.", "A", "192.0.2.1"),
        ("alias.", "A", "192.0.2.1"),
    ],
)
@pytest.mark.parametrize("server", ["primary", "terse"])
def test_the_zone_of_a_name_is_found(bind, records, server, name, rdtype, value):
    zone = "s0.example.org"
    port = bind.port if server == "primary" else bind.secondary_port
    wanted = records((f"{name}{zone}", rdtype, [value]))
    zones = find_zones(Server("127.0.0.1", "127.0.0.1", port), wanted)[0]
    assert zones == {to_name(f"{name}{zone}"): to_name(zone)}


def test_a_name_that_is_not_a_zone_is_refused(bind, records):
    zone = bind.zone()
    wanted = records((zone, "MX", ["10 mx."]))
    with pytest.raises(DnsError, match="is in none of the zones given or found"):
        bind.provider(zones=[to_name("example.net")]).plan(wanted)
    with pytest.raises(DnsError, match=f"mx.{zone} is not a zone of"):
        bind.provider(zones=[to_name(f"mx.{zone}")]).plan(records((f"mx.{zone}", "MX", ["10 mx."])))


def test_an_update_at_a_secondary_is_refused_as_not_authoritative(bind, records):
    zone = bind.seconded_zone()
    provider = bind.provider()
    provider.primary = replace(provider.primary, port=bind.secondary_port)
    with pytest.raises(DnsError, match=f"update of zone {zone} with (NOTAUTH|REFUSED)"):
        publish(provider, records((zone, "MX", ["10 mx."])))


@pytest.mark.parametrize("name", ["no host", "ns1..example.org", "x" * 64])
def test_a_server_whose_name_leads_nowhere_is_named(records, name):
    provider = Rfc2136(Server(name, name))
    with pytest.raises(DnsError, match=rf"cannot resolve the name of server {name} .*its address"):
        provider.plan(records(("example.org", "MX", ["10 mx."])))


def test_a_server_that_is_not_there_is_named(records):
    provider = Rfc2136(Server("ns.example.org", "127.0.0.1", 1))
    message = r"ns\.example\.org \(127\.0\.0\.1\) port 1 cannot be reached.*Connection refused"
    with pytest.raises(DnsError, match=message):
        provider.plan(records(("example.org", "MX", ["10 mx."])))


def test_a_primary_that_falls_silent_leaves_each_zone_old_or_new_and_a_new_run_finishes(
    bind, records
):
    zones = [bind.zone(), bind.zone()]
    before = [bind.zone_lines(zone) for zone in zones]
    wanted = [
        records((zone, "MX", ["10 mx.example.org."]), (zone, "TXT", ["v=spf1 mx -all"]))
        for zone in zones
    ]
    provider = bind.provider()
    provider.primary = replace(provider.primary, timeout=0.3)
    plans = provider.plan([record for some in wanted for record in some])
    message = f"did not answer the update of zone ({'|'.join(zones)}) .*run again to finish"
    with bind.stopped(), pytest.raises(DnsError, match=message):
        provider.apply(plans)
    differences = []
    for zone in zones:
        spf = f'{zone}. 300 IN TXT "v=spf1 -all"'
        mx = f"{zone}. 3600 IN MX 10 mx.example.org."
        differences.append({spf, spf.replace("-all", "mx -all"), mx})
    for zone, old, difference in zip(zones, before, differences, strict=True):
        # In a single query, as the server may process the updates only now.
        assert set(old) ^ set(bind.zone_lines(zone)) in (set(), difference)
    publish(bind.provider(), [record for some in wanted for record in some])
    for zone, old, difference in zip(zones, before, differences, strict=True):
        assert set(old) ^ set(bind.zone_lines(zone)) == difference


def test_a_zone_that_is_refused_leaves_the_others_old_or_new(bind, records):
    zone = bind.zone()
    static = ("static.example.net", "MX", ["10 mx.example.org."])
    ours = [(zone, "MX", ["10 mx.example.org."]), (zone, "TXT", ["v=spf1 mx -all"])]
    with pytest.raises(DnsError, match="update of zone static.example.net with REFUSED"):
        publish(bind.provider(), records(static, *ours))
    (plan,) = bind.provider().plan(records(*ours))
    assert len(plan.changes) in (0, 2)
    publish(bind.provider(), records(*ours))
    assert not bind.provider().plan(records(*ours))[0].changes


def test_waits_until_the_secondary_serves_the_records(bind, records):
    zone = bind.seconded_zone()
    provider = bind.seconded_provider()
    plans = provider.plan(records((zone, "MX", ["10 mx.example.org."])))
    provider.apply(plans)
    assert bind.dig(zone, "MX", port=bind.secondary_port) == []
    timer = threading.Timer(0.5, bind.notify, [zone])
    timer.start()
    provider.wait(plans, 10)
    timer.join()
    assert bind.dig(zone, "MX", "+short", port=bind.secondary_port) == ["10 mx.example.org."]


def test_a_secondary_that_lags_is_named_after_the_timeout(bind, records):
    zone = bind.seconded_zone()
    provider = bind.seconded_provider()
    plans = provider.plan(records((zone, "MX", ["10 mx.example.org."])))
    provider.apply(plans)
    message = rf"timeout of 0.5 seconds, ns2\.{zone} \(127\.0\.0\.1\).* does not serve {zone} MX"
    started = time.monotonic()
    with pytest.raises(DnsError, match=message):
        provider.wait(plans, 0.5)
    assert time.monotonic() - started < 2


def test_does_not_wait_for_the_primary_itself(bind, records):
    zone = bind.zone()
    provider = bind.provider(secondaries_port=bind.port)
    plans = provider.plan(records((zone, "MX", ["10 mx.example.org."])))
    provider.wait(plans, 0)  # nothing was applied, and only the primary serves the zone


@pytest.mark.parametrize("target", ["nowhere.ZONE", "alias.ZONE", "_dmarc.ZONE"])
def test_a_host_without_an_address_is_refused_before_anything_is_sent(bind, records, target):
    zone = bind.zone()
    provider = bind.provider()
    target = target.replace("ZONE", zone)
    for rdtype, value in (("MX", f"10 {target}."), ("SRV", f"0 1 993 {target}.")):
        with pytest.raises(DnsError, match=f"has no address for {target}, the target of {zone} "):
            provider.plan(records((zone, rdtype, [value])))
    assert provider.updates_sent == 0
    provider.published = [to_name(target)]
    assert provider.plan(records((zone, "MX", [f"10 {target}."])))


def test_a_host_whose_address_comes_with_it_or_that_another_server_knows_is_not_refused(
    bind, records
):
    zone = bind.zone()
    new, elsewhere = f"new.{zone}", f"host.child.{zone}"
    wanted = records(
        (zone, "MX", [f"10 {new}.", f"20 {elsewhere}."]), (new, "AAAA", ["2001:db8::1"])
    )
    assert all(plan.changed for plan in bind.provider().plan(wanted))
