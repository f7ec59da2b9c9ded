# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail that is made to harm: it is refused at once, in little memory, without a bounce."""

from __future__ import annotations

import gzip
import json
import os
import resource
import sqlite3
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ...paths import PROGRAM
from .samples import (
    NOW,
    dmarc_xml,
    gzipped,
    message,
    record,
    tls_json,
    zipped,
)

MB = 1_000_000
# Python itself takes 30 MB. The largest message has 16 MB, its reports 10 MB.
MOST_MEMORY = 100
MOST_SECONDS = 2.0
# The address space that a process gets, should it want more.
GUARD = 1024 * MB
PROGRAM_TEXT = r"""
import json, pathlib, re, sys, time
from pillarbox.reports import command
command.FILE = pathlib.Path(sys.argv[1])
time.time = lambda: float(sys.argv[2])
start = time.process_time()
status = command.main(["receive", "--served", "example.org"])
seconds = time.process_time() - start
peak = re.search(r"VmHWM:\s+(\d+)", pathlib.Path("/proc/self/status").read_text())
print(json.dumps([status, seconds, int(peak[1]) / 1000]),
      file=sys.stderr)
"""


class Run(NamedTuple):
    """What became of a message."""

    status: int
    seconds: float
    memory: float
    said: str
    reports: int


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (GUARD, GUARD))
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))


def received(mail: bytes, directory: Path) -> Run:
    """Receive a message in a process of its own."""
    (directory / "mail").write_bytes(mail)
    with open(directory / "mail", "rb") as stream:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM_TEXT, str(directory / "reports.sqlite"), str(NOW)],
            # The name of a reporter cannot be printed in this encoding.
            env={**os.environ, "PYTHONPATH": str(PROGRAM), "PYTHONIOENCODING": "ascii"},
            stdin=stream,
            capture_output=True,
            check=False,
            preexec_fn=limited,
        )
    assert done.returncode == 0, done.stderr.decode()[-500:]
    status, seconds, memory = json.loads(done.stderr)
    database = sqlite3.connect(directory / "reports.sqlite")
    [reports] = database.execute("SELECT count(*) FROM report").fetchone()
    database.close()
    return Run(status, seconds, memory, done.stdout.decode(), reports)


def zeros(size: int) -> bytes:
    """A gzip file of a thousandth of what it unpacks to."""
    stream = zlib.compressobj(9, wbits=31)
    return b"".join([*(stream.compress(bytes(MB)) for _ in range(size // MB)), stream.flush()])


def overlapping(files: int) -> bytes:
    """A zip archive whose entries are all the same file, so that it unpacks to a multiple."""
    packed = zipped(bytes(9 * MB))
    start, end = packed.index(b"PK\x01\x02"), packed.index(b"PK\x05\x06")
    directory = packed[start:end] * files
    number = min(files, 65535)
    tail = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, number, number, len(directory), start, 0)
    return packed[:start] + directory + tail


def laughing() -> str:
    lines = ['<!ENTITY a0 "ha">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)]
    return f"<!DOCTYPE feedback [{''.join(lines)}]>"


def nested(levels: int, size: int = 0) -> bytes:
    """A multipart in a multipart in …, around lines of this size."""
    heads = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(levels)
    )
    return heads.encode() + b"\n" + b"x\n" * (size // 2)


# Nothing but what a record must have.
SHORT = "<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row></record>"
XML: dict[str, tuple[str, Callable[[], bytes]]] = {
    "an entity that grows": (
        "it declares a document type, which no report needs",
        lambda: dmarc_xml(record(), reporter="R", before=laughing()).replace(
            b"<org_name>R", b"<org_name>&a11;"
        ),
    ),
    "deep nesting": (
        "it has more than 32 levels of elements",
        lambda: b"<feedback>" + b"<a>" * 3_000_000,
    ),
    "deep nesting in a record": (
        "it has more than 32 levels of elements",
        lambda: dmarc_xml("<record><row>" + "<a>" * 1_000_000),
    ),
    "a hundred thousand records": (
        "it has more than 20000 records",
        lambda: dmarc_xml(SHORT * 100_000),
    ),
    "records without anything": (
        'its source_ip "" is not an IP address',
        lambda: dmarc_xml("<record/>" * MB),
    ),
    "a million names of elements": (
        "it has more than 500 different names",
        lambda: dmarc_xml("".join(f"<e{n:x}/>" for n in range(MB))),
    ),
    "a million attributes in a tag": (
        "it has a tag or comment that is too long",
        lambda: dmarc_xml("<record " + " ".join(f'a{n:x}=""' for n in range(800_000)) + "/>"),
    ),
    "a million names of attributes": (
        "it has more than 500 different names",
        lambda: dmarc_xml("".join(f'<a b{n:x}=""/>' for n in range(700_000))),
    ),
    "a million namespaces": (
        "it has more than 500 different names",
        lambda: dmarc_xml("".join(f'<a xmlns:b{n:x}="u"/>' for n in range(300_000))),
    ),
    "a tag without an end": (
        "it has a tag or comment that is too long",
        lambda: dmarc_xml('<a b="' + "x" * 9 * MB),
    ),
    "a comment of nine megabytes": (
        "it has a tag or comment that is too long",
        lambda: dmarc_xml(f"<!--{'x' * 9 * MB}-->"),
    ),
    "a text of nine megabytes as a count": (
        'its count "999999999999999999999999999999999999999',
        lambda: dmarc_xml(record(count="9" * 9 * MB)),
    ),
    "a time to come": (
        "about example.org: it is about a time to come, or more than 90 days ago",
        lambda: dmarc_xml(begin=4_000_000_000, end=4_000_000_000),
    ),
}
JSON: dict[str, tuple[str, Callable[[], bytes]]] = {
    "deep nesting": ("it is not JSON, or nested too deeply", lambda: b'{"a":' + b"[" * 900_000),
    "deep objects": ("it is not JSON, or nested too deeply", lambda: b'{"a":' * 300_000),
    "a million lists": (
        "its date-range is not a JSON object",
        lambda: b'{"policies":[' + b"[]," * 600_000 + b"[]]}",
    ),
    "a million policies": (
        "its policies is not a list of up to 100 objects",
        lambda: b'{"date-range":{},"policies":[' + b"{}," * 600_000 + b"{}]}",
    ),
    "ten megabytes": (
        "it has more than 2 MB of JSON",
        lambda: tls_json(**{"contact-info": "x" * 9 * MB}),
    ),
    "an endless number": (
        "it is not JSON, or nested too deeply",
        lambda: tls_json().replace(b"100", b"1" * MB),
    ),
    "too many failures": (
        "its failure-details is not a list of up to 5000 objects",
        lambda: tls_json(*[{"result-type": "x"}] * 5001),
    ),
}
PACKED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a gzip file of half a gigabyte": (
        "it unpacks to more than 10 MB",
        lambda: message(zeros(500 * MB)),
    ),
    "a gzip file of ten thousand members": (
        "the gzip file has more than 16 members",
        lambda: message(gzip.compress(b"") * 10_000),
    ),
    "a damaged gzip file": (
        "the gzip file is damaged",
        lambda: message(b"\x1f\x8b\x08\x00" + b"\xff" * 1000),
    ),
    "a zip archive of a hundred megabytes": (
        "it unpacks to more than 10 MB",
        lambda: message(zipped(bytes(100 * MB))),
    ),
    "a zip archive of files that overlap": ("refused a report: ", lambda: message(overlapping(16))),
    "a zip archive of a hundred thousand entries": (
        "the zip archive has more than 16 files",
        lambda: message(overlapping(100_000)),
    ),
    "a zip archive by bzip2": (
        "the zip archive is compressed by an unusual method",
        lambda: message(zipped(bytes(50 * MB), method=zipfile.ZIP_BZIP2)),
    ),
    "a zip archive by lzma": (
        "the zip archive is compressed by an unusual method",
        lambda: message(zipped(bytes(50 * MB), method=zipfile.ZIP_LZMA)),
    ),
    "fifty reports in a message": (
        "it is not well-formed XML",
        lambda: message(*[gzipped(b"<feedback>" + bytes(9 * MB))] * 49),
    ),
    "a thousand parts": ("the message has more than 50 parts", lambda: message(*[b"x"] * 1000)),
    "a thousand levels": ("the message has more than 5 levels of parts", lambda: nested(1000)),
    "levels by attached messages": (
        "more than 5 levels",
        lambda: nested(4) + b"Content-Type: message/rfc822\n\n" + nested(40),
    ),
    "a thousand levels around many lines": (
        "the message has more than 5 levels of parts",
        lambda: nested(1000, 14 * MB),
    ),
    "a report of 200 MB": (
        "the message is larger than 16 MB",
        lambda: message(dmarc_xml(record() * 1000)) + b"x" * 200 * MB,
    ),
    "a single line": ("the header of the message is too long", lambda: b"x" * 15 * MB),
    "a header of 15 MB": (
        "the header of the message is too long",
        lambda: b"Subject: " + b"x\n " * (5 * MB) + b"\n\nHello\n",
    ),
    "a boundary of 15 MB": (
        "the header of the message is too long",
        lambda: b'Content-Type: multipart/mixed; boundary="' + b'";' * (7 * MB) + b"\n\n",
    ),
    "a type of many quotes": (
        "the message contains no report",
        lambda: b"Content-Type: multipart/mixed; " + b'";' * 60_000 + b"\n\nHello\n",
    ),
    "nothing but boundaries": (
        "the message has more than 50 parts",
        lambda: b"Content-Type: multipart/mixed; boundary=-\n\n" + b"\n---" * (3 * MB),
    ),
    "a boundary of dashes": (
        "the message contains no report",
        lambda: b"Content-Type: multipart/mixed; boundary=" + b"-" * 70 + b"\n\n" + b"-" * 15 * MB,
    ),
    "null bytes": ("the header of the message is too long", lambda: bytes(MB)),
}


def packed(make: Callable[[], bytes]) -> Callable[[], bytes]:
    return lambda: message(gzipped(make()))


CASES = {
    **{f"XML: {name}": (why, packed(make)) for name, (why, make) in XML.items()},
    **{f"JSON: {name}": (why, packed(make)) for name, (why, make) in JSON.items()},
    **PACKED,
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_at_once_and_without_a_bounce(name: str, tmp_path: Path) -> None:
    why, make = CASES[name]
    run = received(make(), tmp_path)
    print(f"{run.seconds:.2f} s, {run.memory:.0f} MB: {run.said}")
    assert (run.status, run.reports) == (0, 0)
    assert run.seconds < MOST_SECONDS
    assert run.memory < MOST_MEMORY
    # Sentences that a terminal can show.
    lines = run.said.splitlines()
    assert 1 <= len(lines) <= 50
    assert all(line.isprintable() and len(line) < 400 for line in lines)
    assert why in lines[0]


def test_the_largest_report_is_kept_within_the_same_limits(tmp_path: Path) -> None:
    records = (SHORT.replace("192.0.2.1", f"2001:db8::{number:x}") for number in range(20_000))
    run = received(message(gzipped(dmarc_xml(*records))), tmp_path)
    assert (run.status, run.reports) == (0, 1)
    assert run.seconds < MOST_SECONDS
    assert run.memory < MOST_MEMORY


def test_a_name_that_the_locale_lacks_is_no_error(tmp_path: Path) -> None:
    run = received(message(dmarc_xml(reporter="Röporter")), tmp_path)
    assert (run.status, run.reports) == (0, 1)
    assert run.said == 'kept: DMARC report "1" of "R\\xf6porter" about example.org\n'
