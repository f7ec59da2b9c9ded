# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the resolvers of others answer, by which they find the host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from itertools import product

import dns.name
import dns.rdata
import dns.rdataclass

from pillarbox import lookup
from pillarbox.check.each import AT_A_TIME
from pillarbox.check.finding import NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.outside.view import View
from pillarbox.check.settings import PATIENCE, Address
from pillarbox.status.finding import counted

CHECK = "resolver elsewhere"
# A name and a type.
Question = tuple[str, str]
Answers = dict[Question, lookup.Answer | lookup.Unknown]
KINDS = {4: "A", 6: "AAAA"}
REMEDY = (
    "if all name servers serve the right record, this is an old answer that ends with its TTL, or"
    " a resolver that answers falsely"
)


def addresses(hostname: str, resolvers: list[str]) -> list[Address]:
    """Return the addresses of a host as most resolvers see them."""
    found = ask_all(resolvers, [(hostname, kind) for kind in KINDS.values()])
    seen = []
    for kind in KINDS.values():
        answers = (found[resolver][hostname, kind] for resolver in resolvers)
        sets = (
            tuple(sorted(record.address for record in answer.records))
            for answer in answers
            if isinstance(answer, lookup.Answer)
        )
        most = Counter(sets).most_common(1)
        seen += [ip_address(address) for some, _times in most for address in some]
    return seen


def resolvers(view: View) -> Iterator[Finding]:
    """Check that resolvers of others find the mail servers, their addresses and their keys."""
    wanted = _wanted(view)
    found = ask_all(view.resolvers, wanted)
    signed = {
        question
        for answers in found.values()
        for question, answer in answers.items()
        if isinstance(answer, lookup.Answer) and answer.secure
    }
    for resolver, answers in found.items():
        yield from compare(resolver, answers, wanted, signed)


def _wanted(view: View) -> dict[Question, set[dns.rdata.Rdata]]:
    """Return the right answers to what others ask before they send mail."""
    questions: dict[Question, list[str]] = {
        (view.hostname, kind): [str(one) for one in view.addresses if one.version == version]
        for version, kind in KINDS.items()
    }
    for record in view.records:
        here = record["state"] == "present" and not record["pending"]
        if here and record["type"] in ("MX", "TLSA"):
            questions[record["name"], record["type"]] = record["values"]
    return {
        (name, kind): {
            dns.rdata.from_text(dns.rdataclass.IN, kind, value, dns.name.root, relativize=False)
            for value in values
        }
        for (name, kind), values in questions.items()
    }


def ask_all(resolvers: list[str], questions: Iterable[Question]) -> dict[str, Answers]:
    """Return each resolver's answers."""
    asked = list(product(resolvers, questions))
    found: dict[str, Answers] = {resolver: {} for resolver in resolvers}
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        answers = pool.map(lambda one: _ask(one[0], *one[1]), asked)
        for (resolver, question), answer in zip(asked, answers, strict=True):
            found[resolver][question] = answer
    return found


def _ask(resolver: str, name: str, kind: str) -> lookup.Answer | lookup.Unknown:
    try:
        return lookup.ask(dns.name.from_text(name), kind, PATIENCE, resolver)
    except lookup.Unknown as unknown:
        return unknown


def compare(
    resolver: str,
    answers: Answers,
    wanted: dict[Question, set[dns.rdata.Rdata]],
    signed: set[Question],
) -> Iterator[Finding]:
    """Yield what a resolver's answers say; one without any answer is named once.

    Args:
        signed: the questions whose answers some resolver has validated.
    """
    failures = [answer for answer in answers.values() if isinstance(answer, lookup.Unknown)]
    if failures and len(failures) == len(answers):
        remedy = "if this network blocks it, set check_resolvers to others"
        yield Finding(CHECK, resolver, UNKNOWN, f"no answer: {failures[0]}", "", remedy)
        return
    plain = [
        question
        for question, answer in answers.items()
        if isinstance(answer, lookup.Answer) and question in signed and not answer.secure
    ]
    if plain:
        text = f"{counted(len(plain), 'answer')} not validated, which another resolver validates"
        yield Finding(CHECK, resolver, NOTE, text, "the flag AD")
    for (name, kind), answer in answers.items():
        subject = f"{name} {kind} at {resolver}"
        if isinstance(answer, lookup.Unknown):
            yield Finding(CHECK, subject, UNKNOWN, str(answer))
            continue
        found, right = _text(answer.records), wanted[name, kind]
        if set(answer.records) != right:
            yield Finding(CHECK, subject, WARNING, found, _text(right), REMEDY)
        else:
            yield Finding(CHECK, subject, OK, found + (", validated" if answer.secure else ""))


def _text(records: Iterable[dns.rdata.Rdata]) -> str:
    return ", ".join(sorted(str(record) for record in records)) or "none"
