# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names and addresses of the host, which receivers compare before they accept mail."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator

import dns.reversename

from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import Address, Settings, ask

# Addresses of root name servers (a.root-servers.net). Nothing is sent there: the kernel only says
# from which of its addresses it would be.
ELSEWHERE = {4: (socket.AF_INET, "198.41.0.4"), 6: (socket.AF_INET6, "2001:503:ba3e::2:30")}
BIND = {4: "smtp_bind_address", 6: "smtp_bind_address6"}
# Seconds.
PATIENCE = 10.0


def reverse(settings: Settings) -> Iterator[Finding]:
    """Check that each address has the host's name, and the name the address (FCrDNS).

    Large receivers refuse mail from other addresses (RFC 8499 section 7; RFC 1912 section 2.1).
    """
    if not settings.addresses:
        yield Finding(
            "reverse name",
            settings.hostname,
            CRITICAL,
            "the host's name has no address",
            "A or AAAA records",
            "set mail_host_addresses and run site.yml, or publish the records yourself",
        )
    for address in settings.addresses:
        yield _reverse(settings.hostname, address)


def _reverse(hostname: str, address: Address) -> Finding:
    pointer = dns.reversename.from_address(str(address))
    names = sorted(str(record.target).rstrip(".") for record in ask(pointer, "PTR").records)
    wanted = f"{hostname} alone"
    who = f"whoever provides {address} sets its reverse name (PTR) to {hostname}, in their panel"

    def finding(status: str, found: str, remedy: str = who) -> Finding:
        return Finding("reverse name", str(address), status, found, wanted, remedy)

    if not names:
        return finding(CRITICAL, "no PTR record")
    if hostname not in [name.lower() for name in names]:
        return finding(CRITICAL, ", ".join(names))
    kind = "A" if address.version == 4 else "AAAA"
    if str(address) not in [record.address for record in ask(hostname, kind).records]:
        return finding(
            CRITICAL,
            f"{hostname} has no {kind} record with this address",
            "run site.yml, which publishes mail_host_addresses, or publish it yourself",
        )
    if len(names) > 1:
        return finding(WARNING, f"{len(names)} PTR records: {', '.join(names)}")
    return Finding("reverse name", str(address), OK, hostname)


def outgoing(settings: Settings) -> Iterator[Finding]:
    """Check that mail leaves from an address that SPF and the reverse name are about."""
    for version, (family, there) in ELSEWHERE.items():
        own = [address for address in settings.addresses if address.version == version]
        bound = _postconf(BIND[version])
        source = bound or _source(family, there)
        if source or own:
            yield _outgoing(version, source, [str(address) for address in own], settings)


def _source(family: int, there: str) -> str:
    """Return the address from which the kernel would send; empty if there is no route."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((there, 53))
        except OSError:
            return ""
        name: str = probe.getsockname()[0]
        return name


def _outgoing(version: int, source: str, own: list[str], settings: Settings) -> Finding:
    subject, wanted = f"IPv{version}", " or ".join(own) or f"no IPv{version}"
    if source in own:
        return Finding("outgoing address", subject, OK, source)
    if not source:
        found = f"no route to the Internet by IPv{version}"
        # It may be down, or the test network has none.
        return Finding("outgoing address", subject, NOTE, found, wanted)
    if own and version == 4 and _is_translated(source):
        found = f"{source}, which a router translates (NAT)"
        return Finding("outgoing address", subject, NOTE, found, wanted)
    choices = f"set {BIND[version]} to {own[0]} in postfix_settings" if own else ""
    add = f"add {source} to mail_host_addresses and give it the reverse name {settings.hostname}"
    return Finding(
        "outgoing address",
        subject,
        CRITICAL,
        source,
        wanted,
        " or ".join(filter(None, (choices, add))),
    )


def _is_translated(source: str) -> bool:
    """Whether it is an address of RFC 1918 or of a carrier's NAT (RFC 6598)."""
    octets = [int(part) for part in source.split(".")]
    return (
        octets[0] == 10
        or octets[:2] == [192, 168]
        or (octets[0] == 172 and 16 <= octets[1] < 32)
        or (octets[0] == 100 and 64 <= octets[1] < 128)
    )


def greeting(settings: Settings) -> Iterator[Finding]:
    """Check the names with which Postfix introduces itself (RFC 5321 sections 4.1.1.1 and 4.2)."""
    try:
        with socket.create_connection(("127.0.0.1", 25), PATIENCE) as connection:
            first = connection.makefile("rb").readline(512).decode(errors="replace")
    except TimeoutError:
        yield Finding("greeting", "port 25", UNKNOWN, f"no greeting in {PATIENCE:.0f} s")
    except OSError as error:
        yield Finding(
            "greeting",
            "port 25",
            CRITICAL,
            f"{error.strerror}",
            f"220 {settings.hostname}",
            "systemctl start postfix; pillarbox status shows why it does not run",
        )
    else:
        yield _named("port 25", "".join(first.split()[1:2]), "myhostname", settings)
    yield _named("HELO", _postconf("smtp_helo_name"), "smtp_helo_name", settings)


def _named(subject: str, name: str, parameter: str, settings: Settings) -> Finding:
    if name.lower() == settings.hostname:
        return Finding("greeting", subject, OK, name)
    remedy = f"remove {parameter} from postfix_settings, and run site.yml"
    return Finding("greeting", subject, WARNING, name or "no name", settings.hostname, remedy)


def _postconf(parameter: str) -> str:
    """Return a parameter of Postfix, with its variables expanded."""
    command = ["/usr/sbin/postconf", "-xh", parameter]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
