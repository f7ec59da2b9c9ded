# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS reports (RFC 8460, section 4.4): how TLS sessions to the servers of a domain ended."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any, NamedTuple, NoReturn

from pillarbox.reports.foreign import MOST_COUNT, Refused, address, domain, plain, word

# JSON takes up to twenty times its size when it is read, as a list of empty lists.
MOST_BYTES = 2_000_000
MOST_POLICIES = 100
MOST_FAILURES = 5000
# RFC 8460, section 4.4, and RFC 8461, section 3.2.
TYPES = ("tlsa", "sts", "no-policy-found")
MODES = ("enforce", "testing", "none")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Failure(NamedTuple):
    """Sessions that failed alike. Reporters may leave out all but the policy and the result."""

    policy: str
    result: str
    mx: str
    sender: str
    reason: str


class Policy(NamedTuple):
    """A policy that senders applied: tlsa, sts (and its mode) or no-policy-found."""

    type: str
    mode: str


class Sessions(NamedTuple):
    """How many sessions succeeded, and how many failed."""

    successful: int
    failed: int


class Report(NamedTuple):
    """A report about one domain. Texts are plain, and domains are in lower case."""

    reporter: str
    report_id: str
    domain: str
    begin: int
    end: int
    contact: str
    policies: dict[Policy, Sessions]
    failures: Counter[Failure]


def parse(content: bytes) -> list[Report]:
    """Return the reports in a JSON document, one for each domain. Raises Refused if it is none."""
    if len(content) > MOST_BYTES:
        raise Refused(f"it has more than {MOST_BYTES // 1_000_000} MB of JSON")
    try:
        found = json.loads(content, parse_constant=_refuse)
    # RecursionError: it is nested too deeply.
    except (ValueError, RecursionError):
        raise Refused("it is not JSON, or nested too deeply") from None
    whole = _object(found, "whole")
    times = _object(whole.get("date-range"), "date-range")
    policies = _objects(whole, "policies", MOST_POLICIES)
    contact = plain(_text(whole, "contact-info"))
    reports: dict[str, Report] = {}
    for each in policies:
        policy = _object(each.get("policy"), "policy")
        about = domain(_text(policy, "policy-domain"))
        report = reports.setdefault(
            about,
            Report(
                reporter=plain(_text(whole, "organization-name")) or contact,
                report_id=plain(_text(whole, "report-id")),
                domain=about,
                begin=_time(times, "start-datetime"),
                end=_time(times, "end-datetime"),
                contact=contact,
                policies={},
                failures=Counter(),
            ),
        )
        _add(report, each, policy)
    return list(reports.values())


def _add(report: Report, each: dict[str, Any], policy: dict[str, Any]) -> None:
    """Add an entry of "policies" to the report."""
    kind = word(_text(policy, "policy-type"))
    if kind not in TYPES:
        raise Refused(f"its policy-type is not one of {', '.join(TYPES)}")
    # An STS policy is a list of its lines.
    lines = policy.get("policy-string")
    modes = [
        word(line.partition(":")[2])
        for line in (lines if isinstance(lines, list) else [])[:MOST_POLICIES]
        if isinstance(line, str) and line.startswith("mode:")
    ]
    key = Policy(kind, modes[0] if kind == "sts" and modes and modes[0] in MODES else "")
    summary = _object(each.get("summary"), "summary")
    before = report.policies.get(key, Sessions(0, 0))
    report.policies[key] = Sessions(
        before.successful + _count(summary, "total-successful-session-count"),
        before.failed + _count(summary, "total-failure-session-count"),
    )
    for failure in _objects(each, "failure-details", MOST_FAILURES):
        result = word(_text(failure, "result-type"))
        if not result:
            # RFC 8460 has a list of results, which grows.
            raise Refused("its result-type is not the name of a result")
        sender = _text(failure, "sending-mta-ip")
        count = _count(failure, "failed-session-count")
        if count:
            report.failures[
                Failure(
                    policy=kind,
                    result=result,
                    mx=domain(_text(failure, "receiving-mx-hostname")),
                    sender=address("sending-mta-ip", sender) if sender else "",
                    reason=plain(_text(failure, "failure-reason-code")),
                )
            ] += count


def folded(failures: Counter[Failure], most: int) -> Counter[Failure]:
    """Return the most frequent failures, and the others by policy only."""
    kept: Counter[Failure] = Counter()
    for place, (failure, count) in enumerate(failures.most_common()):
        if place >= most:
            failure = Failure(failure.policy, "", "", "", "")
        kept[failure] += count
    return kept


def _refuse(_constant: str) -> NoReturn:
    # NaN and Infinity, which Python reads although they are not JSON (RFC 8259, section 6).
    raise ValueError


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(f"its {name} is not a JSON object")
    return value


def _objects(holder: dict[str, Any], name: str, most: int) -> list[dict[str, Any]]:
    value = holder.get(name)
    # Without failures there need not be a list of them.
    value = [] if value is None else value
    if not isinstance(value, list) or len(value) > most:
        raise Refused(f"its {name} is not a list of up to {most} objects")
    return [_object(item, f"an item of {name}") for item in value]


def _text(holder: dict[str, Any], name: str) -> str:
    value = holder.get(name)
    value = "" if value is None else value
    if not isinstance(value, str):
        raise Refused(f"its {name} is not a text")
    return value


def _count(holder: dict[str, Any], name: str) -> int:
    value = holder.get(name, 0)
    # In Python, True is a number.
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_COUNT:
        raise Refused(f"its {name} is not a number up to {MOST_COUNT}")
    return value


def _time(holder: dict[str, Any], name: str) -> int:
    """Return a time of RFC 3339 in seconds since 1970."""
    try:
        moment = datetime.fromisoformat(_text(holder, name)[:40])
        return int((moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH).total_seconds())
    except (ValueError, OverflowError):
        raise Refused(f"its {name} is not a time") from None
