# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of web names, from a CA that validates them by the web server, and whatever fails.

Each test orders what it needs, and leaves a certificate from the CA in service.
"""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab import lab

HERE = Path(__file__).parent
WEB = "/etc/pillarbox/web"
LABELS = ("mta-sts", "autoconfig", "autodiscover")
CLOSED = """
table inet closed {
    chain input {
        type filter hook input priority filter
        tcp dport 80 reject with tcp reset
    }
}
"""
POLICY, SHOP = "mta-sts.example.org", "mta-sts.shop.example.org"


def renew(arguments: str, sites: dict[str, list[str]] | None = None) -> Any:
    """Renew certificates on mx, perhaps of other sites than those in its configuration."""
    settings = json.loads(lab.on("mx", "cat /etc/pillarbox/parts/acme_sh.json"))
    certificates = settings["web"] | ({"sites": sites} if sites else {})
    text = json.dumps({**settings, "web": certificates})
    return json.loads(lab.on("mx", f"pillarbox certificates --config - renew {arguments}", text))


def served(name: str) -> str:
    """Return the digest of the certificate that a client gets, which it must trust."""
    context = lab.trusting_the_ca()
    with (
        socket.create_connection((name, lab.HTTPS), 30) as connection,
        context.wrap_socket(connection, server_hostname=name) as tls,
    ):
        return hashlib.sha256(tls.getpeercert(True) or b"").hexdigest()


@contextmanager
def port_80_closed() -> Iterator[None]:
    lab.on("mx", "nft -f -", CLOSED)
    try:
        yield
    finally:
        lab.on("mx", "nft delete table inet closed")


@pytest.mark.parametrize("domain", ["example.org", "shop.example.org"])
def test_clients_trust_the_web_names_of_each_domain(domain: str) -> None:
    for label in LABELS:
        assert lab.https(f"{label}.{domain}", "/nothing").status == 404


def test_only_the_web_server_can_read_them() -> None:
    found = lab.on("mx", f"stat -c '%U:%G %a' {WEB} {WEB}/example.org.pem {WEB}/state.json")
    assert found.splitlines() == ["root:www-data 750", "root:www-data 640", "root:root 600"]
    left = lab.on("mx", "find /var/lib/pillarbox/acme -type f")
    assert left == "", "challenges are left behind"


def test_a_renewal_needs_no_reload_and_leaves_the_other_site_alone() -> None:
    before, other = served(POLICY), served(SHOP)
    loaded = lab.on("mx", "systemctl show -P ExecMainStartTimestamp -P NRestarts nginx")
    log = "journalctl -u nginx -o cat --no-pager | grep -c -i reload || :"
    reloads = lab.on("mx", log)
    assert renew("--force example.org")["issued"] == ["example.org"]
    assert served(POLICY) != before and served(SHOP) == other
    assert lab.on("mx", "systemctl show -P ExecMainStartTimestamp -P NRestarts nginx") == loaded
    assert lab.on("mx", log) == reloads


def test_a_ca_that_refuses_leaves_what_there_is_and_fails_nothing() -> None:
    before = served(POLICY)
    lab.on("internet", "lab-ca refuse")
    try:
        report = renew("--force web")
    finally:
        lab.on("internet", "lab-ca off")
    assert report["issued"] == [] and report["unserved"] == {}
    assert "example.org has no new certificate: " in report["warnings"][0]
    assert "not today" in report["warnings"][0]
    assert served(POLICY) == before
    assert "not today" in lab.on("mx", "pillarbox certificates status")
    assert "not today" in lab.on("mx", "pillarbox status", check=False).replace("\n", " ")
    assert renew("web")["warnings"] == []


def test_what_cannot_be_validated_delays_neither_mail_nor_a_later_order() -> None:
    sites = {
        # Its zone has expired signatures.
        "expired.example.net": ["mta-sts.expired.example.net"],
        # One more name that leads here, and one that leads to another host.
        "example.org": [POLICY, lab.MX, "peer.example.net"],
        "nowhere.example.net": ["mta-sts.nowhere.example.net"],
    }
    mail, before = lab.on("mx", "sha256sum /etc/pillarbox/tls/*.pem"), served(POLICY)
    with port_80_closed():
        report = renew("--force mail web", sites)
    assert report["issued"] == ["ecdsa", "rsa"]
    assert lab.on("mx", "sha256sum /etc/pillarbox/tls/*.pem") != mail
    refusal, strays = report["warnings"]
    assert refusal.startswith("example.org has no new certificate: ") and POLICY in refusal
    assert "mta-sts.expired.example.net (cannot be looked up (NoNameservers))" in strays
    assert "peer.example.net (leads to 198.18.0.20)" in strays
    assert "mta-sts.nowhere.example.net (is not in DNS)" in strays
    assert served(POLICY) == before, "the former certificate stays"

    assert renew("web", sites)["due"] == {}, "it does not wait after a failure"
    report = renew("example.org", sites)
    assert report["due"] == {"example.org": f"the certificate in service is not for {lab.MX}"}
    assert report["issued"] == ["example.org"]
    assert served(POLICY) != before
    lab.on("mx", f"rm {WEB}/expired.example.net.pem {WEB}/nowhere.example.net.pem")
    assert renew("web")["issued"] == ["example.org"]


def test_a_run_makes_as_many_orders_as_it_may() -> None:
    before = {served(POLICY), served(SHOP)}
    report = renew("--force --orders 1 web")
    assert len(report["due"]) == len(report["issued"]) == 1
    assert report["warnings"][0].startswith("1 site waits for a certificate")
    assert len({served(POLICY), served(SHOP)} - before) == 1


def test_killed_after_the_order_the_next_run_makes_it_again() -> None:
    lab.on("mx", "cat >/tmp/killed.py", (HERE / "killed.py").read_text())
    before = served(SHOP)
    # The orders of the last hours are the first file that is written.
    command = "python3 -B /tmp/killed.py 2 certificates renew --force shop.example.org"
    assert "Killed" in lab.on("mx", f"{command}; :")
    assert served(SHOP) == before
    assert lab.on("mx", f"ls -A {WEB}/.pillarbox-*")
    assert renew("--force shop.example.org")["issued"] == ["shop.example.org"]
    assert served(SHOP) != before
    assert lab.on("mx", f"ls -A {WEB}").split() == [
        "example.org.pem", "shop.example.org.pem", "state.json",
    ]  # fmt: skip


def test_a_lost_certificate_is_replaced_by_a_placeholder_and_that_by_the_ca() -> None:
    lab.on("mx", f"rm {WEB}/shop.example.org.pem {WEB}/state.json")
    lab.on("internet", "lab-ca refuse")
    try:
        report = renew("web")
    finally:
        lab.on("internet", "lab-ca off")
    assert report["due"] == {"shop.example.org": "there is no certificate yet"}
    assert set(report["unserved"]) == {"shop.example.org"}
    own = f"openssl x509 -in {WEB}/shop.example.org.pem -noout -issuer"
    assert "CN = mta-sts.shop.example.org" in lab.on("mx", own).replace("CN=", "CN = ")
    assert renew("shop.example.org")["unserved"] == {}
    assert served(SHOP)
