# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which address is answered by what, over a real socket."""

from __future__ import annotations

import plistlib
import socket
from xml.etree import ElementTree

import pytest

from .host import Site
from .test_autodiscover import error, protocols, request


@pytest.mark.parametrize(
    "path", ["/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"]
)
@pytest.mark.parametrize(
    "query", ["", "?emailaddress=alice%40example.org", "?emailaddress=a@Example.org"]
)
def test_thunderbird_finds_the_settings(site: Site, path: str, query: str) -> None:
    answer = site.get(path + query)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert ElementTree.fromstring(answer.body)[0].get("id") == "example.org"


def test_users_of_another_domain_are_told_theirs_at_the_name_of_the_mail_server(site: Site) -> None:
    answer = site.get("/mail/config-v1.1.xml?emailaddress=alice%40xn--mller-kva.example")
    assert ElementTree.fromstring(answer.body)[0].get("id") == "xn--mller-kva.example"
    # Mail for it may come here, but its accounts are elsewhere.
    assert site.get("/mail/config-v1.1.xml?emailaddress=alice%40example.net").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/autodiscover/autodiscover.xml",
        "/Autodiscover/Autodiscover.xml",
        "/AUTODISCOVER/AutoDiscover.XML",
    ],
)
def test_outlook_finds_the_settings_by_any_case(site: Site, path: str) -> None:
    host = "autodiscover.example.org"
    answer = site.get(path, host, "POST", request("alice@example.org"))
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert protocols(answer.body)[0]["LoginName"] == "alice@example.org"
    assert error(site.get(path, host).body) == "600"


@pytest.mark.parametrize("path", ["", "/v1.0/alice@example.org"])
def test_outlook_is_told_where_the_settings_are(site: Site, path: str) -> None:
    target = f"/autodiscover/autodiscover.json{path}?Email=alice@example.org&Protocol="
    answer = site.get(target + "AutodiscoverV1", "autodiscover.example.org")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert "https://autodiscover.example.org/autodiscover/autodiscover.xml" in answer.text
    assert site.get(target + "ActiveSync", "autodiscover.example.org").status == 400


@pytest.mark.parametrize(
    ("host", "base"), [("autoconfig.example.org", ""), ("mx.example.org", "/setup")]
)
def test_the_page_leads_to_the_profile_of_an_address(site: Site, host: str, base: str) -> None:
    page = site.get(f"{base}/?address=o%27brien%26r%2Bpc%40example.org", host)
    assert page.status == 200
    link = f"{base}/mail.mobileconfig?address=o%27brien%26r%2Bpc%40example.org"
    assert f'href="{link}"' in page.text
    answer = site.get(link, host)
    assert answer.headers["Content-Type"] == "application/x-apple-aspen-config"
    [mail, _calendars, _contacts] = plistlib.loads(answer.body)["PayloadContent"]
    assert mail["IncomingMailServerUsername"] == "o'brien&r+pc@example.org"


def test_a_plus_sign_may_be_sent_as_it_is(site: Site) -> None:
    answer = site.get("/mail.mobileconfig?address=alice+phone@example.org")
    [mail, *_others] = plistlib.loads(answer.body)["PayloadContent"]
    assert mail["IncomingMailServerUsername"] == "alice+phone@example.org"


def test_a_profile_without_an_address_belongs_to_a_domain(site: Site) -> None:
    assert site.get("/mail.mobileconfig").status == 200
    assert site.get("/setup/mail.mobileconfig", "mx.example.org").status == 404


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [("", "de-DE", "de"), ("", "fr", "en"), ("?lang=de", "en", "de"), ("?lang=x", "de", "de")],
)
def test_the_language_is_that_of_the_browser_until_another_is_chosen(
    site: Site, query: str, accepted: str, language: str
) -> None:
    answer = site.get(f"/{query}", Accept_Language=accepted)
    assert f'<html lang="{language}">' in answer.text
    assert answer.headers["Vary"] == "Accept-Language"


def test_a_chosen_language_stays(site: Site) -> None:
    text = site.get("/?lang=de&address=alice@example.org").text
    assert '<input type="hidden" name="lang" value="de">' in text
    assert "/mail.mobileconfig?address=alice%40example.org&amp;lang=de" in text
    # The link to the other language keeps the address.
    assert 'href="/?address=alice%40example.org&amp;lang=en"' in text


def test_nobody_learns_from_the_page_who_has_an_account(site: Site) -> None:
    known, unknown = (
        site.get(f"/?address={name}@example.org").text.replace(name, "x")
        for name in ("alice", "nobody")
    )
    # The QR codes contain the address.
    parts = [text.split('role="img"')[0] for text in (known, unknown)]
    assert parts[0] == parts[1]


def test_the_page_and_its_files_say_how_long_they_may_be_kept(site: Site) -> None:
    page = site.get("/")
    assert page.headers["Cache-Control"] == "private, no-store"
    for name, kind in (("page.css", "text/css"), ("page.js", "text/javascript")):
        start = page.text.index(f"/{name}?v=")
        answer = site.get(page.text[start : page.text.index('"', start)])
        assert answer.status == 200
        assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
        assert "immutable" in answer.headers["Cache-Control"]


def test_nothing_in_the_page_is_inline_or_from_elsewhere(site: Site) -> None:
    text = site.get("/?address=alice@example.org").text
    assert "style=" not in text and "<style" not in text and " on" + "click" not in text
    assert text.count("<script") == 1
    outside = [part.split('"')[0] for part in text.split('="http')[1:]]
    assert {each for each in outside if "webmail.example.org" not in each} <= {
        "://www.w3.org/2000/svg"
    }


HOSTILE = [
    "<script>alert(1)</script>@example.org",
    "%22%3E%3Cscript%3Ealert(1)%3C/script%3E@example.org",
    "alice@<script>alert(1)</script>",
    "'onfocus='alert(1)@example.net",
    "alice%0d%0aSet-Cookie:x=1@example.org",
    "../../../etc/passwd",
    "a" * 5_000 + "@example.org",
    "{given.__class__}@{domain}",
    "%7B%7B7*7%7D%7D@example.org",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_a_hostile_address_gets_a_page_with_an_error(site: Site, address: str) -> None:
    answer = site.get(f"/?address={address.replace('<', '%3C').replace('>', '%3E')}")
    assert answer.status == 400
    assert "<script>alert" not in answer.text and '"><' + "script" not in answer.text
    assert "Set-Cookie" not in answer.headers
    assert 'role="alert"' in answer.text
    target = f"/mail.mobileconfig?address={address.replace('<', '%3C').replace('>', '%3E')}"
    assert site.get(target).status == 400


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("/nothing", "autoconfig.example.org", 404),
        ("/../../etc/passwd", "autoconfig.example.org", 404),
        ("/%2e%2e/page.css", "autoconfig.example.org", 404),
        ("/templates/page.html", "autoconfig.example.org", 404),
        ("/", "autoconfig.example.net", 404),
        ("/", "mta-sts.example.org", 404),
        ("/", "", 404),
        ("/", "<script>", 404),
        ("/setupx", "mx.example.org", 404),
        ("/", "mx.example.org", 404),
        ("/mail/config-v1.1.xml", "mx.example.org", 404),
        ("/?address=%ff%fe@example.org", "autoconfig.example.org", 400),
        ("/?" + "&".join(["a=1"] * 50), "autoconfig.example.org", 400),
        ("/%ff", "autoconfig.example.org", 404),
        ("/autodiscover/autodiscover.json", "mx.example.org", 404),
    ],
)
def test_what_is_not_there_gets_a_page_that_says_so(
    site: Site, target: str, host: str, status: int
) -> None:
    answer = site.get(target, host)
    assert answer.status == status
    assert answer.text.startswith("<!doctype html>")
    assert "<script" not in answer.text and "etc/passwd" not in answer.text


def test_other_methods_are_refused(site: Site) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        answer = site.get("/", method=method)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    answer = site.get("/", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_a_long_body_is_not_read(site: Site) -> None:
    client = socket.socket(socket.AF_UNIX)
    with client:
        client.settimeout(30)
        client.connect(str(site.path))
        client.sendall(
            b"POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: autodiscover.example.org\r\n"
            b"Content-Length: 100000000\r\n\r\n"
        )
        assert client.recv(100).split(b"\r\n")[0].startswith(b"HTTP/1.0 413 ")
