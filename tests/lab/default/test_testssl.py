# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""testssl.sh finds no weakness at any port."""

from __future__ import annotations

import json

import pytest

from tests.lab import lab
from tests.lab.lab import (
    ADDRESSES,
    HTTPS,
    IMAPS,
    MANAGESIEVE,
    MX,
    SCENARIO,
    SMTP,
    SUBMISSION,
    SUBMISSIONS,
)

STARTTLS = {SMTP: "smtp", SUBMISSION: "smtp", MANAGESIEVE: "sieve"}
# A daemon's ports have the same settings on both releases; on the older one, where only the daemons
# and OpenSSL differ, one port of each is enough.
PORTS = [SMTP, HTTPS, IMAPS]
if SCENARIO != "bookworm":
    PORTS += [SUBMISSIONS, SUBMISSION, MANAGESIEVE]
# Protocols, ciphers and forward secrecy at each port. Vulnerabilities are slow to test and the same
# on all ports of a daemon; certificates are the same on all ports.
CHECKS = dict.fromkeys(PORTS, "-p -s -f") | {
    SMTP: "-p -s -f -U -S",
    HTTPS: "-p -s -f -U -S -h",
    IMAPS: "-p -s -f -U",
}
FOUND = {"LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL"}
# Accepted findings: one for the reason in docs/tls.md, and one because Pebble's serial numbers are
# random, so that those of one in 128 certificates have fewer than eight octets.
ACCEPTED = {"cert_revocation", "cert_serialNumberLen"}
CA = "/tmp/pebble-root.pem"


@pytest.fixture(scope="module")
def findings() -> dict[int, list[dict[str, str]]]:
    lab.on("peer", f"cat >{CA}", (lab.STATE / "tls" / "pebble-root.pem").read_text())
    script = ["cd $(mktemp -d)"]
    for port in PORTS:
        starttls = f"-t {STARTTLS[port]}" if port in STARTTLS else ""
        how = f"--fast --warnings off --openssl-timeout 10 --add-ca {CA} --ip {ADDRESSES[MX]}"
        what = f"--jsonfile {port}.json {CHECKS[port]} {starttls} {MX}:{port}"
        script.append(f"testssl {how} {what} >{port} 2>&1 &")
    script += ["wait", *(f"echo @@; cat {port}.json || cat {port}" for port in PORTS)]
    outputs = lab.on("peer", "\n".join(script), timeout=280).split("@@\n")[1:]
    return {port: json.loads(output) for port, output in zip(PORTS, outputs, strict=True)}


@pytest.mark.parametrize("port", PORTS)
def test_nothing_is_found(findings: dict[int, list[dict[str, str]]], port: int) -> None:
    found = [
        finding
        for finding in findings[port]
        if finding["severity"] in FOUND and finding["id"].split(" ")[0] not in ACCEPTED
    ]
    assert found == []


@pytest.mark.parametrize("port", PORTS)
def test_everything_was_looked_at(findings: dict[int, list[dict[str, str]]], port: int) -> None:
    # If it cannot connect, it prints a warning and finds nothing.
    found = {finding["id"].split(" ")[0]: finding["finding"] for finding in findings[port]}
    assert "offered" in found["TLS1_3"] and found["TLS1_1"] == "not offered", found
    checked = {"cipherlist_STRONG_FS", "FS"}
    if "-U" in CHECKS[port]:
        checked |= {"heartbleed", "ROBOT", "LUCKY13"}
    if "-S" in CHECKS[port]:
        checked |= {"cert_chain_of_trust", "cert_trust"}
    assert checked - found.keys() == set()
