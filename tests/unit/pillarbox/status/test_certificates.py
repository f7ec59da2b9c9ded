# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox status" reports about certificates, given the ring and openssl(1)'s output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pillarbox.status import certificates
from pillarbox.status.certificates import (
    DAY,
    Leaf,
    coming,
    due,
    failures,
    known_from,
    read,
    served,
    waiting,
)
from pillarbox.status.finding import ATTENTION, OK

PRINTED = """\
notBefore=2026-11-26 05:57:54Z
notAfter=2027-02-24 05:57:53Z
issuer=
    countryName               = US
    organizationName          = Let's Encrypt
    commonName                = R12
"""
LEAF = read(PRINTED)
CONFIG: dict[str, Any] = {"renew_days": 30, "source": "acme"}
SEEN = {"seen": {"1d": "2026-11-26T05:57:43+00:00"}, "ttl": {"seconds": 3600, "since": ""}}
PUBLISHED = certificates.moment("2026-11-26T05:57:43+00:00")


def test_openssl_tells_when_it_ends_and_who_issued_it() -> None:
    assert Leaf(1795672674, 1803448673, "Let's Encrypt R12") == LEAF


@pytest.mark.parametrize(
    ("days", "advice", "before"),
    [(90, {}, 30), (45, {}, 15), (6, {}, 2), (90, {"renew": "1970-02-10T00:00:00+00:00"}, 50)],
)
def test_it_is_due_when_the_renewal_program_says_so(
    days: int, advice: dict[str, str], before: int
) -> None:
    assert due(Leaf(0, days * DAY, ""), advice, 30) == (days - before) * DAY


@pytest.mark.parametrize(
    ("left", "state", "words"),
    [
        (89.5, OK, "89 days left, renewal 2027-01-"),
        # A run that failed is tried again a day later.
        (29.5, OK, "29 days left, renewal "),
        (28.5, ATTENTION, "28 days left, renewal overdue since "),
        (-1, ATTENTION, "expired at "),
    ],
)
def test_one_that_should_have_been_renewed_needs_attention(
    left: float, state: str, words: str
) -> None:
    found = served("rsa", LEAF, {}, CONFIG, LEAF.end - left * DAY)
    assert (found.subject, found.state) == ("rsa", state)
    assert found.text.startswith(words) and found.text.endswith("from Let's Encrypt R12")
    assert found.remedy == ("pillarbox certificates renew" if state == ATTENTION else "")


def test_one_of_the_users_own_is_for_them_to_replace() -> None:
    found = served("rsa", LEAF, {}, {**CONFIG, "source": "files"}, LEAF.end - DAY)
    assert "mail_tls_provided" in found.remedy


def test_a_key_waits_until_all_caches_know_its_records() -> None:
    assert known_from(SEEN) == PUBLISHED + 7200
    found = waiting("rsa", SEEN, PUBLISHED - 60, PUBLISHED + 60)
    assert found.state == OK and found.text.startswith("its key waits until 2026-11-2")


def test_a_rollover_waits_for_the_next_keys() -> None:
    [found] = coming(SEEN, PUBLISHED + 60)
    assert found.state == OK
    assert found.text.startswith("may be served from 2026-11-26 07:57 on")
    assert coming(SEEN, PUBLISHED + 7200) == coming({}, 0) == []


def test_a_key_that_has_no_records_for_long_needs_attention() -> None:
    assert waiting("rsa", {}, PUBLISHED, PUBLISHED + DAY / 2).state == OK
    found = waiting("rsa", {}, PUBLISHED, PUBLISHED + 2 * DAY)
    assert found.state == ATTENTION and "not all name servers" in found.text


def test_a_key_that_might_have_a_certificate_for_long_needs_attention() -> None:
    assert waiting("rsa", SEEN, PUBLISHED, PUBLISHED + DAY).state == OK
    assert waiting("rsa", SEEN, PUBLISHED, PUBLISHED + 2 * DAY).state == ATTENTION


def test_a_failed_renewal_is_told_with_its_reason() -> None:
    remembered = {"failure": {"at": "2026-11-26T06:06:46+00:00", "why": "the CA said no"}}
    [found] = failures(remembered, certificates.moment("2026-11-26T08:06:46+00:00"))
    assert found.state == ATTENTION and found.subject == "renewal"
    assert found.text.endswith('(2 hours ago): "the CA said no"')
    assert "pillarbox certificates renew" in found.remedy
    assert failures({"failure": None}, 0) == []


def test_an_empty_file_and_a_link_are_no_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "output_of", lambda *command: PRINTED)
    (tmp_path / "ecdsa.pem").write_text("a key and a chain")
    (tmp_path / "rsa.pem").symlink_to("ecdsa.pem")
    (tmp_path / "rsa-current.key").touch()
    (tmp_path / "ring.json").write_text(json.dumps(SEEN))
    config = {"tls_dir": str(tmp_path), "algorithms": ["ecdsa", "rsa"], **CONFIG}
    found = certificates.look({"acme_sh": config}, PUBLISHED)
    assert [(it.subject, it.text[:12]) for it in found] == [
        ("ecdsa", "90 days left"),
        ("rsa", "its key wait"),
        ("next keys", "may be serve"),
    ]


def test_a_host_without_the_role_has_no_line() -> None:
    assert certificates.look({}, 0) == []


def test_keys_that_are_gone_need_attention(tmp_path: Path) -> None:
    config = {"tls_dir": str(tmp_path), "algorithms": ["ecdsa"], **CONFIG}
    [found] = certificates.look({"acme_sh": config}, PUBLISHED)
    assert (found.state, found.text) == (ATTENTION, "no key")
