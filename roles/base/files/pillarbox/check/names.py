# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names and addresses of the host, which receivers compare before they accept mail."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import dns.reversename

from pillarbox.check.each import each
from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import Address, Ask, Settings, ask, is_in
from pillarbox.status.ask import output_of

# Addresses of a root name server (a.root-servers.net). Nothing is sent there: the kernel only says
# from which of its addresses it would be.
ELSEWHERE = {4: (socket.AF_INET, "198.41.0.4"), 6: (socket.AF_INET6, "2001:503:ba3e::2:30")}
BIND = {4: "smtp_bind_address", 6: "smtp_bind_address6"}
# RFC 1918, and those of carriers (RFC 6598).
TRANSLATED = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
# Seconds.
PATIENCE = 10.0


def reverse(settings: Settings) -> Iterator[Finding]:
    """Check that each address has the host's name, and the name the address.

    Large receivers refuse mail from other addresses (RFC 1912 section 2.1).
    """
    if not settings.addresses:
        remedy = "set mail_host_addresses and run site.yml, or publish the records yourself"
        found = "the host's name has no address"
        wanted = "A or AAAA records"
        yield Finding("reverse name", settings.hostname, CRITICAL, found, wanted, remedy)
    yield from each("reverse name", settings.addresses, lambda a: _reverse(settings, a))


def _reverse(settings: Settings, address: Address) -> Finding:
    hostname = settings.hostname
    finding = pointer(hostname, address, settings.sends, ask)
    kind = "A" if address.version == 4 else "AAAA"
    if finding.status in (OK, WARNING) and address not in [
        ip_address(record.address) for record in ask(hostname, kind).records
    ]:
        found = f"{hostname} has no {kind} record with this address"
        remedy = "run site.yml, which publishes mail_host_addresses, or publish it yourself"
        return finding._replace(
            status=CRITICAL, found=found, wanted=f"{hostname} alone", remedy=remedy
        )
    return finding


def pointer(hostname: str, address: Address, sends: bool, ask: Ask) -> Finding:
    """Return whether an address has the host's name alone, by its PTR records."""
    pointer = dns.reversename.from_address(str(address))
    names = sorted(str(record.target).rstrip(".") for record in ask(pointer, "PTR").records)
    # Nobody looks at the name of a host that sends all mail by another.
    severe = CRITICAL if sends else NOTE
    provider = f"have the provider of {address} set its reverse name (PTR) to {hostname}"

    def finding(status: str, found: str) -> Finding:
        return Finding("reverse name", str(address), status, found, f"{hostname} alone", provider)

    if not names:
        return finding(severe, "no PTR record")
    if hostname not in [name.lower() for name in names]:
        return finding(severe, ", ".join(names))
    if len(names) > 1:
        return finding(WARNING, f"{len(names)} PTR records: {', '.join(names)}")
    return Finding("reverse name", str(address), OK, hostname)


def outgoing(settings: Settings) -> Iterator[Finding]:
    """Check that mail leaves from an address that SPF and the reverse name are about."""
    for version in settings.versions:
        own = [str(address) for address in settings.addresses if address.version == version]
        source = postconf(BIND[version]) or source_for(*ELSEWHERE[version])
        if source or own:
            yield leaving(settings.hostname, version, source, own, settings.sends)


def source_for(family: int, there: str) -> str:
    """Return the address from which the kernel would send; empty if there is no route."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((there, 53))
        except OSError:
            return ""
        name: str = probe.getsockname()[0]
        return name


def leaving(hostname: str, version: int, source: str, own: list[str], sends: bool) -> Finding:
    """Return whether the address from which the kernel sends is one of the host's own."""
    subject, wanted = f"IPv{version}", " or ".join(own) or f"no IPv{version}"

    def finding(status: str, found: str, remedy: str = "") -> Finding:
        return Finding("outgoing address", subject, status, found, wanted, remedy)

    if source in own:
        return Finding("outgoing address", subject, OK, source)
    if not source:
        return finding(NOTE, f"no route to the Internet by IPv{version}")
    if own and is_in(ip_address(source), TRANSLATED if version == 4 else ()):
        return finding(NOTE, f"{source}, which a router translates (NAT)")
    if not sends:
        return finding(NOTE, source)
    remedies = [f"set {BIND[version]} to {own[0]} in postfix_settings"] if own else []
    add = f"add {source} to mail_host_addresses and give it the reverse name {hostname}"
    return finding(CRITICAL, source, " or ".join([*remedies, add]))


def greeting(settings: Settings) -> Iterator[Finding]:
    """Check the names with which Postfix introduces itself (RFC 5321 sections 4.1.1.1 and 4.2)."""
    wanted = f"220 {settings.hostname}"
    try:
        # Loopback, where postscreen(8) does not let clients wait.
        with socket.create_connection(("127.0.0.1", 25), PATIENCE) as connection:
            said = connection.makefile("rb").readline(512).decode(errors="replace").strip()
    except TimeoutError:
        yield Finding("greeting", "port 25", UNKNOWN, f"no greeting in {PATIENCE:.0f} s")
    except OSError as error:
        remedy = "systemctl start postfix; pillarbox status shows why it does not run"
        found = error.strerror or str(error)
        yield Finding("greeting", "port 25", CRITICAL, found, wanted, remedy)
    else:
        code, _space, rest = said.partition(" ")
        if code != "220":
            yield Finding("greeting", "port 25", UNKNOWN, said, wanted)
        else:
            name = rest.partition(" ")[0]
            yield _named("port 25", name, "smtpd_banner and myhostname", settings)
    yield _named("HELO", postconf("smtp_helo_name"), "smtp_helo_name", settings)


def _named(subject: str, name: str, parameter: str, settings: Settings) -> Finding:
    if name.lower() == settings.hostname:
        return Finding("greeting", subject, OK, name)
    remedy = f"remove {parameter} from postfix_settings, and run site.yml"
    return Finding("greeting", subject, WARNING, name or "no name", settings.hostname, remedy)


def postconf(parameter: str) -> str:
    """Return a parameter of Postfix, with its variables expanded. Raises Unanswered."""
    return output_of("/usr/sbin/postconf", "-xh", parameter).strip()
