# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DMARC aggregate reports (RFC 9990, and as RFC 7489, appendix C, had them)."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple
from xml.parsers import expat

from pillarbox.reports.foreign import Refused, address, domain, number, plain, word

# Records of a report, of which many are alike.
MOST_RECORDS = 20_000
# Results of DKIM in a record (RFC 9990 recommends no more).
MOST_SIGNATURES = 100
# The deepest element of the format has six levels; extensions may have more.
MOST_LEVELS = 32
MOST_TEXT = 1000
# Names of elements, attributes and namespaces, of which the format has fewer than fifty. expat
# keeps each of them to the end.
MOST_NAMES = 500
# Elements of a report or record that are kept.
MOST_FIELDS = 50
# Bytes of a tag or comment: of the largest piece that expat must see as a whole.
MOST_TAG = 65536
# Seconds since 1970, of which the store accepts those of its time.
MOST_TIME = 2**32
# The elements that repeat the domain's record, and their tags there. pct is of RFC 7489 only. Of
# some, reporters add the default.
TAGS = {
    "p": "p",
    "sp": "sp",
    "np": "np",
    "testing": "t",
    "adkim": "adkim",
    "aspf": "aspf",
    "pct": "pct",
}
DEFAULTS = ("t=n", "adkim=r", "aspf=r", "pct=100")
DISPOSITIONS = ("none", "pass", "quarantine", "reject")


class Row(NamedTuple):
    """Messages that had all of this in common; dkim and spf: whether it passes, aligned."""

    source: str
    header_from: str
    dkim_domain: str
    dkim_selector: str
    spf_domain: str
    disposition: str
    dkim: bool
    spf: bool


class Report(NamedTuple):
    """A report about a domain. Texts are plain, and domains are in lower case."""

    reporter: str
    report_id: str
    domain: str
    begin: int
    end: int
    contact: str
    policy: str
    rows: Counter[Row]


class _Reader:
    """Receives the elements of a report from expat."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.namespace = ""
        self.names: set[str] = set()
        self.text = ""
        self.head: dict[str, str] = {}
        self.record: dict[str, str] = {}
        # The results of a record, as the elements within them.
        self.dkim: list[dict[str, str]] = []
        self.spf: list[dict[str, str]] = []
        self.rows: Counter[Row] = Counter()
        self.records = 0

    def declare(self, *names: str | None) -> None:
        self.names.update(map(str, names))
        if len(self.names) > MOST_NAMES:
            raise Refused(f"it has more than {MOST_NAMES} different names")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.declare(name, *attributes)
        namespace, _space, local = name.rpartition(" ")
        if not self.path:
            if local != "feedback":
                raise Refused(f"its root element is {plain(local, 40)}, not feedback")
            self.namespace = namespace
        # In the old schema only the root has a namespace. Those of extensions are others.
        self.path.append(local if namespace in ("", self.namespace) else "")
        if len(self.path) > MOST_LEVELS:
            raise Refused(f"it has more than {MOST_LEVELS} levels of elements")
        self.text = ""
        if self.path == ["feedback", "record"]:
            self.record, self.dkim, self.spf = {}, [], []
            self.records += 1
            if self.records > MOST_RECORDS:
                raise Refused(f"it has more than {MOST_RECORDS} records")
        elif self.path[1:3] == ["record", "auth_results"] and len(self.path) == 4:
            results = self._results()
            if len(results) < MOST_SIGNATURES:
                results.append({})

    def _results(self) -> list[dict[str, str]]:
        return {"dkim": self.dkim, "spf": self.spf}.get(self.path[3], [])

    def characters(self, data: str) -> None:
        if len(self.text) < MOST_TEXT:
            self.text += data[:MOST_TEXT]

    def end(self, _name: str) -> None:
        match self.path[1:]:
            case ["record"]:
                self._add()
            case ["record", "auth_results", _, field]:
                if results := self._results():
                    self._keep(results[-1], field)
            case ["record", *inner]:
                self._keep(self.record, *inner)
            case ["report_metadata" | "policy_published", *_] as outer:
                self._keep(self.head, *outer)
        self.text = ""
        self.path.pop()

    def _keep(self, holder: dict[str, str], *path: str) -> None:
        """Keep the text of an element, of several only the first."""
        if len(holder) < MOST_FIELDS:
            holder.setdefault("/".join(path), self.text.strip())

    def _add(self) -> None:
        """Add the record that has ended."""
        about = domain(self.head.get("policy_published/domain", ""))
        evaluated = "row/policy_evaluated/"
        signature = min(self.dkim, key=lambda result: _rank(result, about), default={})
        # RFC 7489 allows a result for HELO, too.
        checked = min(self.spf, key=lambda result: _scope(result) == "helo", default={})
        disposition = word(self.record.get(f"{evaluated}disposition", ""))
        row = Row(
            source=address("source_ip", self.record.get("row/source_ip", "")),
            header_from=domain(self.record.get("identifiers/header_from", "")),
            dkim_domain=domain(signature.get("domain", "")),
            dkim_selector=domain(signature.get("selector", "")),
            spf_domain=domain(checked.get("domain", "")),
            disposition=disposition if disposition in DISPOSITIONS else "",
            dkim=word(self.record.get(f"{evaluated}dkim", "")) == "pass",
            spf=word(self.record.get(f"{evaluated}spf", "")) == "pass",
        )
        if count := number("count", self.record.get("row/count", "")):
            self.rows[row] += count

    def report(self) -> Report:
        """Return the report, when all of it was read."""
        head = self.head.get
        begin, end = (
            number(edge, head(f"report_metadata/date_range/{edge}", ""), MOST_TIME)
            for edge in ("begin", "end")
        )
        tags = {tag: word(head(f"policy_published/{element}", "")) for element, tag in TAGS.items()}
        policy = [f"{tag}={value}" for tag, value in tags.items() if value]
        contact = plain(head("report_metadata/email", ""))
        return Report(
            # Some reporters leave their name empty.
            reporter=plain(head("report_metadata/org_name", "")) or contact,
            report_id=plain(head("report_metadata/report_id", "")),
            domain=domain(head("policy_published/domain", "")),
            begin=begin,
            end=end,
            contact=contact,
            policy=" ".join(tag for tag in policy if tag not in DEFAULTS),
            rows=self.rows,
        )


def _scope(result: dict[str, str]) -> str:
    return word(result.get("scope", ""))


def _rank(result: dict[str, str], about: str) -> tuple[bool, bool]:
    """Return the sort key of signatures: first one that passes for the domain of the report."""
    signer = domain(result.get("domain", ""))
    within = signer == about or signer.endswith(f".{about}")
    return word(result.get("result", "")) != "pass", not within


def parse(content: bytes) -> Report:
    """Return the report in an XML document. Raises Refused if it is none."""
    reader = _Reader()

    def refuse(*_arguments: object) -> None:
        # Without a document type there are no entities, neither external nor ones that grow. expat
        # calls this before it reads any; python3-defusedxml does the same, in one more package.
        raise Refused("it declares a document type, which no report needs")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartNamespaceDeclHandler = reader.declare
    parser.buffer_text = True
    try:
        # In pieces, since a tag of ten megabytes would be a million attributes.
        for at in range(0, len(content), MOST_TAG):
            if at - parser.CurrentByteIndex > MOST_TAG:
                raise Refused("it has a tag or comment that is too long")
            parser.Parse(content[at : at + MOST_TAG], False)
        parser.Parse(b"", True)
    # An unknown encoding is one of the others.
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Refused(f"it is not well-formed XML ({plain(str(error), 80)})") from None
    return reader.report()


def folded(rows: Counter[Row], most: int) -> Counter[Row]:
    """Return the most frequent rows, and the others without what tells them apart."""
    kept: Counter[Row] = Counter()
    for place, (row, count) in enumerate(rows.most_common()):
        if place >= most:
            row = Row("", "", "", "", "", "", row.dkim, row.spf)
        kept[row] += count
    return kept
