# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reports about a domain say: who sends in its name, what fails, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from pillarbox.reports import dmarc, tlsrpt
from pillarbox.reports.store import Kept, Store

OURS, OTHERS, FAILING = "ours", "aligned others", "failing"
# Fewer failures, or a smaller share of all, are noise: forwarded mail, a server being restarted.
FEWEST, SHARE = 10, 0.02

STS = (
    "see that https://mta-sts.{domain}/.well-known/mta-sts.txt names the servers in the MX records"
)
CERTIFICATE = "pillarbox certificates status shows the certificate that is served"
TLSA = "pillarbox certificates status shows whether the TLSA records have the keys in service"
# What to do about the results of RFC 8460, section 4.3.
REMEDIES = {
    "starttls-not-supported": "something between the sender and port 25 removes STARTTLS, or an MX"
    " record names another server; see that the MX records are those of this host",
    "certificate-host-mismatch": CERTIFICATE,
    "certificate-expired": CERTIFICATE,
    "certificate-not-trusted": CERTIFICATE,
    "tlsa-invalid": TLSA,
    "dane-required": TLSA,
    "dnssec-invalid": "the signatures of the zone do not validate; see its name server",
    "sts-policy-fetch-error": STS,
    "sts-policy-invalid": STS,
    "sts-webpki-invalid": "pillarbox status shows the certificate of mta-sts.{domain} (web names)",
}


class Source(NamedTuple):
    """Messages of a source that had all of this in common."""

    group: str
    row: dmarc.Row
    messages: int


class Summary(NamedTuple):
    """What the reports about a domain say. Sources and failures: the most frequent first.

    Attributes:
        reporters: by kind of report, the number of each reporter.
        unproven: the same of reports whose sender is not proven, which count nowhere else.
    """

    domain: str
    reporters: dict[str, Counter[str]]
    unproven: dict[str, Counter[str]]
    policy: str
    messages: Counter[tuple[bool, bool]]
    sources: list[Source]
    policies: dict[tlsrpt.Policy, tlsrpt.Sessions]
    failures: list[tuple[tlsrpt.Failure, int]]
    advice: list[str]

    def passing(self) -> int:
        """Return how many messages pass DMARC: by DKIM or SPF."""
        return sum(count for passes, count in self.messages.items() if any(passes))

    def sessions(self) -> tlsrpt.Sessions:
        """Return the sum of TLS sessions."""
        counts = self.policies.values()
        return tlsrpt.Sessions(sum(each[0] for each in counts), sum(each[1] for each in counts))


def summaries(
    store: Store, since: float, addresses: Iterable[str], name: str = ""
) -> list[Summary]:
    """Return what the reports since then say about each domain, or one.

    Args:
        addresses: those of this host.
    """
    kept = store.reports(since)
    domains = sorted({report.domain for report in kept})
    own = frozenset(addresses)
    return [
        _summary(store, since, own, domain, [each for each in kept if each.domain == domain])
        for domain in domains
        if name in ("", domain)
    ]


def _summary(
    store: Store, since: float, own: frozenset[str], domain: str, kept: list[Kept]
) -> Summary:
    summary = Summary(
        domain=domain,
        reporters=_reporters(each for each in kept if each.counts()),
        unproven=_reporters(each for each in kept if not each.counts()),
        policy=next((each.policy for each in kept if each.kind == "DMARC" and each.counts()), ""),
        messages=store.messages(domain, since),
        sources=[
            Source(_group(row, own), row, count) for row, count in store.sources(domain, since)
        ],
        policies=store.policies(domain, since),
        failures=store.failures(domain, since),
        advice=[],
    )
    return summary._replace(advice=[*_dmarc_advice(summary, own), *_tls_advice(summary)])


def _reporters(kept: Iterable[Kept]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {"DMARC": Counter(), "TLS": Counter()}
    for each in kept:
        found[each.kind][each.reporter] += 1
    return found


def _group(row: dmarc.Row, own: frozenset[str]) -> str:
    if not (row.dkim or row.spf):
        return FAILING
    return OURS if row.source in own else OTHERS


def _noise(failed: int, of: int) -> bool:
    return failed < FEWEST or failed < SHARE * of


def _dmarc_advice(summary: Summary, own: frozenset[str]) -> list[str]:
    failing = [source for source in summary.sources if source.group == FAILING]
    ours = sum(source.messages for source in failing if source.row.source in own)
    sent = sum(source.messages for source in summary.sources if source.row.source in own)
    others: Counter[str] = Counter()
    for source in failing:
        if source.row.source not in own:
            others[source.row.source] += source.messages
    advice = []
    if not _noise(ours, sent):
        advice.append(
            f"{ours:,} of {sent:,} messages from this host fail DMARC: pillarbox status shows its"
            " DKIM keys, and a run of site.yml with --check --diff the DNS records that differ."
        )
    if not _noise(others.total(), summary.messages.total()):
        most = next((source for source, _count in others.most_common() if source), "unknown")
        advice.append(
            f"{others.total():,} of {summary.messages.total():,} messages come from elsewhere and"
            f" fail DMARC, most from {most}. If a service of yours sends them, have it sign with"
            " DKIM, or allow it in SPF (spf.include). If none does, they are forged, and receivers"
            f" do what your policy says ({summary.policy or 'unknown'})."
        )
    return advice


def _tls_advice(summary: Summary) -> list[str]:
    sessions = summary.sessions()
    if _noise(sessions.failed, sum(sessions)):
        return []
    results: Counter[str] = Counter()
    for failure, count in summary.failures:
        results[failure.result] += count
    result = next((result for result, _count in results.most_common() if result), "")
    why = f", most by {result}" if result else ""
    remedy = REMEDIES.get(result, "look for the time of the report in this host's log")
    return [
        f"{sessions.failed:,} of {sum(sessions):,} TLS sessions failed{why}:"
        f" {remedy.format(domain=summary.domain)}."
    ]
