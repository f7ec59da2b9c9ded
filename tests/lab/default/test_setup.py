# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail clients and users find their settings, and log in with them."""

from __future__ import annotations

import imaplib
import plistlib
import smtplib
import socket
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest

from tests.lab import lab
from tests.lab.lab import HTTPS, MX, STATE

AUTOCONFIG, AUTODISCOVER = "autoconfig.example.org", "autodiscover.example.org"
OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook"
REQUEST = f"""<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="{OUTLOOK}/requestschema/2006">
  <Request>
    <EMailAddress>%s</EMailAddress>
    <AcceptableResponseSchema>{OUTLOOK}/responseschema/2006a</AcceptableResponseSchema>
  </Request>
</Autodiscover>"""


def log_in(kind: str, host: str, port: int, security: str, login: str) -> None:
    """Log in as a client does that has these settings."""
    secret, context = lab.password(login), lab.trusting_the_ca()
    if kind == "imap":
        imap = imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=20)
        imap.login(login, secret)
        imap.logout()
    elif security == "SSL":
        with smtplib.SMTP_SSL(host, port, timeout=20, context=context) as session:
            session.login(login, secret)
    else:
        with smtplib.SMTP(host, port, timeout=20) as session:
            session.starttls(context=context)
            session.login(login, secret)


@pytest.mark.parametrize("domain", ["example.org", "shop.example.org"])
@pytest.mark.parametrize("path", ["/mail", "/.well-known/autoconfig/mail"])
def test_a_client_logs_in_with_the_settings_of_autoconfig(domain: str, path: str) -> None:
    address = f"alice@{domain}"
    query = urlencode({"emailaddress": address})
    answer = lab.https(f"autoconfig.{domain}", f"{path}/config-v1.1.xml?{query}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    provider = ElementTree.fromstring(answer.body)[0]
    assert provider.findtext("domain") == domain
    servers = [each for each in provider if each.get("type") in ("imap", "smtp")]
    assert len(servers) == 3
    if domain != "example.org" or path != "/mail":
        return
    for server in servers:
        found = {child.tag: child.text or "" for child in server}
        login = found["username"].replace("%EMAILADDRESS%", address)
        log_in(
            server.attrib["type"],
            found["hostname"],
            int(found["port"]),
            found["socketType"],
            login,
        )


def test_outlook_logs_in_with_the_settings_of_autodiscover() -> None:
    for path in ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml"):
        answer = lab.https(AUTODISCOVER, path, "POST", REQUEST % "alice@example.org")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
        space = f"{{{OUTLOOK}/responseschema/2006a}}"
        protocols = [
            {child.tag.removeprefix(space): child.text or "" for child in protocol}
            for protocol in ElementTree.fromstring(answer.body).iter(f"{space}Protocol")
        ]
        for found in protocols:
            if found["Type"] in ("IMAP", "SMTP"):
                log_in(
                    found["Type"].lower(),
                    found["Server"],
                    int(found["Port"]),
                    found["Encryption"],
                    found["LoginName"],
                )
        assert {"IMAP", "SMTP"} <= {found["Type"] for found in protocols}


def verified(profile: bytes, directory: Path) -> dict[str, Any]:
    """Return a profile whose signature verifies by a certificate of the lab's CA."""
    (directory / "profile").write_bytes(profile)
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-binary", "-purpose", "sslserver"]
    command += ["-in", "profile", "-CAfile", str(STATE / "tls" / "pebble-root.pem")]
    run = subprocess.run(command, cwd=directory, capture_output=True, check=True)
    assert b"CMS Verification successful" in run.stderr
    content: dict[str, Any] = plistlib.loads(run.stdout)
    return content


@pytest.mark.parametrize(
    ("host", "path"), [(AUTOCONFIG, "/mail.mobileconfig"), (MX, "/setup/mail.mobileconfig")]
)
def test_a_device_installs_a_signed_profile_and_logs_in(
    host: str, path: str, tmp_path: Path
) -> None:
    answer = lab.https(host, f"{path}?{urlencode({'address': 'dave+phone@example.org'})}")
    assert answer.headers["Content-Type"] == "application/x-apple-aspen-config"
    mail = verified(answer.body, tmp_path)["PayloadContent"][0]
    assert mail["EmailAddress"] == "dave@example.org"
    for direction, kind in (("Incoming", "imap"), ("Outgoing", "smtp")):
        prefix = f"{direction}MailServer"
        assert mail[f"{prefix}UseSSL"]
        log_in(
            kind,
            mail[f"{prefix}HostName"],
            mail[f"{prefix}PortNumber"],
            "SSL",
            mail[f"{prefix}Username"],
        )


@pytest.mark.parametrize(("host", "path"), [(AUTOCONFIG, "/"), (MX, "/setup/")])
def test_users_see_their_settings_in_their_language(host: str, path: str) -> None:
    target = f"{path}?{urlencode({'address': 'alice@example.org'})}"
    answer = lab.https(host, target, headers={"Accept-Language": "de-DE,de"})
    assert answer.status == 200
    assert "Einstellungen für alice@example.org" in answer.text
    assert answer.headers.get_all("X-Robots-Tag") == ["noindex"]
    assert len(answer.headers.get_all("Content-Security-Policy", [])) == 1
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_the_short_address_of_the_page_keeps_what_was_asked() -> None:
    answer = lab.https(MX, "/setup?lang=de")
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{MX}/setup/?lang=de"


def test_the_service_runs_only_while_it_is_needed() -> None:
    lab.on("mx", "systemctl stop pillarbox-setup.service")
    status = "pillarbox status --json | grep -c pillarbox-setup || true"
    assert lab.on("mx", status).strip() == "0"
    assert lab.https(AUTOCONFIG, "/").status == 200
    assert lab.on("mx", "systemctl is-active pillarbox-setup.service").strip() == "active"


def test_the_service_sees_no_network_and_no_keys_but_those_of_the_web() -> None:
    lab.https(AUTOCONFIG, "/")
    pid = lab.on("mx", "systemctl show -P MainPID pillarbox-setup").strip()
    assert "eth0" not in lab.on("mx", f"nsenter -t {pid} -n cat /proc/net/dev")
    user = lab.on("mx", f"stat -c %u /proc/{pid}").strip()
    groups = lab.on("mx", f"sed -n 's/^Groups:\\s*//p' /proc/{pid}/status").split()
    become = f"setpriv --reuid={user} --regid={user} --groups={','.join(groups)}"
    read = f"nsenter -t {pid} -m {become} cat"
    assert "BEGIN" in lab.on("mx", f"{read} /etc/pillarbox/web/example.org.pem")
    for secret in ("/etc/pillarbox/tls/ecdsa.pem", "/etc/dovecot/users", "/etc/shadow"):
        assert lab.on("mx", f"test -s {secret} && echo there")
        assert not lab.on("mx", f"{read} {secret} 2>/dev/null", check=False)


@pytest.mark.parametrize(
    "address", ['"><script>alert(1)</script>@example.org', "a@b\r\nSet-Cookie: x=1", "x" * 3000]
)
def test_a_hostile_address_gets_a_page_with_an_error(address: str) -> None:
    answer = lab.https(AUTOCONFIG, f"/?{urlencode({'address': address})}")
    assert answer.status == 400
    assert "<script>alert" not in answer.text
    assert "Set-Cookie" not in answer.headers


def test_entities_and_long_requests_are_refused() -> None:
    path = "/autodiscover/autodiscover.xml"
    entity = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    body = REQUEST.replace("\n", entity, 1) % "&e;"
    answer = lab.https(AUTODISCOVER, path, "POST", body)
    assert "<ErrorCode>600</ErrorCode>" in answer.text and "root:" not in answer.text
    with socket.create_connection((MX, HTTPS), 30) as raw:
        context = lab.trusting_the_ca()
        with context.wrap_socket(raw, server_hostname=AUTODISCOVER) as connection:
            connection.sendall(
                f"POST {path} HTTP/1.1\r\nHost: {AUTODISCOVER}\r\n"
                f"Content-Length: 100000000\r\n\r\n".encode()
            )
            assert b" 413 " in connection.recv(1000)


def test_neither_log_has_an_address() -> None:
    mark = f"mark{time.time_ns()}"
    lab.https(AUTOCONFIG, f"/?{urlencode({'address': f'{mark}@example.org'})}")
    lab.https(AUTOCONFIG, f"/{mark}")

    def logged() -> bool | None:
        return f"/{mark}" in lab.on("mx", "journalctl -t nginx -o cat --no-pager") or None

    lab.eventually("the second request in the log", logged)
    assert f"{mark}@" not in lab.on("mx", "journalctl --no-pager -o cat --since -5min")
