# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the settings of role postfix.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._names import (
    NamesError,
    domain_name,
    network,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import (
    Range,
    Rule,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    did_you_mean,
    integer,
    keyed_by,
    list_of,
    one_of,
)

# The actions of header_checks(5) that need no further transport and lose no mail silently.
ACTIONS = (
    "BCC", "DUNNO", "HOLD", "IGNORE", "INFO", "PREPEND", "REDIRECT", "REJECT", "REPLACE", "STRIP",
    "WARN",
)  # fmt: skip


# DNS lists, RFC 5782


def _octets(text: str) -> list[set[int]]:
    """Return the values of each of the four parts of a pattern such as 127.0.0.[2..4;9]."""
    parts = re.findall(r"\[[^\]]*\]|[^.\[\]]+|(?<=\.)(?=\.)", text)
    if len(parts) != 4 or ".".join(parts) != text:
        raise ValueError(text)
    found = []
    for part in parts:
        values: set[int] = set()
        for piece in part.strip("[]").split(";"):
            first, mark, last = piece.partition("..")
            low, high = int(first), int(last if mark else first)
            if not 0 <= low <= high <= 255 or not part.startswith("[") and (mark or ";" in part):
                raise ValueError(text)
            values |= set(range(low, high + 1))
        found.append(values)
    return found


def _answer(text: str) -> str:
    try:
        first, second, third, fourth = _octets(text)
    except ValueError as error:
        raise NamesError(
            f"{text!r} is not a pattern of answers, such as 127.0.0.[2..11]"
        ) from error
    if first != {127}:
        raise NamesError(f"{text} is not in 127.0.0.0/8, the network of DNSBL answers (RFC 5782)")
    if 255 in second & third or (0 in second & third and 1 in fourth):
        raise NamesError(
            f"{text} includes 127.0.0.1 or 127.255.255.0/24, which mean that a query was refused;"
            " use the answers that the list documents, such as 127.0.0.[2..11]"
        )
    return text


def _weight(where: str, value: Any) -> Iterator[Problem]:
    yield from integer(-100, 100)(where, value)
    if value == 0:
        yield where, "is 0, which has no effect; remove it"


_ANSWERS = keyed_by("pattern of answers, such as 127.0.0.[2..11]", _answer, _weight)


def _dnsbl(where: str, value: Any) -> Iterator[Problem]:
    if value == {}:
        yield where, "is empty; set the weights of the list's answers, such as {127.0.0.[2..11]: 3}"
    yield from _ANSWERS(where, value)


# Contents


def _content_check(where: str, value: Any) -> Iterator[Problem]:
    form = "such as /^Subject: .*you have won/ REJECT"
    if not isinstance(value, str) or not value.isprintable() or not value.isascii():
        yield where, f"must be one line of ASCII, {form}"
        return
    match = re.fullmatch(r"!?/(?:[^/\\]|\\.)+/[imx]*\s+(\w+)(\s.*)?", value)
    if not match:
        yield where, f"must be a pattern between slashes and an action, {form}, not {value!r}"
        return
    action = match.group(1).upper()
    if action == "DISCARD":
        yield where, "has DISCARD, which loses mail silently; use REJECT or HOLD"
    elif action == "FILTER":
        yield where, "has FILTER, for which there is no transport; use another action"
    elif action not in ACTIONS:
        yield where, f"has the unknown action {match.group(1)}; {did_you_mean(action, ACTIONS)}"
    elif action in ("BCC", "PREPEND", "REDIRECT", "REPLACE") and not (match.group(2) or "").strip():
        yield where, f"has {action} without its text; add it"


# A message is invalid without them, or means something else (RFC 5322 section 3.6).
_NEEDED = ("bcc", "cc", "date", "dkim-signature", "from", "message-id", "sender", "subject", "to")


def _hidden_header(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", value):
        yield where, f"must be the name of a header field, such as X-Mailer, not {value!r}"
    elif value.lower() in _NEEDED or value.lower().startswith(("content-", "mime-", "received")):
        yield where, f"is {value}, which messages need; remove it"


_CONTENT = list_of(_content_check)
# anvil(8) counts in an int.
_LIMIT = Range(0, 2**31 - 1)

POSTFIX_RULES: dict[str, Rule] = {
    "postfix_dnsbls": keyed_by("domain", domain_name, _dnsbl),
    "postfix_dnsbl_threshold": Range(1, 1000),
    "postfix_clients": keyed_by("address or network", network, one_of("permit", "reject")),
    # Postfix may start five processes for each, on two ports with authentication, and Dovecot's
    # authentication accepts 4,000 clients.
    "postfix_client_connections": Range(0, 300),
    "postfix_client_connection_rate": _LIMIT,
    "postfix_client_message_rate": _LIMIT,
    "postfix_client_recipient_rate": _LIMIT,
    # The least that all servers must accept (RFC 5321 section 4.5.3.1.7).
    "postfix_message_size_limit": Range(65536, 2**31 - 1),
    "postfix_header_checks": _CONTENT,
    "postfix_mime_header_checks": _CONTENT,
    "postfix_body_checks": _CONTENT,
    "postfix_hidden_headers": list_of(_hidden_header),
    "postfix_tls_days": Range(0, 3650),
}


# Checks across settings.


def _elsewhere(settings: Mapping[str, Any]) -> bool:
    """Whether the resolver forwards all queries."""
    extra = settings.get("resolver_extra")
    return isinstance(extra, str) and bool(
        re.search(r'^\s*name:\s*"?\."?\s*$', extra, re.MULTILINE)
    )


def postfix_contradictions(settings: Mapping[str, Any]) -> Iterator[Problem]:
    lists, threshold = settings.get("postfix_dnsbls"), settings.get("postfix_dnsbl_threshold", 3)
    if not isinstance(lists, Mapping) or not lists:
        return
    if _elsewhere(settings):
        yield (
            "postfix_dnsbls",
            "needs the host's own resolver, but resolver_extra forwards all queries to others, from"
            " which such lists refuse queries; remove that forward-zone",
        )
    answers = [answers for answers in lists.values() if isinstance(answers, Mapping)]
    weights = [w for found in answers for w in found.values() if isinstance(w, int)]
    bad = sum(weight for weight in weights if weight > 0)
    if isinstance(threshold, int) and 0 < bad < threshold:
        yield (
            "postfix_dnsbl_threshold",
            f"is {threshold}, but all weights add up to {bad}, so it is never reached; lower it",
        )
