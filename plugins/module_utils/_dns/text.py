# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write RRsets as lines of a zone file (RFC 1035 section 5), one per value, in a fixed order."""

from __future__ import annotations

from contextlib import suppress

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Record

with suppress(ImportError):  # dns_records reports what to install
    import dns.name
    import dns.rdataset
    import dns.rdatatype


def rrset_lines(
    record: Record, rdataset: dns.rdataset.Rdataset | None, origin: dns.name.Name | None = None
) -> list[str]:
    """Return the RRset of *record* as lines, its name relative to *origin*.

    Names in values stay absolute. Each line ends in a comment with its reason.
    """
    if rdataset is None:
        return []
    owner = record.name.choose_relativity(origin, relativize=origin is not None).to_text()
    rdtype = dns.rdatatype.to_text(record.type)
    lines = []
    for rdata in rdataset:
        note = record.note if record.owns(rdata) else "not managed, kept"
        comment = f" ; {note}" if note else ""
        lines.append(f"{owner} {rdataset.ttl} IN {rdtype} {rdata.to_text()}{comment}")
    return sorted(lines)


def pending_line(record: Record) -> str:
    """Return the comment that stands in for a record whose value is not known yet."""
    return f"; {record} (value known once its key exists)"


def absent_lines(record: Record) -> list[str]:
    """Return comments that list what must be absent."""
    what = [f"have {rdata.to_text()}" for rdata in record.values] or ["exist"]
    note = f": {record.note}" if record.note else ""
    return [f"; {record} must not {text}{note}" for text in sorted(what)]
