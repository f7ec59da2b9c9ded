# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print summaries for people and for programs."""

from __future__ import annotations

import json
import textwrap
import time
from collections import Counter
from collections.abc import Iterable

from pillarbox.reports.dmarc import Row
from pillarbox.reports.foreign import plain
from pillarbox.reports.summary import FAILING, OTHERS, OURS, Summary
from pillarbox.reports.tlsrpt import Failure
from pillarbox.status.finding import counted

WIDTH = 80
LABEL = 16
# Lines of a group for people; programs get all.
MOST_LINES = 10


def screen(summaries: Iterable[Summary], days: int) -> str:
    """Return the summaries as text."""
    texts = ["\n".join(_domain(summary, days)) for summary in summaries]
    return "\n\n".join(texts) or f"no reports about the last {counted(days, 'day')}"


def _domain(summary: Summary, days: int) -> list[str]:
    lines = [heading(summary, days), ""]
    for kind in kinds(summary):
        lines += [_row(label, said) for label, said in facts(summary, kind)]
        for label, found in groups(summary, kind):
            lines += _rows(label, found)
    for kind, unproven in summary.unproven.items():
        if unproven:
            said = f"{kind} reports of unproven senders: {_names(unproven)}"
            lines += _wrapped(f"{'not counted':{LABEL}}", said).split("\n")
    if not summary.advice:
        return [*lines, "", "Nothing needs attention."]
    return [*lines, "", "Needs attention:", *(_wrapped("  ", a, 6) for a in summary.advice)]


def heading(summary: Summary, days: int) -> str:
    """Return how many reports there are about a domain."""
    reports = " and ".join(
        f"{reporters.total():,} {kind}"
        for kind, reporters in summary.reporters.items()
        if reporters
    )
    count = sum(reporters.total() for reporters in summary.reporters.values())
    return (
        f"{summary.domain}: {reports or 'no'} report{'' if count == 1 else 's'}"
        f" about the last {counted(days, 'day')}"
    )


def kinds(summary: Summary) -> list[str]:
    """Return the kinds of reports that there are."""
    return [kind for kind, reporters in summary.reporters.items() if reporters]


def facts(summary: Summary, kind: str) -> list[tuple[str, str]]:
    """Return what the reports of a kind say in all: a label and a text each."""
    return _dmarc(summary) if kind == "DMARC" else _tls(summary)


def groups(summary: Summary, kind: str) -> list[tuple[str, list[tuple[str, int]]]]:
    """Return the most frequent of each group, with their numbers, by label."""
    if kind == "TLS":
        failures = [(_failure(failure), number) for failure, number in summary.failures]
        return [("failures", _most(failures))]
    return [
        (
            group,
            _most(
                (_source(each.row), each.messages)
                for each in summary.sources
                if each.group == group
            ),
        )
        for group in (OURS, OTHERS, FAILING)
    ]


def _dmarc(summary: Summary) -> list[tuple[str, str]]:
    messages, passing = summary.messages.total(), summary.passing()
    aligned = [
        f"{name} {sum(count for passes, count in summary.messages.items() if passes[place]):,}"
        for place, name in enumerate(("DKIM", "SPF"))
    ]
    policy = f"; policy {summary.policy}" if summary.policy else ""
    return [
        ("DMARC", f"{counted(messages, 'message')}, {_share(passing, messages)} pass{policy}"),
        ("aligned by", ", ".join(aligned)),
        ("reported by", _names(summary.reporters["DMARC"])),
    ]


def _source(row: Row) -> str:
    if not row.source:
        return "more sources, not told apart"
    selector = f" ({row.dkim_selector})" if row.dkim_selector else ""
    facts = [
        f"{row.source} as {row.header_from or 'no domain'}",
        f"DKIM {_result(row.dkim)} {row.dkim_domain}{selector}" if row.dkim_domain else "no DKIM",
        f"SPF {_result(row.spf)} {row.spf_domain}" if row.spf_domain else "no SPF",
    ]
    if row.disposition in ("quarantine", "reject"):
        facts.append({"quarantine": "quarantined", "reject": "rejected"}[row.disposition])
    return ", ".join(facts)


def _result(passes: bool) -> str:
    # As DMARC has it: a pass for another domain than that of the author is a failure.
    return "pass" if passes else "fail"


def _tls(summary: Summary) -> list[tuple[str, str]]:
    sessions = summary.sessions()
    share = _share(sessions.failed, sum(sessions))
    return [
        ("TLS", f"{counted(sum(sessions), 'session')}, {share} failed"),
        ("reported by", _names(summary.reporters["TLS"])),
        *(
            (
                policy.type,
                f"{each.successful:,} succeeded, {each.failed:,} failed{_mode(policy.mode)}",
            )
            for policy, each in summary.policies.items()
        ),
    ]


def _mode(mode: str) -> str:
    return f" (mode {mode})" if mode else ""


def _failure(failure: Failure) -> str:
    facts = [
        failure.result or "more failures, not told apart",
        f"at {failure.mx}" if failure.mx else "",
        f"from {failure.sender}" if failure.sender else "",
        f'"{failure.reason}"' if failure.reason else "",
    ]
    return f"{failure.policy}: {' '.join(filter(None, facts))}"


def _most(found: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return the most frequent, and the number of others."""
    # Some differ only in what is not shown, as reporters have two names for no action.
    alike: Counter[str] = Counter()
    for said, count in found:
        alike[said] += count
    sums = alike.most_common()
    shown = sums[:MOST_LINES]
    if others := sums[MOST_LINES:]:
        shown.append((f"in {len(others):,} more", sum(count for _source, count in others)))
    return shown


def _rows(label: str, found: Iterable[tuple[str, int]]) -> list[str]:
    return [
        _wrapped(f"{'' if place else label:{LABEL}}{count:>8,}  ", said)
        for place, (said, count) in enumerate(found)
    ]


def _row(label: str, text: str) -> str:
    return _wrapped(f"{label:{LABEL}}", text)


def _wrapped(first: str, text: str, indent: int = 0) -> str:
    """Return text in lines, which begin below the end of the first part."""
    return textwrap.fill(
        # Already plain where it was read; here nothing else may reach the terminal either.
        plain(text, 2000),
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * (indent or len(first)),
        break_on_hyphens=False,
    )


def _names(reporters: Counter[str]) -> str:
    names = [f"{name or 'nobody'} {count:,}" for name, count in reporters.most_common(MOST_LINES)]
    more = len(reporters) - MOST_LINES
    return ", ".join([*names, *([f"and {more:,} more"] if more > 0 else [])])


def _share(number: int, of: int) -> str:
    return f"{number:,} ({100 * number / of:.1f} %)" if of else f"{number:,}"


def as_json(summaries: Iterable[Summary], days: int, now: float) -> str:
    """Return the summaries as JSON."""
    whole = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "days": days,
        "domains": [_domain_json(summary) for summary in summaries],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _domain_json(summary: Summary) -> dict[str, object]:
    sessions = summary.sessions()
    return {
        "domain": summary.domain,
        "dmarc": {
            "reporters": dict(summary.reporters["DMARC"]),
            "unproven": dict(summary.unproven["DMARC"]),
            "policy": summary.policy,
            "messages": summary.messages.total(),
            "passing": summary.passing(),
            "dkim_aligned": sum(n for (dkim, _spf), n in summary.messages.items() if dkim),
            "spf_aligned": sum(n for (_dkim, spf), n in summary.messages.items() if spf),
            "sources": [
                {"group": source.group, **source.row._asdict(), "count": source.messages}
                for source in summary.sources
            ],
        },
        "tls": {
            "reporters": dict(summary.reporters["TLS"]),
            "unproven": dict(summary.unproven["TLS"]),
            "successful": sessions.successful,
            "failed": sessions.failed,
            "policies": [
                {**policy._asdict(), **each._asdict()} for policy, each in summary.policies.items()
            ],
            "failures": [
                {**failure._asdict(), "count": count} for failure, count in summary.failures
            ],
        },
        "advice": summary.advice,
    }
