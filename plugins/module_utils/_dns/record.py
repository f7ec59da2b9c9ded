# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse and validate the requested records, and decide which values of an RRset they own. Pure."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import (
    DnsError,
    to_name,
    to_text,
)

with suppress(ImportError):  # dns_records reports what to install
    import dns.exception
    import dns.name
    import dns.rdata
    import dns.rdataclass
    import dns.rdataset
    import dns.rdatatype
    import dns.rdtypes.ANY.TXT

Key = tuple["dns.name.Name", "dns.rdatatype.RdataType"]

# Types that the name server generates; a request for one can only be a mistake.
_SERVERS_OWN = {"SOA", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM"}
_MAX_TTL = 2**31 - 1  # RFC 2181 section 8


@dataclass(frozen=True)
class Record:
    """One requested RRset: all of it, or our part of a shared one (see owns)."""

    name: dns.name.Name
    type: dns.rdatatype.RdataType
    ttl: int
    values: tuple[dns.rdata.Rdata, ...] = ()
    present: bool = True
    note: str = ""
    pending: bool = False  # the value is unknown until its key exists

    @property
    def key(self) -> Key:
        return self.name, self.type

    def __str__(self) -> str:
        return f"{to_text(self.name)} {dns.rdatatype.to_text(self.type)}"

    @property
    def shared(self) -> bool:
        """Whether this RRset may contain data of others.

        A TXT RRset is shared unless its name has an underscored label, which limits the name to
        one purpose (RFC 8552). CAA is shared too: each CA in use for the name has its own value.
        """
        if self.type == dns.rdatatype.TXT:
            return not any(label.startswith(b"_") for label in self.name.labels)
        return self.type == dns.rdatatype.CAA

    def owns(self, rdata: dns.rdata.Rdata) -> bool:
        """Whether we may replace or remove *rdata*, a value in the RRset.

        In a shared RRset we own the values with the same purpose as a requested one. We own any
        other RRset entirely, unless certain values are to be absent: then only those.
        """
        if self.shared:
            return _purpose(rdata) in map(_purpose, self.values)
        return self.present or not self.values or content(rdata) in map(content, self.values)

    def merged(self, current: dns.rdataset.Rdataset | None) -> dns.rdataset.Rdataset | None:
        """Return the desired RRset, given the current one; None for no RRset.

        Foreign data in a shared RRset stays, and so does its TTL, which applies to the whole RRset
        (RFC 2181 section 5.2).
        """
        foreign = [rdata for rdata in current or () if not self.owns(rdata)]
        values = [*foreign, *(self.values if self.present else ())]
        if not values:
            return None
        ttl = current.ttl if current and foreign else self.ttl
        return dns.rdataset.from_rdata_list(ttl, values)


def content(rdata: dns.rdata.Rdata) -> Any:
    """Return the value to compare by: for TXT the joined strings."""
    return b"".join(rdata.strings) if isinstance(rdata, dns.rdtypes.ANY.TXT.TXT) else rdata


def _purpose(rdata: dns.rdata.Rdata) -> Any:
    """Return what distinguishes the users of a shared RRset.

    TXT: the version tag (``v=spf1``), or the whole text without one. CAA: the property and the
    CA's domain, regardless of flags and parameters (RFC 8659 section 4.2).
    """
    if isinstance(rdata, dns.rdtypes.ANY.TXT.TXT):
        text = content(rdata)
        version = re.match(rb"v=[A-Za-z0-9]+(?=[ ;]|$)", text, re.IGNORECASE)
        return version[0].lower() if version else text
    if rdata.rdtype == dns.rdatatype.CAA:
        ca: bytes = rdata.value.partition(b";")[0]  # type: ignore[attr-defined]
        return rdata.tag.lower(), ca.strip().lower()  # type: ignore[attr-defined]
    return rdata


# Defaults and types of the keys in `records_text`, the same as in the option `records`.
_DEFAULTS: dict[str, Any] = {
    "ttl": 3600,
    "values": [],
    "state": "present",
    "reason": "",
    "level": None,
    "pending": False,
}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "type": str,
    "ttl": int,
    "values": list,
    "state": str,
    "reason": str,
    "level": (str, type(None)),
    "pending": bool,
}


def parse_text(text: str) -> list[Mapping[str, Any]]:
    """Return the records in the module's option `records_text`. Raises DnsError."""
    try:
        items = json.loads(text)
    except ValueError:
        items = None
    if not isinstance(items, list) or not all(map(_is_record, items)):
        raise DnsError("records_text is not the output of the filter mail_records with as_text.")
    return [{**_DEFAULTS, **item} for item in items]


def _is_record(item: object) -> bool:
    return (
        isinstance(item, dict)
        and {"name", "type"} <= item.keys() <= _TYPES.keys()
        and all(isinstance(value, _TYPES[key]) for key, value in item.items())
        and all(isinstance(value, str) for value in item.get("values", ()))
        and item.get("state", "present") in ("present", "absent")
    )


def parse_records(items: Iterable[Mapping[str, Any]]) -> list[Record]:
    """Return the module's option `records` as validated Records, sorted. Raises DnsError."""
    records: dict[Key, Record] = {}
    for item in items:
        record = _parse_record(item)
        if record.key in records:
            raise DnsError(f"Record {record} is listed twice: merge the values into one entry.")
        records[record.key] = record
    return sorted(records.values(), key=_order)


def _order(record: Record) -> tuple[list[bytes], int]:
    """Return the sort key for the canonical order of names (RFC 4034 section 6.1).

    dns.name.Name compares the same way, but takes ten seconds for a hundred thousand names.
    """
    return list(reversed(record.name.labels)), record.type


def _parse_record(item: Mapping[str, Any]) -> Record:
    name = to_name(item["name"])
    rdtype = _parse_type(name, item["type"])
    present = item["state"] == "present"
    pending = present and bool(item["pending"])
    note = " ".join((item["reason"] or "").split())
    if item["level"]:
        note = f"{note} ({item['level']})".lstrip()
    record = Record(name, rdtype, item["ttl"], (), present, note, pending)
    if not 0 <= record.ttl <= _MAX_TTL:
        raise DnsError(f"Record {record} has ttl {record.ttl}: use a value from 0 to {_MAX_TTL}.")
    if pending:
        return record
    values = tuple(_parse_value(record, value) for value in item["values"])
    if not values and (present or record.shared):
        raise DnsError(
            f"Record {record} has no values: give at least one"
            + (".", ", because the RRset may also contain values of others.")[record.shared]
        )
    if len(values) > 1 and dns.rdatatype.is_singleton(rdtype):
        raise DnsError(f"Record {record} has {len(values)} values: this type allows only one.")
    return Record(name, rdtype, item["ttl"], values, present, note)


def _parse_type(name: dns.name.Name, text: str) -> dns.rdatatype.RdataType:
    try:
        rdtype = dns.rdatatype.from_text(text)
    except (dns.exception.DNSException, ValueError):
        raise DnsError(
            f"Record {to_text(name)} has type {text!r}, which is not a DNS record type."
        ) from None
    if dns.rdatatype.is_metatype(rdtype) or dns.rdatatype.to_text(rdtype) in _SERVERS_OWN:
        raise DnsError(
            f"Record {to_text(name)} {text} is refused: the name server generates it; leave it out."
        )
    return rdtype


def _parse_value(record: Record, text: str) -> dns.rdata.Rdata:
    if record.type == dns.rdatatype.TXT:
        return _parse_txt(record, text)
    try:
        return _rdata(record.type, str(text))
    except (dns.exception.DNSException, ValueError) as error:
        raise DnsError(
            f"Record {record} has the value {text!r}, which is not valid in a zone file: {error}."
        ) from None


@functools.lru_cache(maxsize=1024)
def _rdata(rdtype: dns.rdatatype.RdataType, text: str) -> dns.rdata.Rdata:
    """Parse a value; cached, as many domains have the same ones."""
    # Names in values are absolute, with or without the final dot.
    return dns.rdata.from_text(dns.rdataclass.IN, rdtype, text, dns.name.root, relativize=False)


def _parse_txt(record: Record, text: str) -> dns.rdata.Rdata:
    """Split *text* into strings of at most 255 octets (RFC 1035 section 3.3)."""
    if text.startswith('"') and text.endswith('"'):
        raise DnsError(
            f"Record {record} has a quoted value: write the text without quotes; quoting and"
            " splitting into strings is done for you."
        )
    data = text.encode()
    strings = [data[i : i + 255] for i in range(0, len(data), 255)] or [b""]
    if len(data) + len(strings) > 65535:
        raise DnsError(
            f"Record {record} has {len(data)} octets: a TXT record holds at most 65535, including"
            " a length octet for each string."
        )
    return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)
