# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS reports to other domains: from the datagrams of Postfix to the reports that are due."""

from __future__ import annotations

import io
import json
import socket
import sys
import time
from contextlib import nullcontext
from email.message import Message
from functools import partial
from pathlib import Path

import pytest

from pillarbox import activation, lookup
from pillarbox.reports import tlsrpt, unpack
from pillarbox.reports.foreign import Refused
from pillarbox.reports.sending import collector, outbox, sender, sessions, settings
from pillarbox.reports.sending.document import document, mail
from pillarbox.reports.sending.outbox import DAY, DUE, GIVEN_UP, SENT, Outbox
from pillarbox.reports.sending.sender import Refusal, destinations

from .outgoing import GIVEN, MIDNIGHT, MORNING, RECORD, URI, count, datagram, failure


class World:
    """What others have in DNS, and what they got."""

    def __init__(self) -> None:
        self.records: dict[str, str] = {"example.net": RECORD}
        self.sent: list[tuple[str, str]] = []
        self.down = False

    def asked(self, domain: str) -> list[str]:
        if self.down:
            raise lookup.Unknown("no answer")
        return destinations(self.records.get(domain, ""))

    def take(self, uri: str, report: outbox.Report, given: settings.Settings) -> None:
        if "refusing" in uri:
            raise Refusal("550 no")
        self.sent.append((uri, report.domain))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(sender, "asked", world.asked)
    monkeypatch.setattr(sender, "own_domains", lambda: frozenset(["example.org"]))
    monkeypatch.setattr(sender, "WAYS", {"mailto": world.take, "https": world.take})
    return world


def parsed(report: outbox.Report) -> list[tlsrpt.Report]:
    """Return a report as our own parser reads it."""
    [found] = unpack.from_message(mail(report, GIVEN.sender, "tls@example.net").as_bytes())
    assert isinstance(found, unpack.Document)
    return tlsrpt.parse(found.content)


def test_sessions_are_added_up_and_the_report_is_one_that_we_can_read(box: Outbox) -> None:
    count(box, *[datagram()] * 3, *[datagram("example.net", failure())] * 2)
    count(box, datagram("example.net", failure(f="self-signed certificate")))
    count(box, datagram("example.net", **{"policy-type": 9, "policy-domain": None}))
    box.close_days(MIDNIGHT, ())

    [report] = box.due()
    assert (report.successful, report.failed) == (4, 3)
    by_domain = {each.domain: each for each in parsed(report)}
    dane = by_domain["mx.example.net"]
    assert dane.policies == {tlsrpt.Policy("tlsa", ""): tlsrpt.Sessions(3, 3)}
    assert (dane.begin, dane.end) == (MIDNIGHT - DAY, MIDNIGHT - 1)
    assert (dane.reporter, dane.contact) == ("example.org", GIVEN.sender)
    details = tlsrpt.Failure("tlsa", "certificate-not-trusted", "mx.example.net", "192.0.2.25", "")
    assert dane.failures == {
        details: 2,
        details._replace(reason="self-signed certificate"): 1,
    }
    other = by_domain["example.net"]
    assert other.policies == {tlsrpt.Policy("no-policy-found", ""): tlsrpt.Sessions(1, 0)}


def test_the_mail_is_as_rfc_8460_says_and_needs_no_tls(box: Outbox) -> None:
    count(box, datagram())
    box.close_days(MIDNIGHT, ())
    [report] = box.reports()
    message: Message = mail(report, GIVEN.sender, "tls@example.net")
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "tlsrpt"
    assert message["TLS-Report-Domain"] == "example.net"
    assert message["TLS-Report-Submitter"] == "example.org"
    assert message["TLS-Required"] == "No"
    name = f"{report.begin}.example.net@example.org"
    assert message["Subject"] == (
        f"Report Domain: example.net Submitter: example.org Report-ID: <{name}>"
    )
    [_whole, _text, packed] = message.walk()
    assert packed.get_content_type() == "application/tlsrpt+gzip"
    assert packed.get_filename() == (
        f"example.org!example.net!{report.begin}!{report.end - 1}.json.gz"
    )
    # A second attempt is recognized as the same report.
    assert document(report, GIVEN.sender) == document(report, GIVEN.sender)


def test_nothing_is_sent_before_the_day_ends_and_each_day_once(box: Outbox, world: World) -> None:
    count(box, datagram())
    sender.send_all(box, GIVEN, MORNING + 3600)
    assert world.sent == []

    for _ in range(2):
        sender.send_all(box, GIVEN, MIDNIGHT + 3600)
    assert world.sent == [(URI, "example.net")]
    [report] = box.reports()
    assert (report.state, report.remark, report.policies) == (SENT, f"to {URI}", "")


def test_a_report_now_is_about_a_part_of_the_day_and_the_next_about_the_rest(
    box: Outbox, world: World
) -> None:
    count(box, datagram())
    for now in (MORNING + 60, MORNING + 61):
        box.close_days(now, (), early=True)
        sender.send_all(box, GIVEN, now)
    count(box, datagram(), now=MORNING + 3600)
    sender.send_all(box, GIVEN, MIDNIGHT + 3600)

    second, first = box.reports()
    assert (first.begin, first.end) == (MIDNIGHT - DAY, MORNING + 60)
    assert (second.begin, second.end) == (MORNING + 60, MIDNIGHT)
    assert (first.successful, second.successful) == (1, 1)
    assert len(world.sent) == 2


def test_a_process_that_is_killed_while_it_sends_makes_no_second_report(
    box: Outbox, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def send(*arguments: object) -> None:
        world.take(*arguments)  # type: ignore[arg-type]
        raise Killed

    count(box, datagram())
    monkeypatch.setattr(sender, "WAYS", {"mailto": send})
    with pytest.raises(Killed):
        sender.send_all(box, GIVEN, MIDNIGHT)
    sender.send_all(box, GIVEN, MIDNIGHT)
    assert len(world.sent) == 1
    assert [report.state for report in box.reports()] == ["sending"]


def test_what_cannot_be_sent_is_tried_again_for_three_days(
    box: Outbox, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    count(box, datagram())
    world.down = True
    sender.send_all(box, GIVEN, MIDNIGHT)
    world.down = False
    world.records["example.net"] = "v=TLSRPTv1;rua=mailto:refusing@example.net"
    sender.send_all(box, GIVEN, MIDNIGHT + DAY)
    assert capsys.readouterr().out.splitlines() == [
        "TLS report about example.net: waits: no answer",
        "TLS report about example.net: waits: mailto:refusing@example.net: 550 no",
    ]
    [report] = box.reports()
    assert report.state == DUE
    # One of two is enough.
    world.records["example.net"] += ",https://example.net/tls"
    sender.send_all(box, GIVEN, MIDNIGHT + 2 * DAY)
    assert world.sent == [("https://example.net/tls", "example.net")]
    [report] = box.reports()
    assert report.remark == (
        "to https://example.net/tls; not to mailto:refusing@example.net: 550 no"
    )


def test_those_that_have_waited_longest_come_first(box: Outbox, world: World) -> None:
    for day, domain in enumerate(("z.example", "b.example", "a.example")):
        world.records[domain] = RECORD
        count(box, datagram(domain), now=MORNING + day * DAY)
    count(box, datagram("a.example"))
    sender.send_all(box, GIVEN, MIDNIGHT + 2 * DAY)
    assert [domain for _uri, domain in world.sent] == [
        "a.example",
        "z.example",
        "b.example",
        "a.example",
    ]


def test_what_strangers_wrote_is_printed_in_any_locale(
    box: Outbox, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    count(box, datagram())
    world.records["example.net"] = "v=TLSRPTv1; rua=mailto:refusing\ufffd"
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, "ascii", write_through=True))
    monkeypatch.setattr(outbox, "opened", lambda: nullcontext(box))
    monkeypatch.setattr(sender, "settings", lambda: GIVEN)
    monkeypatch.setattr("time.time", lambda: MIDNIGHT)
    assert sender.main() == 0
    assert b"waits: mailto:refusing\\ufffd: 550 no" in printed.getvalue()


def test_what_could_not_be_sent_in_time_is_given_up_and_forgotten_at_last(
    box: Outbox, world: World
) -> None:
    count(box, datagram())
    world.down = True
    for days in range(6):
        sender.send_all(box, GIVEN, MIDNIGHT + days * DAY)
    [report] = box.reports()
    assert (report.state, report.remark, report.policies) == (GIVEN_UP, "no answer", "")
    sender.send_all(box, GIVEN, MIDNIGHT + 100 * DAY)
    assert box.reports() == []


def test_domains_of_this_host_and_those_that_ask_no_longer_get_none(
    box: Outbox, world: World
) -> None:
    count(box, datagram("example.org"), datagram("example.com"))
    sender.send_all(box, GIVEN, MIDNIGHT)
    assert world.sent == []
    [report] = box.reports()
    assert (report.domain, report.remark) == ("example.com", "the domain asks for none")


@pytest.mark.parametrize(
    "wrong",
    [b"", b"[]", b"{}", b"\xff", b'{"d": "x y", "policies": []}', b'{"d": 1, "policies": []}',
     b'{"d": "example.net", "policies": [{"policy-type": 7, "f": 0}]}',
     b'{"d": "example.net", "policies": [{"policy-type": 1, "f": []}]}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_not_of_libtlsrpt_is_ignored(wrong: bytes) -> None:
    with pytest.raises(Refused):
        sessions.parse(wrong)


def test_what_others_chose_is_short_and_printable() -> None:
    long = failure(f="\x1b[31m" + "x" * 5000)
    [found] = sessions.parse(datagram("example.net", long, **{"policy-string": ["y" * 5000] * 99}))
    assert len(found.policy) < 40_000
    assert len(found.failures[0]) < 500
    assert "\\u001b" not in found.failures[0]


def test_the_database_stays_small(box: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("MOST_DOMAINS", "MOST_POLICIES", "MOST_FAILURES"):
        monkeypatch.setattr(outbox, limit, 5)
    for number in range(20):
        # A domain may have many servers, each with a name and TLSA records of its own.
        policy = {"policy-domain": f"mx{number}.0.example", "policy-string": [str(number)]}
        count(
            box,
            datagram(f"{number}.example"),
            datagram("0.example", failure(f=str(number)), **policy),
        )
    # What was there before is still told apart.
    count(box, datagram("0.example"), datagram("0.example", failure(f="0"), **{
        "policy-domain": "mx0.0.example", "policy-string": ["0"],
    }))  # fmt: skip
    box.close_days(MIDNIGHT, ())
    reports = box.reports()
    assert len(reports) == 5
    [first] = [report for report in reports if report.domain == "0.example"]
    # All are counted.
    assert (first.successful, first.failed) == (2, 21)
    policies = {each["policy"]["policy-domain"]: each for each in json.loads(first.policies)}
    assert policies.keys() == {"mx.0.example", *(f"mx{n}.0.example" for n in range(4)), "0.example"}
    assert policies["0.example"]["policy"].keys() == {"policy-type", "policy-domain"}
    assert policies["mx.0.example"]["summary"]["total-successful-session-count"] == 2
    known = policies["mx0.0.example"]["failure-details"]
    assert [(each["failure-reason-code"], each["failed-session-count"]) for each in known] == [
        ("0", 2)
    ]
    failures = [each for found in policies.values() for each in found.get("failure-details", [])]
    assert sum(each["failed-session-count"] for each in failures) == 21
    assert len(failures) == 6


def test_datagrams_are_counted_together_until_none_comes(
    box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "own_domains", lambda: frozenset(["example.org"]))
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with mine, theirs:
        for each in (datagram(), datagram("example.org"), b"nonsense", datagram()):
            theirs.send(each)
        [batch] = collector.batches(mine, 0.01)
        box.add(collector.sessions(batch), MORNING)
    box.close_days(MIDNIGHT, ())
    assert [(report.domain, report.successful) for report in box.reports()] == [("example.net", 2)]


def test_a_damaged_database_does_not_leave_datagrams_that_would_start_the_service_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "damaged.sqlite"
    file.write_text("no database, but a text that is long enough to be read as one" * 9)
    monkeypatch.setattr(outbox, "opened", partial(outbox.opened, file))
    monkeypatch.setattr(collector, "own_domains", frozenset)
    monkeypatch.setattr(collector, "IDLE", 0.01)
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with mine, theirs:
        # systemd keeps it open.
        monkeypatch.setattr(activation, "handed_over", lambda: mine.dup())
        theirs.send(datagram())
        theirs.send(datagram())
        assert collector.main() == 0
        assert f"lost 2 results of TLS sessions: {file}: " in capsys.readouterr().err
        # After the repair.
        file.unlink()
        theirs.send(datagram())
        assert collector.main() == 0
    with outbox.opened() as box:
        box.close_days(time.time() + DAY, ())
        [report] = box.reports()
    assert report.successful == 1
