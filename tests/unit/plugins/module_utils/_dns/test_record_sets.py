# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties of the records of any settings: when they are added to a zone, and removed."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import dns.rdataset
import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Key, parse_records
from ansible_collections.pillarbox.mail.plugins.module_utils._providers.zonefile import Zonefile
from ansible_collections.pillarbox.mail.plugins.module_utils._records.mail import mail_records
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Zone = dict[Key, dns.rdataset.Rdataset]

BASE: dict[str, Any] = {
    "hostname": "mx.example.org",
    "domains": {"example.org": {}},
    "srv_records": False,
    "web": False,
    "dav": False,
    "reports": "",
    "acme_ca_domain": "ca.example.net",
}
# The settings that enable each feature. In BASE all are disabled.
FEATURES: dict[str, dict[str, Any]] = {
    "srv_records": {"srv_records": True},
    "web": {"web": True},
    "dav": {"srv_records": True, "dav": True},
    "mta_sts": {"mta_sts": {"mode": "enforce"}},
    "tls_rpt_rua": {"tls_rpt_rua": ["mailto:tls@example.org", "https://example.net/tls"]},
    "reports": {"reports": "mailreports"},
    "parked": {"domains": {"example.org": {"parked": True}}},
    "backup_mx": {"backup_mx": {"mx2.example.net": 20}},
    "tlsa_ports": {"tlsa_ports": [25]},
}
FOREIGN = [
    ("example.org", "TXT", "site-verification=1"),
    ("example.org", "A", "192.0.2.1"),
    ("mx.example.org", "A", "192.0.2.2"),
    ("mx.example.org", "CAA", '0 issue "other.example"'),
    ("_imaps._tcp.example.org", "SRV", "0 1 993 imap.example.net."),
    ("_sieve._tcp.example.org", "SRV", "0 1 4190 imap.example.net."),
    ("_caldavs._tcp.example.org", "SRV", "0 1 443 calendar.example.net."),
    ("_caldavs._tcp.example.org", "TXT", "path=/dav"),
    ("_sip._tcp.example.org", "SRV", "0 1 5060 sip.example.net."),
    ("autoconfig.example.org", "CNAME", "autoconfig.example.net."),
    ("mta-sts.example.org", "CNAME", "mta-sts.example.net."),
    ("autodiscover.example.org", "A", "192.0.2.3"),
    ("s1._domainkey.example.org", "TXT", "v=DKIM1; p=abc"),
]


def tls_key() -> dict[str, Any]:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"algorithm": "ecdsa", "role": "current", "public_key": pem}


TLS_KEY = tls_key()


def records(settings: dict[str, Any]) -> list[dict[str, Any]]:
    dkim = [
        {
            "domain": domain,
            "selector": "r1",
            "dns_name": f"r1._domainkey.{domain}",
            "dns_value": "v=DKIM1; k=rsa; p=" + "A" * 392,
        }
        for domain, value in settings["domains"].items()
        if not value.get("parked")
    ]
    return mail_records(settings, dkim, [TLS_KEY], "https://ca.example.net/acct/1")


def run(zone: Zone, settings: dict[str, Any]) -> Zone:
    """Return the contents of a zone after a run."""
    return applied(zone, records(settings))


def applied(zone: Zone, wanted: list[dict[str, Any]]) -> Zone:
    """Return the contents of a zone after dns_records with these records."""
    after = dict(zone)
    for record in parse_records(wanted):
        merged = record.merged(zone.get(record.key))
        if merged is None:
            after.pop(record.key, None)
        else:
            after[record.key] = merged
    return after


def foreign_zone() -> Zone:
    items = [
        {
            **{"name": name, "type": kind, "values": [value], "ttl": 300},
            **{"state": "present", "reason": "", "level": None, "pending": False},
        }
        for name, kind, value in FOREIGN
    ]
    zone = {record.key: record.merged(None) for record in parse_records(items)}
    return {key: rdataset for key, rdataset in zone.items() if rdataset}


@pytest.mark.parametrize("feature", FEATURES)
def test_off_takes_away_what_on_has_brought_and_the_other_way_round(feature: str) -> None:
    on, off = {**BASE, **FEATURES[feature]}, BASE
    assert run({}, on) != run({}, off)
    assert run(run({}, on), off) == run({}, off)
    assert run(run({}, off), on) == run({}, on)
    assert run(run({}, on), on) == run({}, on)


EVERYTHING = {
    **BASE,
    "mta_sts": {"mode": "enforce"},
    "tls_rpt_rua": ["mailto:tls@example.org"],
    "srv_records": True,
    "web": True,
    "dav": True,
}


def names(zone: Zone) -> set[str]:
    return {name.to_text(omit_final_dot=True) for name, _type in zone}


def test_a_host_with_a_new_name_leaves_behind_only_what_is_at_the_old_one() -> None:
    renamed = {**EVERYTHING, "hostname": "new.example.org"}
    after, fresh = run(run({}, EVERYTHING), renamed), run({}, renamed)
    assert {key: after[key] for key in fresh} == fresh
    left = names({key: value for key, value in after.items() if key not in fresh})
    assert left == {
        "mx.example.org",
        *(f"_{port}._tcp.mx.example.org" for port in (25, 443, 465, 587, 993)),
    }


@pytest.mark.parametrize(
    ("ports", "left"),
    [([25], set()), ([25, 443, 465, 587, 993, 2525], {"_2525._tcp.mx.example.org"})],
)
def test_a_port_taken_off_the_list_is_gone_if_it_is_one_of_mail(
    ports: list[int], left: set[str]
) -> None:
    after = run(run({}, {**BASE, "tlsa_ports": ports}), {**BASE, "tlsa_ports": [25]})
    assert names(after) - names(run({}, {**BASE, "tlsa_ports": [25]})) == left


def test_the_records_of_former_settings_are_taken_away_by_listing_them_as_absent() -> None:
    before = foreign_zone()
    # Lines that the first run replaces are not foreign.
    for key in run({}, EVERYTHING):
        if key[0].to_text().startswith("_") or key[1].name in ("CNAME", "MX"):
            before.pop(key, None)
    published = run(before, EVERYTHING)
    assert published != before
    absent = [{**record, "state": "absent"} for record in records(EVERYTHING)]
    assert applied(published, absent) == before


def test_a_first_run_leaves_what_others_have_of_the_features_that_are_off() -> None:
    before = foreign_zone()
    after = run(before, BASE)
    for key, rdataset in before.items():
        assert set(rdataset) <= set(after[key])
        assert after[key].ttl == rdataset.ttl


def test_switching_on_and_off_again_leaves_what_others_have_at_other_names() -> None:
    on = {**BASE, **FEATURES["srv_records"], **FEATURES["mta_sts"], **FEATURES["tls_rpt_rua"]}
    taken = (b"_imaps", b"_sieve", b"mta-sts")
    before = {key: data for key, data in foreign_zone().items() if key[0].labels[0] not in taken}
    after = run(run(before, on), BASE)
    assert all(set(rdataset) <= set(after[key]) for key, rdataset in before.items())


def varied() -> list[dict[str, Any]]:
    domains: dict[str, Any] = {
        "example.org": {
            "spf": {"all": "~all", "include": [f"_spf{i}.example.net" for i in range(9)]},
            "dmarc": {
                **{"p": "quarantine", "rua": ["mailto:a@example.net"], "fo": [0, "d"]},
                **{"ruf": ["mailto:b@xn--mller-kva.example", "mailto:c@far.example"], "t": "y"},
            },
        },
        "example.net": {"parked": True},
        "sub.example.org": {},
        "xn--mller-kva.example": {},
    }
    hosts = ["mx.example.org", "example.org", "mx.xn--mller-kva.example"]
    names = [name for name in FEATURES if name not in ("parked", "srv_records")]
    addresses = [[], ["198.18.0.10"], ["198.18.0.10", "2001:2::10"]]
    found = []
    for host, on in itertools.product(hosts, (0, 1)):
        for size, some in itertools.product((0, 1, len(names)), addresses):
            for features in itertools.combinations(names, size):
                settings = {**BASE, "hostname": host, "domains": domains, "srv_records": bool(on)}
                for feature in features:
                    settings.update(FEATURES[feature])
                found.append({**settings, "host_addresses": some})
    return found


def test_the_records_of_any_settings_are_ones_that_dns_records_takes() -> None:
    for settings in varied():
        wanted = records(settings)
        assert len(parse_records(wanted)) == len(wanted)
        assert all(item["reason"] and item["level"] and item["ttl"] == 3600 for item in wanted)
        assert all(item["name"].isascii() and item["name"].islower() for item in wanted)


def test_the_records_of_any_settings_are_zones_that_bind_loads(tmp_path: Path) -> None:
    checker = shutil.which("named-checkzone", path=os.environ["PATH"] + ":/usr/sbin")
    if not checker:
        pytest.skip("named-checkzone is not installed (Debian: bind9-utils)")
    checked = set()
    for settings in varied():
        provider = Zonefile(str(tmp_path))
        provider.apply(provider.plan(parse_records(records(settings))))
        for file in sorted(tmp_path.glob("*.zone")):
            text = file.read_text()
            file.unlink()
            if text in checked:
                continue
            checked.add(text)
            # Otherwise named-checkzone reports missing addresses if the host does not publish them.
            host = f"{settings['hostname']}."
            address = f"{host} A 192.0.2.2\n" if host.endswith(f"{file.stem}.") else ""
            zone = tmp_path / "zone"
            zone.write_text(
                "$TTL 60\n@ IN SOA ns hostmaster 1 1 1 1 1\n@ IN NS ns\nns A 192.0.2.1\n"
                f"{'' if ' A 198.18.0.10' in text else address}{text}"
            )
            done = subprocess.run(
                [checker, "-i", "local", "-k", "fail", "-n", "fail", file.stem, str(zone)],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{done.stdout}\n{zone.read_text()}"
    assert len(checked) > 50
