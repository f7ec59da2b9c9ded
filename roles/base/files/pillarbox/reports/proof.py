# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sent a message, as our own Rspamd has authenticated it (RFC 8601).

Of others' mail Rspamd removes all Authentication-Results and adds its own. Mail of this host's
users and networks it leaves as it is, so that theirs could be forged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network

from pillarbox.reports.foreign import domain

# Bytes of the header in which the two fields must be: the first that this host has added.
MOST_HEADER = 16384
_CLIENT = re.compile(r"from .*? \(.*?\[(?:IPv6:)?([0-9A-Fa-f:.]+)\]\)")
_COMMENT = re.compile(r"\([^()]*\)")
# The results that name the sender, the strongest first: a method, and the property with the domain.
METHODS = (("dmarc", "header.from"), ("dkim", "header.d"), ("spf", "smtp.mailfrom"))
LOOPBACK = ("127.0.0.0/8", "::1/128")


def sender_of(message: bytes, host: str, networks: Iterable[str] = ()) -> str:
    """Return the domain that sent a message; empty if that is not proven.

    Args:
        host: the name of this host, by which it signs the results.
        networks: those whose mail Rspamd does not examine.
    """
    fields = list(_fields(message[:MOST_HEADER]))
    received = next((value for name, value in fields if name == "received"), "")
    results = next((value for name, value in fields if name == "authentication-results"), "")
    # With quotes, a sender could have put results into its address.
    if not _is_others(received, host, [*LOOPBACK, *networks]) or set(results) & {'"', "\\"}:
        return ""
    server, *parts = (part.strip() for part in _COMMENT.sub(" ", results).split(";"))
    if server.lower() != host:
        return ""
    for method, name in METHODS:
        found = [part.split() for part in parts if part.startswith(f"{method}=")]
        # There is one result for the message, but one for each signature.
        passed = [words for words in found if words[0] == f"{method}=pass"]
        if passed and (len(found) == 1 or method == "dkim"):
            for word in passed[0][1:]:
                key, _equals, value = word.partition("=")
                if key == name and (proven := domain(value.rpartition("@")[2])):
                    return proven
    return ""


def _fields(header: bytes) -> Iterator[tuple[str, str]]:
    """Yield the names and values of header fields."""
    text = re.split(rb"\r?\n\r?\n", header, maxsplit=1)[0].decode("ascii", "replace")
    for line in re.sub(r"\r?\n[ \t]+", " ", text).splitlines():
        name, _colon, value = line.partition(":")
        yield name.strip().lower(), value.strip()


def _is_others(received: str, host: str, networks: list[str]) -> bool:
    """Whether a message came from another server, by the field that this host has added."""
    client = _CLIENT.match(received)
    # A login is shown by the last letter of the protocol (RFC 3848).
    if not client or not re.search(rf" by {re.escape(host)} .*\bwith E?SMTPS? ", received):
        return False
    try:
        address = ip_address(client[1])
    except ValueError:
        return False
    return not any(address in ip_network(network, strict=False) for network in networks)
