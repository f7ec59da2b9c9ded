"""DNS servers and services that are not BIND, each with zones for the tests.

A zone is a set of lines (name, TTL, type, value), read and written past the module.
"""

from __future__ import annotations

import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.name
import dns.query
import dns.rdatatype
import dns.tsigkeyring
import dns.zone

from .fake_ovh import KEYS, Ovh

LOOPBACK = "127.0.0.1"
KEY_NAME = "record-set."
SECRET = "c2VjcmV0IG9mIHRoZSByZWNvcmQgc2V0IGtleQ=="
Line = tuple[str, int, str, str]

# What is in each zone before the mail server comes.
SEED: list[tuple[str, int, str, list[str]]] = [
    ("", 3600, "NS", ["ns1.example.net.", "ns2.example.net."]),
    ("", 3600, "A", ["192.0.2.1"]),
    ("", 300, "TXT", ["site-verification=abc; def", "v=spf1 include:_spf.example.net -all"]),
    ("mx", 600, "CAA", ['0 issue "ca.example.net"', '0 iodef "mailto:ca@example.org"']),
    ("www", 3600, "A", ["192.0.2.2"]),
    ("google._domainkey", 3600, "TXT", ["v=DKIM1; k=rsa; p=Zm9yZWlnbg=="]),
    ("_dmarc", 900, "TXT", ["v=DMARC1; p=none"]),
]


@dataclass
class Service:
    """One zone somewhere: how the module gets at it, and how others do."""

    zone: str
    arguments: dict[str, Any]
    lines: Callable[[], set[Line]]
    put: Callable[[str, int, str, list[str]], None]  # sets an RRset


def free_port() -> int:
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def process(command: list[str], log: Path, port: int) -> Iterator[None]:
    """Run *command* until it takes connections to *port*, and end it afterwards."""
    with log.open("wb") as stream, subprocess.Popen(command, stdout=stream, stderr=stream) as child:
        try:
            deadline = time.monotonic() + 10
            while True:
                with suppress(OSError), socket.create_connection((LOOPBACK, port), 0.2):
                    break
                assert child.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            child.terminate()
            child.wait(10)


def transferred(zone: str, port: int, **key: Any) -> set[Line]:
    """Return the zone by AXFR, less what makes its serial number."""
    transfer = dns.query.xfr(LOOPBACK, zone, port=port, relativize=False, timeout=3, **key)
    return {
        (name.to_text(), ttl, dns.rdatatype.to_text(rdata.rdtype), value_text(rdata))
        for name, ttl, rdata in dns.zone.from_xfr(transfer, relativize=False).iterate_rdatas()
        if rdata.rdtype != dns.rdatatype.SOA
    }


def value_text(rdata: Any) -> str:
    if rdata.rdtype == dns.rdatatype.TXT:
        return str(b"".join(rdata.strings).decode())
    return str(rdata.to_text())


def seed_lines(zone: str) -> list[str]:
    return [
        f"{sub or '@'} {ttl} IN {rdtype} " + (f'"{value}"' if rdtype == "TXT" else value)
        for sub, ttl, rdtype, values in SEED
        for value in values
    ]


# Knot


@dataclass
class Knot:
    port: int
    zones: Iterator[str]

    def service(self) -> Service:
        zone = next(self.zones)
        keyring = dns.tsigkeyring.from_text({KEY_NAME: ("hmac-sha256", SECRET)})

        def put(sub: str, ttl: int, rdtype: str, values: list[str]) -> None:
            update = dns.update.UpdateMessage(zone, keyring=keyring)
            update.replace(sub or "@", ttl, rdtype, *values)
            assert dns.query.tcp(update, LOOPBACK, port=self.port, timeout=3).rcode() == 0

        arguments = {
            "provider": "rfc2136",
            "server": LOOPBACK,
            "port": self.port,
            "tsig_name": KEY_NAME,
            "tsig_secret": SECRET,
            "wait": False,
        }
        return Service(zone, arguments, lambda: transferred(zone, self.port, keyring=keyring), put)


@contextmanager
def knot(directory: Path, count: int) -> Iterator[Knot]:
    port = free_port()
    zones = [f"k{number}.example.org" for number in range(count)]
    for zone in zones:
        soa = "@ 3600 IN SOA ns1.example.net. hostmaster.example.org. 1 3600 3600 86400 60"
        (directory / f"{zone}.zone").write_text("\n".join([soa, *seed_lines(zone), ""]))
    (directory / "knot.conf").write_text(
        f"""\
server:
    rundir: {directory}
    listen: {LOOPBACK}@{port}
    background-workers: 1
    udp-workers: 1
    tcp-workers: 1
database:
    storage: {directory}
    journal-db-max-size: 10M
    kasp-db-max-size: 5M
    timer-db-max-size: 5M
log:
  - target: stderr
    any: warning
key:
  - id: {KEY_NAME}
    algorithm: hmac-sha256
    secret: {SECRET}
acl:
  - id: key
    key: {KEY_NAME}
    action: [update, transfer]
template:
  - id: default
    storage: {directory}
    zonefile-sync: -1
    journal-max-usage: 1M
    acl: key
zone:
"""
        + "".join(f"  - domain: {zone}\n" for zone in zones)
    )
    command = ["knotd", "-c", str(directory / "knot.conf")]
    with process(command, directory / "log", port):
        deadline = time.monotonic() + 10
        query = dns.message.make_query(zones[-1], "SOA")
        while not dns.query.tcp(query, LOOPBACK, port=port, timeout=3).answer:
            assert time.monotonic() < deadline, (directory / "log").read_text()
            time.sleep(0.05)
        yield Knot(port, iter(zones))


# PowerDNS

API_KEY = "powerdns api key"
SCHEMA = "/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql"


@dataclass
class PowerDns:
    port: int
    api_port: int
    zones: Iterator[str]

    def call(self, method: str, path: str, body: dict[str, Any]) -> None:
        import requests

        url = f"http://{LOOPBACK}:{self.api_port}/api/v1/servers/localhost/zones{path}"
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
        options = {"host": LOOPBACK, "port": self.api_port, "api_key": API_KEY}
        arguments = {
            "provider": "octodns",
            "provider_class": "octodns_powerdns.PowerDnsProvider",
            "provider_options": options,
        }
        return Service(zone, arguments, lambda: transferred(zone, self.port), put)


@contextmanager
def powerdns(directory: Path) -> Iterator[PowerDns]:
    port, api_port = free_port(), free_port()
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
webserver-address={LOOPBACK}
webserver-port={api_port}
allow-axfr-ips={LOOPBACK}
query-cache-ttl=0
cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
"""
    )
    command = [shutil.which("pdns_server", path="/usr/sbin") or "", f"--config-dir={directory}"]
    with process([*command, "--daemon=no", "--guardian=no"], directory / "log", api_port):
        numbers = (f"p{number}.example.org" for number in range(10**6))
        yield PowerDns(port, api_port, numbers)


# Amazon Route 53, as moto has it


def route53(zone: str) -> Service:
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
        "provider_class": "octodns_route53.Route53Provider",
        "provider_options": keys,
    }
    return Service(zone, arguments, lines, put)


# OVH, as fake_ovh has it


def ovh(api: Ovh, zone: str) -> Service:
    def put(sub: str, ttl: int, rdtype: str, values: list[str]) -> None:
        records = api.zones[zone]
        kinds = ("TXT", "SPF", "DKIM", "DMARC") if rdtype == "TXT" else (rdtype,)
        for number, record in list(records.items()):
            if record["subDomain"] == sub and record["fieldType"] in kinds:
                del records[number]
        for value in values:
            # As the manager makes them.
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
        "provider_class": "octodns_ovh.OvhProvider",
        "provider_options": {"endpoint": "ovh-eu", **KEYS},
    }
    return Service(zone, arguments, lines, put)


def normal(rdtype: str, text: str) -> str:
    """Return the value of a TXT without what a zone file may have in it."""
    return text.replace('" "', "").replace("\\;", ";").strip('"') if rdtype == "TXT" else text
