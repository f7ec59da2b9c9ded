# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What some octoDNS provider packages lack for mail, though the service behind them has it.

Each fix leaves itself out once the package has it. They lean on private names of octodns-ovh 1.2
and octodns-route53 1.3; the tests of each provider fail when these change.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

# OVH keeps texts that it knows the purpose of under field types of their own; in the DNS they are
# TXT. octodns-ovh 1.2 knows of DKIM, and would put a second SPF record beside one of type SPF.
_OVH_TEXTS = ("TXT", "SPF", "DKIM", "DMARC")


def fixed(cls: Any) -> Any:
    """Return *cls*, or a subclass of it with what it lacks."""
    package = cls.__module__.partition(".")[0]
    if (package, cls.__name__) == ("octodns_ovh", "OvhProvider"):
        return _ovh(cls)
    if (package, cls.__name__) == ("octodns_route53", "Route53Provider"):
        return cls if "TLSA" in cls.SUPPORTS else _route53(cls)
    return cls


def _ovh(cls: Any) -> Any:
    class Texts(cls):
        def get_records(self, zone_name: str) -> list[dict[str, Any]]:
            records = super().get_records(zone_name)
            return [
                {**record, "fieldType": "TXT"} if record["fieldType"] in _OVH_TEXTS else record
                for record in records
            ]

        def delete_records(self, zone_name: str, record_type: str, subdomain: str) -> None:
            for one in _OVH_TEXTS if record_type in _OVH_TEXTS else (record_type,):
                super().delete_records(zone_name, one, subdomain)

        def _apply(self, plan: Any) -> None:
            try:
                super()._apply(plan)
            except Exception:
                # What was done before the error is served only after this. A new run would see that
                # it is done, and not ask for it.
                with suppress(Exception):
                    self._client.post(f"/domain/zone/{plan.desired.name[:-1]}/refresh")
                raise

        def list_zones(self) -> list[str]:
            return [f"{zone}." for zone in self._client.get("/domain/zone")]

    class Tlsa(Texts):
        SUPPORTS = cls.SUPPORTS | {"TLSA"}

        def _data_for_TLSA(self, rdtype: str, records: list[dict[str, Any]]) -> dict[str, Any]:
            values = [_tlsa_fields(record["target"]) for record in records]
            return {"type": rdtype, "ttl": records[0]["ttl"], "values": values}

        def _params_for_TLSA(self, record: Any) -> list[dict[str, Any]]:
            return [
                {
                    "fieldType": "TLSA",
                    "subDomain": record.name,
                    "ttl": record.ttl,
                    "target": target,
                }
                for target in record.to_rrset().rdatas
            ]

    return Texts if "TLSA" in cls.SUPPORTS else Tlsa


def _route53(cls: Any) -> Any:
    from octodns_route53.provider import _Route53Record

    class Tlsa(cls):
        SUPPORTS = cls.SUPPORTS | {"TLSA"}

        def _data_for_TLSA(self, rrset: dict[str, Any]) -> dict[str, Any]:
            values = [_tlsa_fields(record["Value"]) for record in rrset["ResourceRecords"]]
            return {"type": "TLSA", "ttl": int(rrset["TTL"]), "values": values}

    # The class whose instances say how a record is sent looks its methods up by type.
    _Route53Record._values_for_TLSA = lambda self, record: record.to_rrset().rdatas
    return Tlsa


def _tlsa_fields(text: str) -> dict[str, Any]:
    usage, selector, matching_type, *association = text.split()
    return {
        "certificate_usage": int(usage),
        "selector": int(selector),
        "matching_type": int(matching_type),
        "certificate_association_data": "".join(association).lower(),
    }
