# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The served keys match the published ones, and validating senders detect when they do not."""

from __future__ import annotations

import pytest

from tests.lab import lab
from tests.lab.lab import IMAPS, MX, SMTP, SUBMISSION, SUBMISSIONS, TTL

PORTS = [SMTP, SUBMISSIONS, SUBMISSION, IMAPS]
ALGORITHMS = {"ecdsa": "ECDSA+SHA256", "rsa": "RSA-PSS+SHA256"}
DIGESTS = {1: "sha256", 2: "sha512"}


def client(port: int, *options: str) -> str:
    """Connect from outside with openssl s_client, and return its output."""
    starttls = "-starttls smtp -name client.example.org" if port in (SMTP, SUBMISSION) else ""
    return lab.on(
        "peer",
        f"openssl s_client -connect {MX}:{port} {starttls} {' '.join(options)} </dev/null",
        check=False,
    )


def published(port: int) -> set[tuple[int, str]]:
    """Return the TLSA records of a port: matching type and digest."""
    records = [line.split(None, 3) for line in lab.dig(f"_{port}._tcp.{MX}", "TLSA")]
    assert all(record[:2] == ["3", "1"] for record in records), records
    return {(int(record[2]), record[3].replace(" ", "").lower()) for record in records}


def digests(host: str, der: str, stdin: str = "") -> set[tuple[int, str]]:
    """Return both digests, by openssl, of the public key that a command prints in DER."""
    return {
        (mtype, lab.on(host, f"{der} | openssl dgst -{digest} -r", stdin).split()[0])
        for mtype, digest in DIGESTS.items()
    }


@pytest.mark.parametrize("port", PORTS)
def test_published_are_the_keys_that_are_served_and_the_next_ones_and_no_others(port: int) -> None:
    expected = set()
    for algorithm, sigalgs in ALGORITHMS.items():
        certificate = client(port, "-tls1_2", "-cipher", "ALL", "-sigalgs", sigalgs)
        public_key = "openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER"
        expected |= digests("peer", public_key, certificate)
        next_key = f"/etc/pillarbox/tls/{algorithm}-next.key"
        expected |= digests("mx", f"openssl pkey -in {next_key} -pubout -outform DER")
    assert len(expected) == 8
    assert published(port) == expected


@pytest.mark.parametrize(
    ("name", "rdtype"),
    [("example.org", "MX"), (MX, "A"), (MX, "AAAA"), (f"_25._tcp.{MX}", "TLSA")],
)
def test_a_validating_resolver_finds_the_chain_secure(name: str, rdtype: str) -> None:
    answer = lab.on("peer", f"dig +tries=2 {name} {rdtype}")
    flags = next(line for line in answer.splitlines() if line.startswith(";; flags:"))
    assert " ad" in flags.split(";")[2], answer
    assert "ANSWER: 0" not in answer, answer


def test_the_host_resolves_through_a_validating_resolver_of_its_own() -> None:
    answer = lab.on("mx", "dig +tries=2 _25._tcp.peer.example.net TLSA")
    assert " ad" in answer.split("flags:")[1].split(";")[0], answer
    assert "SERVER: 127.0.0.1#53" in answer, answer


@pytest.mark.parametrize("port", PORTS)
def test_the_certificate_is_the_cas_and_for_the_hosts_name(port: int) -> None:
    root = (lab.STATE / "tls" / "pebble-root.pem").read_text()
    lab.on("peer", "cat >/tmp/pebble-root.pem", root)
    answer = client(
        port, "-CAfile", "/tmp/pebble-root.pem", "-verify_hostname", MX, "-verify_return_error"
    )
    assert "Verify return code: 0 (ok)" in answer, answer


def test_a_wrong_tlsa_record_makes_the_sender_defer_and_the_right_one_deliver() -> None:
    name = f"_25._tcp.{MX}"
    right = lab.dig(name, "TLSA")
    mail = lab.message("bob@example.net", "alice@example.org")
    try:
        publish(name, [f"3 1 1 {'00' * 32}"])
        lab.send_from_peer(mail)
        deferred = lab.deferral("peer", mail)
        assert "Server certificate not verified" in deferred
        assert lab.find("alice@example.org", mail) is None
    finally:
        publish(name, right)
    lab.on("peer", "postqueue -f")
    lab.received("alice@example.org", mail)


def publish(name: str, values: list[str]) -> None:
    """Replace a TLSA RRset by hand, and clear the other server's cache."""
    key = (lab.STATE / "secrets" / "tsig-record-set").read_text().strip()
    update = [f"server {lab.PRIMARY}", f"key hmac-sha256:record-set {key}"]
    update += [f"update delete {name} TLSA"]
    update += [f"update add {name} {TTL} TLSA {value}" for value in values]
    lab.on("internet", "nsupdate", "\n".join([*update, "send", ""]))
    lab.on("peer", "unbound-control flush_zone example.org && postfix reload")
