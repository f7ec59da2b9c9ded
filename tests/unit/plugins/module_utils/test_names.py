# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._names import (
    NamesError,
    address,
    domain_name,
    forward_address,
    labels,
    normal,
    selector,
)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("mx.example.org", "mx.example.org"),
        ("MX.Example.ORG", "mx.example.org"),
        ("xn--mller-kva.example", "xn--mller-kva.example"),
        ("müller.example", "xn--mller-kva.example"),
        ("MÜLLER.example", "xn--mller-kva.example"),
        ("mu\u0308ller.example", "xn--mller-kva.example"),  # decomposed, as macOS types it
        ("почта.example", "xn--80a1acny.example"),
        ("3com.example", "3com.example"),
        (f"{'a' * 63}.example", f"{'a' * 63}.example"),
    ],
)
def test_brings_names_into_one_form(written: str, normal: str) -> None:
    assert domain_name(written) == normal


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "not a domain name"),
        ("mx", "not fully qualified"),
        ("mx.example.org.", "ends in a dot"),
        ("mx..example.org", "not a domain name"),
        ("mx_1.example.org", "not a domain name"),
        ("-mx.example.org", "not a domain name"),
        ("mx-.example.org", "not a domain name"),
        ("mx.example.org\n", "not a domain name"),
        ("mx example.org", "not a domain name"),
        (f"{'a' * 64}.example", "not a domain name"),
        (".".join(["a" * 60] * 5), "longer than 253"),
        ("198.18.0.10", "an IP address"),
        ("2001:2::10", "not a domain name"),
        ("straße.example", "xn--…"),  # IDNA 2003: strasse, IDNA 2008: xn--strae-oqa
        ("☃\u200d.example", "xn--…"),
    ],
)
def test_refuses_names_with_a_reason(name: str, reason: str) -> None:
    with pytest.raises(NamesError, match=reason):
        domain_name(name)


def test_only_names_of_records_have_underscores() -> None:
    assert domain_name("_spf.example.org", underscore=True) == "_spf.example.org"
    assert labels("record-set_1", underscore=True) == "record-set_1"


@pytest.mark.parametrize(("written", "normal"), [("r1", "r1"), ("R1", "r1"), ("2026.a", "2026.a")])
def test_accepts_selectors(written: str, normal: str) -> None:
    assert selector(written) == normal


@pytest.mark.parametrize("name", ["", "r_1", "r1.", "a/b", "..", "r1\n"])
def test_refuses_what_is_no_selector(name: str) -> None:
    with pytest.raises(NamesError, match="not a DKIM selector"):
        selector(name)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("alice@example.org", "alice@example.org"),
        ("Alice.B-c_d@Example.ORG", "alice.b-c_d@example.org"),
        ("alice@müller.example", "alice@xn--mller-kva.example"),
    ],
)
def test_brings_addresses_into_one_form(written: str, normal: str) -> None:
    assert address(written) == normal


@pytest.mark.parametrize(
    "text",
    [
        "alice",
        "@example.org",
        "alice@",
        "alice@localhost",
        "alice+tag@example.org",
        "#alice@example.org",
        "a:b@example.org",
        "../alice@example.org",
        "alice..b@example.org",
        ".alice@example.org",
        "jürgen@example.org",
        "alice@bob@example.org",
        "alice\n@example.org",
        f"{'a' * 65}@example.org",
    ],
)
def test_refuses_addresses_that_no_account_can_have(text: str) -> None:
    with pytest.raises(NamesError):
        address(text)


@pytest.mark.parametrize("local", ["o'brien", "r&d", "x=y", "^_^", "~user", "-_-", "a'.&b"])
def test_an_address_may_have_all_that_no_daemon_misreads(local: str) -> None:
    assert address(f"{local}@example.org") == f"{local}@example.org"


@pytest.mark.parametrize("character", "!#$%*+/?`{|}")
def test_what_some_daemon_would_misread_is_refused_with_the_reason(character: str) -> None:
    reason = rf"cannot be an address of this server: has {re.escape(character)} before the @, w.*; "
    with pytest.raises(NamesError, match=reason):
        address(f"a{character}b@example.org")


def test_an_address_elsewhere_may_have_more_but_nothing_that_makes_a_line_a_comment() -> None:
    assert forward_address("a!#$%*/?`{|}b@example.net") == "a!#$%*/?`{|}b@example.net"
    with pytest.raises(NamesError, match="starts with #"):
        forward_address("#1@example.net")


def test_a_name_in_its_normal_form_passes() -> None:
    assert normal(domain_name)("mx.example.org") == "mx.example.org"
    assert normal(address)("alice@xn--mller-kva.example") == "alice@xn--mller-kva.example"


@pytest.mark.parametrize(
    ("parse", "name", "reason"),
    [
        (domain_name, "MX.example.org", "has upper-case letters; write mx.example.org"),
        (domain_name, "xn--MLLER-kva.example", "upper-case letters; write xn--mller-kva.example"),
        (domain_name, "MÜLLER.example", "has non-ASCII letters; write xn--mller-kva.example"),
        (domain_name, "mx", "not fully qualified"),
        (address, "Alice@example.org", "has upper-case letters; write alice@example.org"),
        (address, "alice@müller.example", "; write alice@xn--mller-kva.example"),
        (selector, "R1", "has upper-case letters; write r1"),
    ],
)
def test_any_other_form_is_refused_with_the_normal_one(
    parse: Callable[[str], str], name: str, reason: str
) -> None:
    with pytest.raises(NamesError, match=reason):
        normal(parse)(name)
