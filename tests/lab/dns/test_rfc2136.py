# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rfc2136 provider with a real BIND; dig and nsupdate check and change its zones."""

from __future__ import annotations

import time

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError
from ansible_collections.pillarbox.mail.plugins.module_utils._providers import rfc2136
from ansible_collections.pillarbox.mail.plugins.module_utils._providers.rfc2136 import (
    build_updates,
)

from tests.lab.dns.services import publish

DKIM = "v=DKIM1; k=rsa; p=" + "A" * 390


def test_creates_records_and_leaves_the_rest_of_the_zone_alone(bind, records):
    zone = bind.zone()
    before = bind.zone_lines(zone)
    provider = bind.provider()
    wanted = records(
        (zone, "MX", ["10 mx.example.org"]),
        (f"r1._domainkey.{zone}", "TXT", [DKIM]),
        (f"_25._tcp.mx.{zone}", "TLSA", ["3 1 1 " + "ab" * 32, "3 1 2 " + "cd" * 64]),
    )
    assert publish(provider, wanted)
    assert provider.updates_sent == 1
    new = set(bind.zone_lines(zone)) - set(before)
    assert set(before) < set(bind.zone_lines(zone))
    assert len(new) == 4
    assert f"{zone}. 3600 IN MX 10 mx.example.org." in new
    assert bind.dig(f"r1._domainkey.{zone}", "TXT", "+short") == [f'"{DKIM[:255]}" "{DKIM[255:]}"']


def test_a_second_run_sends_nothing(bind, records):
    zone = bind.zone()
    wanted = records((zone, "MX", ["10 mx.example.org."]), (zone, "TXT", ["v=spf1 mx -all"]))
    assert publish(bind.provider(), wanted)
    provider = bind.provider()
    serial = bind.dig(zone, "SOA")
    assert not publish(provider, wanted)
    assert provider.updates_sent == 0
    assert bind.dig(zone, "SOA") == serial


def test_planning_alone_changes_nothing_and_predicts_the_changes(bind, records):
    zone = bind.zone()
    before = bind.zone_lines(zone)
    wanted = [(f"_dmarc.{zone}", "TXT", ["v=DMARC1; p=reject"], {"reason": "the\npolicy"})]
    (plan,) = bind.provider().plan(records(*wanted))
    assert plan.changed
    assert plan.before == f'_dmarc.{zone}. 900 IN TXT "v=DMARC1; " "p=none" ; the policy\n'
    assert plan.after == f'_dmarc.{zone}. 3600 IN TXT "v=DMARC1; p=reject" ; the policy\n'
    assert bind.zone_lines(zone) == before


def test_the_same_text_split_elsewhere_is_no_change(bind, records):
    zone = bind.zone()
    wanted = records((f"_dmarc.{zone}", "TXT", ["v=DMARC1; p=none"], {"ttl": 900}))
    assert not publish(bind.provider(), wanted)


def test_a_ttl_changes_only_its_rrset(bind, records):
    zone = bind.zone()
    before = set(bind.zone_lines(zone))
    wanted = records(
        (f"_dmarc.{zone}", "TXT", ["v=DMARC1; p=none"], {"ttl": 60}), (zone, "A", ["192.0.2.1"])
    )
    (plan,) = bind.provider().plan(wanted)
    assert [str(record) for record in plan.changes] == [f"_dmarc.{zone} TXT"]
    bind.provider().apply([plan])
    gone, new = before - set(bind.zone_lines(zone)), set(bind.zone_lines(zone)) - before
    assert len(gone) == 1 and new == {f'_dmarc.{zone}. 60 IN TXT "v=DMARC1; p=none"'}


def test_foreign_strings_of_a_shared_txt_stay_as_they_are(bind, records):
    zone = bind.zone()
    assert publish(bind.provider(), records((zone, "TXT", ["v=spf1 mx -all"])))
    assert bind.dig(zone, "TXT") == [
        f'{zone}. 300 IN TXT "site-verification=abc" "def"',
        f'{zone}. 300 IN TXT "v=spf1 mx -all"',
    ]


def test_foreign_caa_values_stay_as_they_are(bind, records):
    zone = bind.zone()
    ours = '0 issue "ca.example.org; accounturi=https://ca.example.org/2"'
    assert publish(bind.provider(), records((f"mx.{zone}", "CAA", [ours, '0 issuewild ";"'])))
    assert bind.dig(f"mx.{zone}", "CAA", "+short") == [
        '0 iodef "mailto:ca@example.org"',
        '0 issue "ca.example.net"',
        ours,
        '0 issuewild ";"',
    ]


def test_absent_removes_only_ours(bind, records):
    zone = bind.zone()
    before = set(bind.zone_lines(zone))
    wanted = records(
        (zone, "TXT", ["v=spf1"], {"state": "absent"}),
        (f"_dmarc.{zone}", "TXT", [], {"state": "absent"}),
        (f"_25._tcp.{zone}", "TLSA", [], {"state": "absent"}),
    )
    assert publish(bind.provider(), wanted)
    assert before - set(bind.zone_lines(zone)) == {
        f'{zone}. 300 IN TXT "v=spf1 -all"',
        f'_dmarc.{zone}. 900 IN TXT "v=DMARC1; " "p=none"',
    }
    assert not publish(bind.provider(), wanted)


def test_absence_of_values_leaves_the_others_of_an_rrset(bind, records):
    zone = bind.zone()
    both = ["0 1 993 mx.example.org.", "0 1 993 imap.example.net."]
    publish(bind.provider(), records((f"_imaps._tcp.{zone}", "SRV", both)))
    before = set(bind.zone_lines(zone))
    gone = {"state": "absent"}
    wanted = records(
        (f"_imaps._tcp.{zone}", "SRV", both[:1], gone),
        (f"alias.{zone}", "CNAME", ["mx.example.org."], gone),
        (f"host.wildalias.{zone}", "CNAME", [f"mx.{zone}."], gone),
    )
    assert publish(bind.provider(), wanted)
    after = set(bind.zone_lines(zone))
    assert before - after == {f"_imaps._tcp.{zone}. 3600 IN SRV {both[0]}"}
    assert after <= before
    assert not publish(bind.provider(), wanted)


def test_many_zones_in_one_call(bind, records):
    zones = [bind.zone(), bind.zone()]
    provider = bind.provider()
    assert publish(provider, records(*((zone, "MX", ["10 mx.example.org."]) for zone in zones)))
    assert provider.updates_sent == 2
    assert [bind.dig(zone, "MX", "+short") for zone in zones] == [["10 mx.example.org."]] * 2


def test_a_large_change_is_sent_in_several_updates(bind, records):
    zone = bind.zone()
    wanted = records(*((f"k{i}._domainkey.{zone}", "TXT", [DKIM]) for i in range(300)))
    provider = bind.provider()
    assert publish(provider, wanted)
    assert provider.updates_sent == 3
    assert not publish(bind.provider(), wanted)


def test_every_update_has_prerequisites_on_what_was_read(bind, records):
    zone = bind.zone()
    (plan,) = bind.provider().plan(
        records((zone, "MX", ["10 mx.example.org."]), (f"_dmarc.{zone}", "TXT", ["v=DMARC1"]))
    )
    (update,) = build_updates(plan)
    assert [rrset.to_text() for rrset in update.prerequisite] == [
        f"{zone}. NONE MX",
        f'_dmarc.{zone}. 0 IN TXT "v=DMARC1; " "p=none"',
    ]


def test_a_lost_race_is_read_and_planned_again(bind, records):
    zone = bind.zone()
    provider = bind.provider()
    plans = provider.plan(records((zone, "TXT", ["v=spf1 mx -all"]), (zone, "MX", ["10 mx."])))
    bind.nsupdate(zone, f'update add {zone} 300 TXT "other-verification=1"')
    provider.apply(plans)
    assert provider.updates_sent == 2
    assert bind.dig(zone, "TXT", "+short") == [
        '"other-verification=1"',
        '"site-verification=abc" "def"',
        '"v=spf1 mx -all"',
    ]
    assert "other-verification=1" in plans[0].after


def test_a_race_that_is_always_lost_ends(bind, records, monkeypatch):
    zone = bind.zone()
    provider = bind.provider()
    plans = provider.plan(records((zone, "TXT", ["v=spf1 mx -all"])))
    count = iter(range(100))

    def meddle(plan):
        bind.nsupdate(zone, f'update add {zone} 300 TXT "number={next(count)}"')
        return build_updates(plan)

    monkeypatch.setattr(rfc2136, "build_updates", meddle)
    with pytest.raises(DnsError, match=f"zone {zone} at .* were changed by others 5 times"):
        provider.apply(plans)
    assert '"v=spf1 -all"' in bind.dig(zone, "TXT", "+short")


def test_a_wildcard_answer_is_not_taken_for_a_record(bind, records):
    zone = bind.zone()
    wanted = records(
        (f"_dmarc.wild.{zone}", "TXT", ["v=DMARC1; p=reject"]),
        (f"_dmarc.wildalias.{zone}", "TXT", ["v=DMARC1; p=reject"]),
        (f"other.wild.{zone}", "TXT", ["v=spf1"], {"state": "absent"}),
    )
    provider = bind.provider()
    assert publish(provider, wanted)
    assert provider.updates_sent == 1
    assert bind.dig(f"_dmarc.wildalias.{zone}", "TXT", "+short") == ['"v=DMARC1; p=reject"']
    assert not publish(bind.provider(), wanted)


def test_a_cname_in_the_way_is_refused_before_anything_is_sent(bind, records):
    zone = bind.zone()
    provider = bind.provider()
    wanted = records((zone, "MX", ["10 mx."]), (f"alias.{zone}", "TXT", ["v=spf1 -all"]))
    with pytest.raises(DnsError, match=rf"CNAME to mx\.{zone}\. at alias.*remove the CNAME"):
        publish(provider, wanted)
    assert provider.updates_sent == 0


def test_a_cname_that_goes_makes_room_in_the_same_update(bind, records):
    zone = bind.zone()
    provider = bind.provider()
    wanted = records(
        (f"alias.{zone}", "A", ["192.0.2.7"]), (f"alias.{zone}", "CNAME", [], {"state": "absent"})
    )
    assert publish(provider, wanted)
    assert provider.updates_sent == 1
    assert bind.dig(f"alias.{zone}", "A", "+short") == ["192.0.2.7"]


def test_a_change_that_the_server_ignores_is_an_error(bind, records, monkeypatch):
    monkeypatch.setattr(rfc2136, "SETTLE", 0.2)
    zone = bind.zone()
    with pytest.raises(DnsError, match=f"accepted the update.* but {zone} CNAME is not"):
        publish(bind.provider(), records((zone, "CNAME", ["mx.example.org."])))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ({"secret": "not base64!"}, r"tsig_secret of key record-set\. is not base64"),
        ({"name": "powerless."}, r"REFUSED: its policy does not let TSIG key powerless\."),
    ],
)
def test_a_key_that_does_not_fit_is_named_with_the_remedy(bind, records, key, message):
    zone = bind.zone()
    before = bind.zone_lines(zone)
    with pytest.raises(DnsError, match=message):
        publish(bind.provider(**key), records((zone, "MX", ["10 mx.example.org."])))
    assert bind.zone_lines(zone) == before


def test_clocks_that_differ_are_named(bind, records, monkeypatch):
    zone = bind.zone()
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 1000)
    with pytest.raises(DnsError, match="clocks of .* differ.*BADTIME.*NTP"):
        publish(bind.provider(), records((zone, "MX", ["10 mx.example.org."])))


@pytest.mark.parametrize(
    ("name", "rdtype", "message"),
    [
        ("static.example.net", "MX", "update of zone static.example.net with REFUSED.*static"),
        ("example.com", "MX", "query for example.com MX with REFUSED: it does not serve"),
        ("x.child.ZONE", "MX", r"not authoritative for the query for x\.child\..*delegated"),
        ("ZONE", "NS", "NS is refused"),
    ],
)
def test_names_that_are_not_ours_are_refused(bind, records, name, rdtype, message):
    name = name.replace("ZONE", bind.zone())
    with pytest.raises(DnsError, match=message):
        publish(bind.provider(), records((name, rdtype, ["10 mx." if rdtype == "MX" else "mx."])))
