# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web server: its ports, names, TLS and log."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from pathlib import Path

import pytest

from tests.lab import lab
from tests.lab.lab import HTTPS, MX

WEB = str(Path(__file__).with_name("web.yml"))


def test_clients_trust_the_certificate_and_get_security_headers() -> None:
    answer = lab.https(MX, "/nothing")
    assert answer.status == 404
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Server"] == "nginx"


def test_port_80_only_redirects_without_hsts() -> None:
    with contextlib.closing(http.client.HTTPConnection(MX, timeout=30)) as connection:
        connection.request("GET", "/setup?address=alice@example.org")
        answer = connection.getresponse()
        answer.read()
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{MX}/setup?address=alice@example.org"
    assert "Strict-Transport-Security" not in answer.headers


def test_a_name_that_is_not_served_gets_no_certificate() -> None:
    context = lab.trusting_the_ca()
    with (
        socket.create_connection((MX, HTTPS), 30) as connection,
        pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"),
    ):
        context.wrap_socket(connection, server_hostname="nobody.example.org")


def test_a_domain_may_have_a_name_of_any_length() -> None:
    # RFC 1035 section 2.3.4.
    name = ".".join(["autodiscover", "a" * 60, "a" * 60, "a" * 60, "a" * 57])
    assert len(name) == 253
    site = f"map $host $long {{ {name} 1; }} server {{ listen 80; server_name {name}; }}"
    lab.on(
        "mx",
        "rm -rf /tmp/nginx && cp -a /etc/nginx /tmp/nginx && cat >/tmp/nginx/pillarbox/long.conf"
        " && nginx -t -q -c /tmp/nginx/nginx.conf",
        site,
    )


def test_the_log_has_no_query_and_no_whole_address() -> None:
    lab.https(MX, "/logged?address=alice@example.org")

    def logged() -> str | None:
        found = lab.on("mx", "journalctl -t nginx -o cat --no-pager | grep /logged", check=False)
        return found or None

    line = lab.eventually("the request in the log", logged)
    assert "alice" not in line
    assert line.startswith("198.18.0.0 mx.example.org ")


def test_the_host_verifies_by_dane() -> None:
    script = """
        set --
        while read -r usage selector type data; do
            set -- "$@" -dane_tlsa_rrdata "$usage $selector $type $(echo "$data" | tr -d ' ')"
        done <<RECORDS
        $(dig +short _443._tcp.mx.example.org TLSA)
RECORDS
        openssl s_client -connect mx.example.org:443 -dane_tlsa_domain mx.example.org "$@" \\
            -dane_ee_no_namechecks -verify_return_error -brief </dev/null 2>&1
    """
    assert "Verification: OK" in lab.on("peer", script)
    assert "DANE TLSA 3 1 " in lab.on("peer", script)


@pytest.mark.parametrize("name", [MX, "mta-sts.example.org", "autoconfig.example.org"])
def test_the_criteria_of_web_tests_are_met_at_each_name_over_both_protocols(name: str) -> None:
    moved = lab.on(
        "peer", f"curl -s -o /dev/null -w '%{{http_code}} %{{redirect_url}}' http://{name}/"
    )
    assert moved == f"301 https://{name}/"
    answers = []
    for family in (4, 6):
        asked = f"curl -{family} -s -i -H 'Accept-Encoding: gzip, br' https://{name}/"
        lines = lab.on("peer", asked).replace("\r", "").splitlines()
        answers.append([line for line in lines if not line.lower().startswith("date:")])
    assert answers[0] == answers[1]
    headers = dict(line.lower().split(": ", 1) for line in answers[0] if ": " in line)
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-frame-options"] == "deny"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    # Compressed secrets can be guessed (BREACH).
    assert "content-encoding" not in headers


@pytest.mark.once
def test_a_run_repairs_a_configuration_with_which_nginx_does_not_start() -> None:
    lab.on("mx", "echo broken >>/etc/nginx/pillarbox/host.conf; systemctl stop nginx")
    try:
        predicted = lab.changed(lab.playbook(WEB, "--check"))
        assert lab.changed(lab.playbook(WEB)) == predicted > 0
        assert lab.https(MX, "/nothing").status == 404
        # What somebody wrote there is not lost.
        lab.on("mx", "grep -qx broken /etc/nginx/pillarbox.rejected/host.conf")
    finally:
        lab.on("mx", "rm -rf /etc/nginx/pillarbox.rejected")


@pytest.mark.once
def test_a_service_with_the_name_of_one_that_is_off_is_left_alone() -> None:
    unit = "[Service]\nExecStart=sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
    path = "/etc/systemd/system/radicale.service"
    lab.on("mx", f"cat >{path}; systemctl enable --now radicale", unit)
    try:
        assert lab.changed(lab.playbook(WEB)) == 0
        assert lab.on("mx", "systemctl is-active radicale") == "active\n"
    finally:
        lab.on("mx", f"systemctl disable --now radicale; rm {path}; systemctl daemon-reload")
