# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add what some octoDNS provider packages lack for mail, though their services support it.

Each fix disables itself once the package has the feature. They rely on private names of
octodns-ovh 1.2 and octodns-route53 1.3; the tests of each provider fail when these change.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

# OVH has its own field types for TXT records of a known purpose. octodns-ovh 1.2 supports only
# DKIM of them, and would create a second SPF record beside one of type SPF.
_OVH_TEXTS = ("TXT", "SPF", "DKIM", "DMARC")


def fixed(cls: Any) -> Any:
    """Return *cls*, or a subclass of it with the missing features."""
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
                # Changes made before the error are served only after a refresh. The next run would
                # find the records changed, and not request one.
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

    # This class converts records for the API, and looks its methods up by record type.
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
