# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer requests: a WSGI application (PEP 3333)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from pillarbox.setup import autodiscover, profile
from pillarbox.setup.addresses import Address, BadAddress, OtherDomain, domain_of, parse
from pillarbox.setup.autoconfig import autoconfig
from pillarbox.setup.languages import LANGUAGES, preferred, texts
from pillarbox.setup.page import Place, page
from pillarbox.setup.settings import Settings
from pillarbox.setup.templates import asset, rendered

HTML, XML, JSON = "text/html; charset=utf-8", "text/xml; charset=utf-8", "application/json"
# Answers depend on the address, which belongs in no cache; the assets have a version. The headers
# that all sites have are nginx's.
PRIVATE, LASTING = "private, no-store", "public, max-age=31536000, immutable"


class Refused(Exception):
    """There is no answer but this status; each has a text, error_STATUS."""

    def __init__(self, status: int, *headers: tuple[str, str]) -> None:
        super().__init__(status)
        self.status, self.headers = status, list(headers)


@dataclass(frozen=True)
class Response:
    """An answer."""

    content: bytes
    kind: str = HTML
    status: int = 200
    cache: str = PRIVATE
    headers: list[tuple[str, str]] = field(default_factory=list)


class Request:
    """A request as nginx hands it on."""

    def __init__(self, environ: dict[str, Any], settings: Settings) -> None:
        self.environ = environ
        self.settings = settings
        self.method = environ["REQUEST_METHOD"]
        # nginx has none but names that it serves.
        self.host = environ.get("HTTP_HOST", "").lower().partition(":")[0]
        self.base = f"/{settings.path}" if self.host == settings.hostname else ""
        path = environ.get("PATH_INFO", "")
        self.path = path.removeprefix(self.base) if path.startswith(f"{self.base}/") else ""

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters. Raises Refused."""
        try:
            # A plus sign that was not encoded means itself: no address contains a blank.
            text = self.environ.get("QUERY_STRING", "").replace("+", "%2B")
            pairs = parse_qsl(text, True, errors="strict", max_num_fields=20)
        except ValueError:
            raise Refused(400) from None
        return {name.lower(): value for name, value in pairs}

    @property
    def domain(self) -> str | None:
        """The domain that the name of the site belongs to."""
        domain = self.host.partition(".")[2]
        is_site = self.host.partition(".")[0] in ("autoconfig", "autodiscover")
        return domain if is_site and domain in self.settings.domains else None

    @property
    def language(self) -> str | None:
        """The language that was chosen."""
        language = self.query.get("lang", "")
        return language if language in LANGUAGES else None

    def body(self) -> bytes:
        """Read the body. Raises Refused."""
        try:
            length = int(self.environ.get("CONTENT_LENGTH") or 0)
        except ValueError:
            raise Refused(400) from None
        if length > autodiscover.LONGEST:
            raise Refused(413)
        try:
            return bytes(self.environ["wsgi.input"].read(max(length, 0)))
        except TimeoutError:
            raise Refused(408) from None

    def place(self, domain: str | None = None) -> Place:
        """Return where the page is."""
        language = self.language or preferred(self.environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        return Place(self.host, self.base, domain or self.domain, language, bool(self.language))


def _page(request: Request) -> Response:
    given = request.query.get("address", "").strip()
    address, error, domain = None, "", request.domain
    if given:
        try:
            address = parse(given, request.settings.domains)
            domain = address.domain
        except BadAddress:
            error = "error_address"
        except OtherDomain:
            error = "error_domain"
    content = page(request.settings, request.place(domain), given, address, error)
    return Response(content, status=400 if error else 200)


def _profile(request: Request) -> Response:
    settings, given = request.settings, request.query.get("address")
    try:
        address: Address | None = parse(given, settings.domains) if given else None
    except (BadAddress, OtherDomain):
        raise Refused(400) from None
    place = request.place(address and address.domain)
    if not place.domain:
        raise Refused(404)
    content = profile.profile(settings, place.domain, address, texts(place.language))
    pair = settings.certificates / f"{place.domain}.pem"
    return Response(profile.signed(content, pair), profile.MEDIA_TYPE)


def _autoconfig(request: Request) -> Response:
    # Thunderbird also asks at the name of the MX's domain for users of others.
    given, domain = request.query.get("emailaddress"), request.domain
    try:
        domain = domain_of(given, request.settings.domains) if given else domain
    except (BadAddress, OtherDomain):
        domain = None
    if not domain:
        raise Refused(404)
    return Response(autoconfig(request.settings, domain), XML)


def _autodiscover(request: Request) -> Response:
    # A GET has no request in it, and is answered like any other that is malformed.
    body = request.body() if request.method == "POST" else b""
    return Response(autodiscover.autodiscover(request.settings, body), XML)


def _autodiscover_json(request: Request) -> Response:
    if not request.domain:
        raise Refused(404)
    served, content = autodiscover.where(request.domain, request.query.get("protocol", ""))
    return Response(content, JSON, 200 if served else 400)


def _css(_request: Request) -> Response:
    return Response(asset("page.css")[0], "text/css; charset=utf-8", cache=LASTING)


def _js(_request: Request) -> Response:
    return Response(asset("page.js")[0], "text/javascript; charset=utf-8", cache=LASTING)


# Clients differ in the case of these paths, and "version 2" may have the address at the end.
ROUTES: list[tuple[re.Pattern[str], Callable[[Request], Response]]] = [
    (re.compile(path, re.IGNORECASE), answer)
    for path, answer in (
        (r"/", _page),
        (r"/page\.css", _css),
        (r"/page\.js", _js),
        (r"/mail\.mobileconfig", _profile),
        (r"(/\.well-known/autoconfig)?/mail/config-v1\.1\.xml", _autoconfig),
        (r"/autodiscover/autodiscover\.xml", _autodiscover),
        (r"/autodiscover/autodiscover\.json(/v1\.0/[^/]*)?", _autodiscover_json),
    )
]


class Application:
    """The service for these settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = Request(environ, self.settings)
        try:
            response = self._answer(request)
        except Refused as refused:
            response = _error(request, refused)
        headers = [
            ("Content-Type", response.kind),
            ("Content-Length", str(len(response.content))),
            ("Cache-Control", response.cache),
            ("Vary", "Accept-Language"),
            *response.headers,
        ]
        start_response(f"{response.status} {HTTPStatus(response.status).phrase}", headers)
        return [] if request.method == "HEAD" else [response.content]

    def _answer(self, request: Request) -> Response:
        if request.host != self.settings.hostname and not request.domain:
            raise Refused(404)
        answer = next((answer for path, answer in ROUTES if path.fullmatch(request.path)), None)
        if not answer:
            raise Refused(404)
        allowed = ("GET", "HEAD", "POST") if answer is _autodiscover else ("GET", "HEAD")
        if request.method not in allowed:
            raise Refused(405, ("Allow", ", ".join(allowed)))
        return answer(request)


def _error(request: Request, refused: Refused) -> Response:
    try:
        place = request.place()
    except Refused:
        # The parameters, of which the language is one, are what is wrong.
        language = preferred(request.environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        place = Place(request.host, request.base, None, language, False)
    t = texts(place.language)
    content = rendered(
        "error.html",
        t=t,
        place=place,
        message=getattr(t, f"error_{refused.status}"),
        css=f"{place.base}/page.css?v={asset('page.css')[1]}",
    )
    return Response(content, status=refused.status, headers=refused.headers)
