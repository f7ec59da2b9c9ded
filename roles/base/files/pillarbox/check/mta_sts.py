# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MTA-STS policy of each domain, as a sender fetches it (RFC 8461)."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from ipaddress import ip_address

from pillarbox.check.each import each
from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import LOOPBACK, Settings, ask, is_here, texts

# Seconds for a policy.
PATIENCE = 15
# RFC 8461 section 3.3: no policy is longer.
LONGEST = 64 * 1024


def policies(settings: Settings) -> Iterator[Finding]:
    """Check that senders can fetch the policy, and that it names all MX hosts."""
    return each("MTA-STS", settings.domains, lambda domain: _policy(settings, domain))


def _policy(settings: Settings, domain: str) -> Finding | None:
    records = texts(f"_mta-sts.{domain}", "v=STSv1")
    if not records:
        return None
    name = f"mta-sts.{domain}"
    try:
        policy = _fetch(name, _target(settings, name))
    except (TimeoutError, socket.gaierror) as error:
        return Finding("MTA-STS", domain, UNKNOWN, f"the policy cannot be fetched: {error}")
    except (OSError, http.client.HTTPException) as error:
        found = f"senders cannot fetch the policy: {error or type(error).__name__}"
        remedy = f"see the web server that answers for {name}"
        if 443 in settings.base["ports"]:
            remedy = "see pillarbox status: web names; then journalctl -eu nginx"
        return Finding("MTA-STS", domain, CRITICAL, found, "a policy by HTTPS", remedy)
    mode = next((value for key, value in policy if key == "mode"), "")
    patterns = [value.lower() for key, value in policy if key == "mx"]
    hosts = [str(record.exchange).rstrip(".").lower() for record in ask(domain, "MX").records]
    left_out = [host for host in hosts if not any(matches(host, one) for one in patterns)]
    if mode != "none" and left_out:
        status = CRITICAL if mode == "enforce" else WARNING
        found = f"the policy ({mode}) leaves out {', '.join(left_out)}"
        remedy = "add it to mail_backup_mx, or remove its MX record; then run site.yml"
        return Finding("MTA-STS", domain, status, found, "all MX hosts", remedy)
    if len(records) > 1:
        remedy = f"remove all TXT records at _mta-sts.{domain} but that of site.yml"
        return Finding("MTA-STS", domain, WARNING, f"{len(records)} records", "one", remedy)
    if mode not in ("none", "testing", "enforce"):
        return Finding("MTA-STS", domain, WARNING, f"mode {mode}", "a mode", settings.publish)
    status = NOTE if mode == "none" else OK
    return Finding("MTA-STS", domain, status, f"mode {mode}, for {', '.join(patterns) or 'none'}")


def _target(settings: Settings, name: str) -> str:
    """Return where to connect for a name: to this host itself if it is behind a router's NAT.

    The router may not send back what it translates.
    """
    kinds = ("A", "AAAA")
    found = {ip_address(record.address) for kind in kinds for record in ask(name, kind).records}
    behind = found and found <= set(settings.addresses) and not any(map(is_here, found))
    return str(LOOPBACK[4]) if behind else name


def _fetch(name: str, target: str) -> list[tuple[str, str]]:
    """Return the fields of a policy. Senders follow no redirect (RFC 8461 section 3.3).

    Raises OSError, http.client.HTTPException.
    """
    context = ssl.create_default_context()
    with socket.create_connection((target, 443), PATIENCE) as plain:
        connection = http.client.HTTPSConnection(name, timeout=PATIENCE, context=context)
        connection.sock = context.wrap_socket(plain, server_hostname=name)
        connection.request("GET", "/.well-known/mta-sts.txt")
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise http.client.HTTPException(f"HTTP status {answer.status}")
        text = answer.read(LONGEST).decode(errors="replace")
    lines = (line.partition(":") for line in text.splitlines())
    return [(key.strip(), value.strip()) for key, colon, value in lines if colon]


def matches(host: str, pattern: str) -> bool:
    """Whether a pattern of a policy covers a host; "*" is one label (RFC 8461 section 4.1)."""
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:]
    return host == pattern
