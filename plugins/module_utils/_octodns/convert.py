# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Convert between octoDNS's records and dnspython's RRsets, by their text in zone files."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Key, content

with suppress(ImportError):  # dns_records reports what to install
    import dns.exception
    import dns.name
    import dns.rdata
    import dns.rdataset
    import dns.rdatatype
with suppress(ImportError):
    from octodns.provider.plan import Plan
    from octodns.record import Record
    from octodns.record.rr import Rrset


def key_of(octo: Any) -> Key | None:
    """Return name and type of an octoDNS record; None if it is not a DNS record type."""
    try:
        return dns.name.from_text(octo.fqdn).canonicalize(), dns.rdatatype.from_text(octo._type)
    except (dns.exception.DNSException, ValueError):
        return None  # such as ALIAS or URLFWD


def to_rdataset(octo: Any) -> dns.rdataset.Rdataset:
    """Return an octoDNS record as an RRset. Raises DnsError."""
    return dns.rdataset.from_rdata_list(octo.ttl, _rdatas(octo))


def _rdatas(octo: Any) -> list[dns.rdata.Rdata]:
    """Return the values of an octoDNS record, in its order."""
    texts = octo.to_rrset().rdatas
    try:
        return [
            dns.rdata.from_text("IN", octo._type, text, dns.name.root, relativize=False)
            for text in texts
        ]
    except (dns.exception.DNSException, ValueError) as error:
        raise DnsError(
            f"The service has record {octo.fqdn.rstrip('.')} {octo._type} as {', '.join(texts)},"
            f" which cannot be parsed ({error}): correct it there."
        ) from error


def octo_record(zone: Any, key: Key, wanted: dns.rdataset.Rdataset, old: Any) -> Any:
    """Return *wanted* as an octoDNS record.

    Values that *old* has are copied from it, as octoDNS may write their text differently.
    """
    texts = [rdata.to_text(chunksize=0) for rdata in wanted]
    rrset = Rrset(key[0].to_text(), dns.rdatatype.to_text(key[1]), wanted.ttl, texts)
    new = Record.from_rrset(zone, rrset, lenient=True)
    if old is not None and old.ttl == new.ttl:
        new.octodns = old.octodns  # properties of this service, such as an automatic TTL
    if old is not None and hasattr(new, "values"):
        kept = dict(zip(map(content, _rdatas(old)), old.values, strict=True))
        values = zip(map(content, _rdatas(new)), new.values, strict=True)
        new.values = sorted(kept.get(what, value) for what, value in values)
    return new


def planned(provider: Any, existing: Any, desired: Any, keys: Collection[Key]) -> Any:
    """Return the provider's plan from *existing* to *desired*, limited to changes of *keys*.

    None: there is nothing to do. Raises the exceptions of octoDNS and the provider.
    """

    def populate(zone: Any, target: bool = False, lenient: bool = False) -> bool:
        for record in existing.records:
            zone.add_record(record, lenient=True)
        return True

    provider.populate = populate  # plan() would read the whole zone a second time
    try:
        whole = provider.plan(desired)
    finally:
        del provider.populate
    changes = [change for change in whole.changes if key_of(change.record) in keys] if whole else []
    if not changes:
        return None
    return Plan(
        whole.existing,
        whole.desired,
        changes,
        True,
        provider.update_pcent_threshold,
        provider.delete_pcent_threshold,
    )
