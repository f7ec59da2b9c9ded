# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was switched off is gone, and comes back: webmail and calendars, then the web server."""

from __future__ import annotations

import re
import ssl
from typing import Any

import pytest

from tests.lab import lab
from tests.lab.lab import HTTPS, MX
from tests.lab.web.webmail import ALL, NAME

pytestmark = [pytest.mark.last, pytest.mark.once]

NAMES = (
    ("mta-sts.example.org", "CNAME"),
    ("autoconfig.example.org", "CNAME"),
    ("_mta-sts.example.org", "TXT"),
    (f"_{HTTPS}._tcp.{MX}", "TLSA"),
)

UNITS = (
    "nginx.service 'php*-fpm.service' 'pillarbox-login.*' 'pillarbox-metrics.*' 'pillarbox-page.*'"
    " 'pillarbox-setup.*'"
    " 'radicale.*' 'roundcube-*.timer'"
    " 'pillarbox-*-reports.timer' pillarbox-tls-sessions.socket"
)
# Without the reports to others as well, as another run would take a minute.
OFF: dict[str, Any] = {"mail_web": False, "mail_send_reports": []}


def in_service() -> str:
    """Return these units that run, and those that would at the next boot."""
    return lab.on(
        "mx",
        f"systemctl list-units --plain --no-legend --state=active {UNITS};"
        f"systemctl list-unit-files --no-legend --state=enabled {UNITS}",
        check=False,
    )


def published() -> list[str]:
    return [name for name, kind in NAMES if lab.dig(name, kind)]


def test_without_webmail_calendars_and_the_status_page_the_rest_goes_on() -> None:
    assert "radicale.service" in in_service() and "php" in in_service()

    predicted = lab.changed(lab.site("--check"))

    assert lab.changed(lab.site()) == predicted > 0

    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        lab.https(NAME, "/")
    assert lab.https(MX, "/dav/").status == lab.https(MX, "/status/").status == 404
    assert lab.https(MX, "/metrics/host").status == 404
    assert not re.search("php|roundcube|radicale|login|metrics|page", in_service())
    assert ":9900 " not in lab.on("mx", "ss -tln")
    assert "php-fpm" not in lab.on("mx", "ps -e -o comm=")
    lab.on("mx", "test -s /var/lib/pillarbox-webmail/roundcube.db")
    assert "Nothing needs attention." in lab.on("mx", "pillarbox status")


def test_switched_off_it_leaves_its_ports_and_the_dns_and_mail_goes_on() -> None:
    assert published() == [name for name, _ in NAMES]
    assert "pillarbox-dmarc-reports.timer" in in_service()
    predicted = lab.changed(lab.site("--check", **OFF))

    assert lab.changed(lab.site(**OFF)) == predicted > 0

    assert lab.on("mx", "ss -Hltn 'sport = :80 or sport = :443'") == ""
    assert in_service() == ""
    assert published() == []
    assert "http-01" not in str(lab.dig(MX, "CAA"))
    mail = lab.message("bob@example.net", "alice@example.org")
    lab.send_from_peer(mail)
    lab.received("alice@example.org", mail)
    assert "Nothing needs attention." in lab.on("mx", "pillarbox status")


def test_what_another_nginx_serves_there_is_then_left_alone() -> None:
    theirs = "events {} http { server { listen 80; return 200 theirs; } }"
    lab.on("mx", "rm -r /etc/systemd/system/nginx.service.d; systemctl daemon-reload")
    lab.on("mx", "cp /etc/nginx/nginx.conf /tmp; cat >/etc/nginx/nginx.conf", theirs)
    lab.on("mx", "systemctl enable --now nginx")
    try:
        assert lab.changed(lab.site(**OFF)) == 0
        assert lab.on("mx", "curl -s http://127.0.0.1/") == "theirs"
    finally:
        lab.on("mx", "systemctl disable --now nginx; cp /tmp/nginx.conf /etc/nginx/nginx.conf")


def test_switched_on_again_it_serves_what_it_served() -> None:
    assert lab.changed(lab.site(*ALL)) > 0

    assert lab.https("mta-sts.example.org", "/.well-known/mta-sts.txt").status == 200
    assert lab.https(MX, "/nothing").status == 404
    assert lab.https(MX, "/dav/").status == lab.https(MX, "/status/").status == 401
    assert "Webmail" in lab.https(NAME, "/").text
    assert "pillarbox-tls-reports.timer" in in_service()
    assert published() == [name for name, _ in NAMES]
