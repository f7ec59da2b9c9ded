# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services with an API, each with zones for the tests."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.dns.fake_ovh import KEYS, Ovh
from tests.lab.dns.services import (
    LOOPBACK,
    SEED,
    Line,
    Service,
    free_port,
    process,
    program,
    transferred,
)

# PowerDNS

API_KEY = "powerdns api key"
SCHEMA = "/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql"


@dataclass
class PowerDns:
    port: int
    api: tuple[str, int]
    log: Path
    zones: Iterator[str]

    def call(self, method: str, path: str, body: dict[str, Any]) -> None:
        import requests

        url = f"http://{self.api[0]}:{self.api[1]}/api/v1/servers/localhost/zones{path}"
        requests.request(
            method, url, json=body, headers={"X-API-Key": API_KEY}, timeout=5
        ).raise_for_status()

    def service(self) -> Service:
        zone = next(self.zones)

        def rrset(sub: str, ttl: int, rdtype: str, values: list[str]) -> dict[str, Any]:
            texts = [f'"{value}"' if rdtype == "TXT" else value for value in values]
            return {
                "name": f"{sub}.{zone}.".lstrip("."),
                "type": rdtype,
                "ttl": ttl,
                "changetype": "REPLACE",
                "records": [{"content": text, "disabled": False} for text in texts],
            }

        def put(*line: Any) -> None:
            self.call("PATCH", f"/{zone}.", {"rrsets": [rrset(*line)]})

        self.call("POST", "", {"name": f"{zone}.", "kind": "Native", "nameservers": []})
        self.call("PATCH", f"/{zone}.", {"rrsets": [rrset(*line) for line in SEED]})
        options = {"host": self.api[0], "port": self.api[1], "api_key": API_KEY}
        arguments = {
            "provider": "octodns",
            "wait": False,
            "provider_class": "octodns_powerdns.PowerDnsProvider",
            "provider_options": options,
        }
        return Service(zone, arguments, lambda: transferred(zone, self.port), put, self.patches)

    def patches(self) -> int:
        return self.log.read_text().count('"PATCH /api/')


@contextmanager
def powerdns(
    directory: Path, zones: Iterator[str], api: tuple[str, int] | None = None
) -> Iterator[PowerDns]:
    port = free_port()
    address, api_port = api or (LOOPBACK, free_port())
    with sqlite3.connect(directory / "zones.sqlite") as database:
        database.executescript(Path(SCHEMA).read_text())
    database.close()
    (directory / "pdns.conf").write_text(
        f"""\
launch=gsqlite3
gsqlite3-database={directory}/zones.sqlite
gsqlite3-pragma-synchronous=0
local-address={LOOPBACK}
local-port={port}
socket-dir={directory}
api=yes
api-key={API_KEY}
webserver-address={address}
webserver-port={api_port}
webserver-loglevel=normal
loglevel=5
allow-axfr-ips={LOOPBACK}
query-cache-ttl=0
cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
"""
    )
    command = [program("pdns_server"), f"--config-dir={directory}"]
    log = directory / "log"
    with process([*command, "--daemon=no", "--guardian=no"], log, api_port, address):
        yield PowerDns(port, (address, api_port), log, zones)


# Amazon Route 53, simulated by moto


def route53(zone: str, writes: Callable[[], int]) -> Service:
    import boto3

    keys = {"access_key_id": "an access key", "secret_access_key": "a secret access key"}
    client = boto3.client(
        "route53", **{f"aws_{key}": value for key, value in keys.items()}, region_name="us-east-1"
    )
    zone_id = client.create_hosted_zone(Name=f"{zone}.", CallerReference=zone)["HostedZone"]["Id"]

    def put(sub: str, ttl: int, rdtype: str, values: list[str]) -> None:
        texts = [f'"{value}"' if rdtype == "TXT" else value for value in values]
        rrset = {
            "Name": f"{sub}.{zone}.".lstrip("."),
            "Type": rdtype,
            "TTL": ttl,
            "ResourceRecords": [{"Value": text} for text in texts],
        }
        change = {"Action": "UPSERT", "ResourceRecordSet": rrset}
        client.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": [change]})

    def lines() -> set[Line]:
        rrsets = client.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
        return {
            (rrset["Name"], rrset["TTL"], rrset["Type"], normal(rrset["Type"], record["Value"]))
            for rrset in rrsets
            for record in rrset["ResourceRecords"]
        }

    for line in SEED:
        put(*line)
    arguments = {
        "provider": "octodns",
        "wait": False,
        "provider_class": "octodns_route53.Route53Provider",
        "provider_options": keys,
    }
    return Service(zone, arguments, lines, put, writes)


# OVH, simulated by fake_ovh


def ovh(api: Ovh, zone: str) -> Service:
    def put(sub: str, ttl: int, rdtype: str, values: list[str]) -> None:
        records = api.zones[zone]
        kinds = ("TXT", "SPF", "DKIM", "DMARC") if rdtype == "TXT" else (rdtype,)
        for number, record in list(records.items()):
            if record["subDomain"] == sub and record["fieldType"] in kinds:
                del records[number]
        for value in values:
            # As OVH's web interface creates them.
            kind = "SPF" if value.startswith("v=spf1") else rdtype
            kind = "DMARC" if value.startswith("v=DMARC1") else kind
            api.add(zone, sub, ttl, kind, f'"{value}"' if kind == "TXT" else value)

    def lines() -> set[Line]:
        texts = ("SPF", "DKIM", "DMARC")
        return {
            (f"{r['subDomain']}.{zone}.".lstrip("."), r["ttl"], kind, normal(kind, r["target"]))
            for r in api.zones[zone].values()
            for kind in ["TXT" if r["fieldType"] in texts else r["fieldType"]]
        }

    api.zones[zone] = {}
    for line in SEED:
        put(*line)
    arguments = {
        "provider": "octodns",
        "wait": False,
        "provider_class": "octodns_ovh.OvhProvider",
        "provider_options": {"endpoint": "ovh-eu", **KEYS},
    }
    return Service(zone, arguments, lines, put, lambda: len(api.writes))


def normal(rdtype: str, text: str) -> str:
    """Return the value of a TXT without the quoting of zone files."""
    return text.replace('" "', "").replace("\\;", ";").strip('"') if rdtype == "TXT" else text
