# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page on which people see their settings, and from which they take them to their devices."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import urlencode

import segno
from markupsafe import Markup

from pillarbox.setup.addresses import Address
from pillarbox.setup.languages import LANGUAGES, texts
from pillarbox.setup.settings import Server, Settings
from pillarbox.setup.templates import asset, rendered

SECURITY = {"tls": "SSL/TLS", "starttls": "STARTTLS"}
# The numbers of Thunderbird for Android, format 1 of its QR codes.
QR_VERSION, QR_IMAP, QR_SMTP, QR_PASSWORD = 1, 0, 0, 1
QR_SECURITY = {"tls": 3, "starttls": 2}


@dataclass(frozen=True)
class Place:
    """Where the page is: on a domain's name, or on that of the host."""

    host: str
    # The path of all addresses of the page, without "/" at the end.
    base: str
    # That of the name, or of the address that was given.
    domain: str | None
    language: str
    # Whether the language was chosen, rather than found out.
    chosen: bool

    def link(self, path: str, **query: str | None) -> str:
        """Return a link to a page or file, in the language that was chosen."""
        if self.chosen:
            query.setdefault("lang", self.language)
        given = urlencode({key: value for key, value in query.items() if value})
        return f"{self.base}{path}{'?' if given else ''}{given}" or "/"


class Row(NamedTuple):
    """A setting."""

    id: str
    name: str
    value: str
    # Whether it can be copied: it is not only a description.
    copied: bool = True


class Table(NamedTuple):
    """The settings of a server."""

    title: str
    rows: list[Row]


def qr_code(content: str) -> Markup:
    """Return a QR code as SVG; the page says what it is."""
    code = io.BytesIO()
    segno.make(content, error="m", micro=False).save(
        code,
        kind="svg",
        xmldecl=False,
        omitsize=True,
        border=3,
        dark="#000",
        light="#fff",
        nl=False,
    )
    return Markup(code.getvalue().decode())


def mobile_export(settings: Settings, address: Address) -> str:
    """Return what Thunderbird for Android reads from a QR code. It asks for the password."""

    def server(protocol: int, server: Server) -> list[Any]:
        security = QR_SECURITY[server.security]
        host = settings.hostname
        return [protocol, host, server.port, security, QR_PASSWORD, address.login]

    incoming = server(QR_IMAP, settings.services["imap"][0])
    outgoing = server(QR_SMTP, settings.services["smtp"][0])
    # The name that recipients see is up to the user.
    identity = [address.mail, ""]
    export = [QR_VERSION, [1, 1], incoming, [[outgoing, identity]]]
    return json.dumps(export, separators=(",", ":"))


def tables(settings: Settings, address: Address | None, t: SimpleNamespace) -> dict[str, Any]:
    """Return the settings that most need, and those that some do."""
    login = address.login if address else None

    def table(protocol: str, number: int, server: Server) -> Table:
        key = f"{protocol}{number}"
        return Table(
            getattr(t, f"table_{protocol}"),
            [
                Row(f"{key}-server", t.server, settings.hostname),
                Row(f"{key}-port", t.port, str(server.port)),
                Row(f"{key}-security", t.security, SECURITY[server.security], copied=False),
                Row(f"{key}-user", t.user, login or t.whole_address, copied=bool(login)),
                Row(f"{key}-password", t.password, t.password_is, copied=False),
            ],
        )

    found = {
        protocol: [table(protocol, number, server) for number, server in enumerate(servers)]
        for protocol, servers in settings.services.items()
    }
    main = [found[protocol][0] for protocol in ("imap", "smtp")]
    return {"main": main, "other": [each for each in sum(found.values(), []) if each not in main]}


def page(
    settings: Settings, place: Place, given: str, address: Address | None, error: str
) -> bytes:
    """Return the page.

    Args:
        settings: of the host.
        place: where the page is.
        given: the address as it was typed.
        address: what it means, unless there is an error.
        error: the name of the text that says what is wrong.
    """
    t = texts(place.language)
    name = address.login if address else None
    url = f"https://{place.host}{place.link('/', address=name)}"
    return rendered(
        "page.html",
        t=t,
        settings=settings,
        place=place,
        given=given,
        address=address,
        error=getattr(t, error).format(given=given, domain=given.rpartition("@")[2])
        if error
        else "",
        languages={code: texts(code).name for code in LANGUAGES},
        tables=tables(settings, address, t),
        url=url,
        page_code=qr_code(url),
        mobile_code=qr_code(mobile_export(settings, address)) if address else None,
        profile=place.link("/mail.mobileconfig", address=name) if place.domain else None,
        assets={
            each: f"{place.base}/{each}?v={asset(each)[1]}" for each in ("page.css", "page.js")
        },
    )
