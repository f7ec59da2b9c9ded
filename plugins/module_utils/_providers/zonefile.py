# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provider `zonefile`: write one file per zone, to paste into the zone or to `$INCLUDE`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError, to_text
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.plan import (
    by_zone,
    enclosing_zone,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Record
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.text import (
    absent_lines,
    pending_line,
    rrset_lines,
)

with suppress(ImportError):  # dns_records reports what to install
    import dns.name


@dataclass
class FilePlan:
    """The current and the desired content of one zone's file."""

    zone: dns.name.Name
    path: str
    before: str
    after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after


@dataclass
class Zonefile:
    """The provider. The default for *zones* is derived from the records' names (see apexes)."""

    directory: str
    zones: Sequence[dns.name.Name] = ()
    updates_sent: int = field(default=0, init=False)

    def plan(self, records: Sequence[Record]) -> list[FilePlan]:
        """Compare the files with the records and return one plan per zone. Raises DnsError."""
        names = [record.name for record in records]
        zones = set(self.zones) or apexes(names)
        grouped = by_zone(records, {name: enclosing_zone(name, zones) for name in names})
        return [self._plan_file(zone, grouped[zone]) for zone in sorted(grouped)]

    def apply(self, plans: Sequence[FilePlan]) -> None:
        """Write the files that change, each atomically. Raises DnsError."""
        for plan in plans:
            if plan.changed:
                _write(plan.path, plan.after)
                self.updates_sent += 1

    def wait(self, plans: Sequence[FilePlan], timeout: float) -> None:
        """Do nothing: there are no servers to wait for."""

    def _plan_file(self, zone: dns.name.Name, records: Sequence[Record]) -> FilePlan:
        # Names of RFC 2317 zones contain a slash.
        file = to_text(zone).replace("/", "-") + ".zone"
        path = os.path.join(self.directory, file)
        try:
            with open(path, encoding="ascii", errors="replace") as stream:
                before = stream.read()
        except FileNotFoundError:
            before = ""
        except OSError as error:
            raise DnsError(
                f"{path} cannot be read ({error.strerror}): check option path."
            ) from error
        return FilePlan(zone, path, before, snippet(zone, records))


def apexes(names: Iterable[dns.name.Name]) -> set[dns.name.Name]:
    """Return the *names* without their underscored labels that are not below another one.

    ``_25._tcp.mx.example.org``, ``r1._domainkey.example.org`` and ``example.org`` all give
    ``example.org``. It need not be the zone: because of its $ORIGIN the file also fits into any
    zone above.
    """
    hosts = set()
    for name in names:
        labels = name.labels
        scoped = [i for i, label in enumerate(labels) if label.startswith(b"_")]
        hosts.add(dns.name.Name(labels[scoped[-1] + 1 :] if scoped else labels))
    root = dns.name.root
    return {host for host in hosts if host == root or not enclosing_zone(host.parent(), hosts)}


def snippet(zone: dns.name.Name, records: Iterable[Record]) -> str:
    """Return *records* as part of a zone file (RFC 1035 section 5)."""
    lines = [f"; Records of the mail server in zone {to_text(zone)}.", f"$ORIGIN {zone}"]
    for record in records:
        if record.pending:
            lines.append(pending_line(record))
        elif record.present:
            lines += rrset_lines(record, record.merged(None), zone)
        else:
            lines += absent_lines(record)
    return "".join(f"{line}\n" for line in lines)


def _write(path: str, text: str) -> None:
    directory = os.path.dirname(path)
    temporary = None
    try:
        os.makedirs(directory, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".zone-", dir=directory)
        with open(descriptor, "w", encoding="ascii") as stream:
            os.fchmod(descriptor, 0o644)
            stream.write(text)
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        raise DnsError(
            f"{path} cannot be written ({error.strerror}): check option path."
        ) from error
