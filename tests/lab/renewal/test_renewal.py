# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates are renewed and keys rolled over while a sender that validates DANE monitors them.

The tests build on each other. From the first to the one that evaluates the log, peer sends a mail
every other second, and compares the served keys with its resolver's answers every second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lab import lab
from tests.lab.lab import MX, TTL, changed

HERE = Path(__file__).parent
RING = "/etc/pillarbox/tls"
ALGORITHMS = ("ecdsa", "rsa")
NAMES = f"_25._tcp.{MX}"
PORTS = (25, 443, 465, 993)


@pytest.fixture(scope="module", autouse=True)
def watch() -> Iterator[None]:
    """Run the monitor on peer, which writes /var/log/watch."""
    start = "cat >/tmp/watch.sh; systemd-run --quiet --unit=watch --collect bash /tmp/watch.sh"
    lab.on("peer", start, (HERE / "watch.sh").read_text())
    yield
    lab.on("peer", "systemctl stop watch", check=False)


def program(arguments: str, check: bool = True, **config: object) -> str:
    """Run "pillarbox certificates" on mx without web names, with other values if given."""
    settings = json.loads(lab.on("mx", "cat /etc/pillarbox/parts/acme_sh.json"))
    text = json.dumps({**settings, "web": {}, **config})
    return lab.on("mx", f"pillarbox certificates --config - {arguments}", text, check)


def digest(key: str) -> str:
    """Return the SHA-256 of a key in the ring, computed by openssl."""
    public = f"openssl pkey -in {RING}/{key}.key -pubout -outform DER"
    return lab.on("mx", f"{public} | openssl dgst -sha256 -r").split()[0]


def published() -> set[str]:
    """Return the SHA-256 of the keys in the TLSA records of port 25."""
    records = [line.split(None, 3) for line in lab.dig(NAMES, "TLSA")]
    return {record[3].replace(" ", "").lower() for record in records if record[2] == "1"}


def served_by(port: int, signature: str) -> str:
    """Return the SHA-256 of the key that a port serves for a signature algorithm, or ""."""
    starttls = "-starttls smtp" if port == 25 else ""
    command = (
        f"openssl s_client -connect {MX}:{port} {starttls} -tls1_2 -sigalgs {signature}+SHA256"
    )
    public = f"{command} </dev/null 2>/dev/null | openssl x509 -noout -pubkey 2>/dev/null"
    digest_of = "openssl pkey -pubin -outform DER | openssl dgst -sha256 -r"
    found = lab.on("peer", f'key=$({public}) && echo "$key" | {digest_of}', check=False)
    return found.partition(" ")[0]


def served_files() -> str:
    return lab.on("mx", f"cd {RING} && sha256sum ecdsa.pem rsa.pem *.key")


def serials() -> list[str]:
    return [
        lab.on("mx", f"openssl x509 -in {RING}/{algorithm}.pem -noout -serial")
        for algorithm in ALGORITHMS
    ]


def wait_for_caches() -> None:
    """Wait two TTLs since the last key was published or retired; part of that passed in the run."""
    memory = json.loads(lab.on("mx", f"cat {RING}/ring.json"))
    last = max(map(datetime.fromisoformat, [*memory["seen"].values(), *memory["retired"].values()]))
    until = last + timedelta(seconds=2 * TTL)
    lab.eventually("the caches", lambda: datetime.now(UTC) >= until or None)


def roll(*arguments: str, **settings: Any) -> tuple[int, str]:
    run = lab.playbook("pillarbox.mail.roll_tls_key", *arguments, **settings)
    return run.returncode, run.stdout


@pytest.fixture
def ca(request: pytest.FixtureRequest) -> Iterator[tuple[int, str]]:
    """Start another CA, whose certificates are valid for this number of days, with an account."""
    days: int = request.param
    port = 20000 + days
    config = json.loads(lab.on("internet", "cat /etc/pebble/pebble.json"))["pebble"]
    config |= {
        "listenAddress": f"198.18.0.53:{port}",
        "managementListenAddress": f"198.18.0.53:{port + 100}",
        "certificateValidityPeriod": days * 86400,
    }
    environment = "-E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 -E PEBBLE_AUTHZREUSE=0"
    lab.on(
        "internet",
        f"cat >/tmp/pebble-{days}.json; systemd-run --quiet --collect --unit=pebble-{days}"
        f" {environment} pebble -config /tmp/pebble-{days}.json -dnsserver 198.18.0.53:53;"
        f" until curl -sk -o /dev/null https://198.18.0.53:{port}/dir; do sleep 0.1; done",
        json.dumps({"pebble": config}),
    )
    url = f"https://acme.example.net:{port}/dir"
    # acme.sh distinguishes accounts by the server's name, not by its port.
    lab.on("mx", f"acme.sh --config-home /root/acme-{days} --register-account --server {url}")
    yield days, url
    lab.on("mx", f"rm -r /root/acme-{days}")
    lab.on("internet", f"systemctl stop pebble-{days}")


@pytest.mark.parametrize("ca", [90, 45, 6], indirect=True)
def test_certificates_of_any_life_are_renewed_and_their_ca_is_asked_when(
    ca: tuple[int, str],
) -> None:
    days, url = ca
    # Of both algorithms: with one, nginx would serve no other.
    settings: dict[str, Any] = {"server": url, "issuer": url, "acme_home": f"/root/acme-{days}"}
    assert json.loads(program("renew --force", **settings))["issued"] == ["ecdsa", "rsa"]

    # As if it had been longer ago: in the first day, the CA is not asked.
    lab.on("mx", f"""sed -i 's/"renewed": "20../"renewed": "2001/' {RING}/ring.json""")
    assert json.loads(program("renew --scheduled", **settings))["due"] == {}

    dates = f"openssl x509 -in {RING}/ecdsa.pem -noout -dates -dateopt iso_8601"
    lines = lab.on("mx", dates).splitlines()
    begin, end = (datetime.fromisoformat(line.partition("=")[2]) for line in lines)
    assert round((end - begin) / timedelta(days=1)) == days
    # Pebble suggests a window of two days around the last third of the lifetime.
    memory = json.loads(lab.on("mx", f"cat {RING}/ring.json"))
    renew = datetime.fromisoformat(memory["advice"]["ecdsa"]["renew"])
    assert abs(renew - (begin + (end - begin) * 2 / 3)) <= timedelta(days=1)


def test_a_renewal_keeps_the_keys_and_no_secret_shows_up_meanwhile() -> None:
    keys, before = lab.on("mx", f"sha256sum {RING}/*.key"), serials()
    secrets = [file.read_text().strip() for file in (lab.STATE / "secrets").iterdir()]
    watching = (
        "rm -f /tmp/processes; systemd-run --quiet --unit=processes --collect "
        "sh -c 'while sleep 0.02; do ps axwwe -o args; done >/tmp/processes'"
    )
    lab.on("mx", watching)

    assert json.loads(program("renew --force"))["issued"] == ["ecdsa", "rsa"]

    lab.on("mx", "systemctl stop processes")
    shown = lab.on("mx", "cat /tmp/processes; journalctl --no-pager --since -60s")
    assert "acme.sh" in shown and "nsupdate" in shown
    assert [secret for secret in secrets if secret in shown] == []
    assert lab.on("mx", f"sha256sum {RING}/*.key") == keys
    assert not set(serials()) & set(before)


def test_keys_and_account_are_for_root_alone() -> None:
    files = "find /etc/acme.sh /etc/pillarbox/tls /var/backups/pillarbox ! -type l"
    found = lab.on("mx", f"{files} -printf '%m %y %p\\n'")
    modes = [line.split(None, 2) for line in found.splitlines()]
    assert len(modes) > 15
    assert {(kind, mode) for mode, kind, _ in modes} == {("d", "700"), ("f", "600")}, modes


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("refuse", "not today"),
        ("down", "issued no ecdsa certificate in 5 s"),
        ("hang", "issued no ecdsa certificate in 5 s"),
        ("wrong-key", "is for another key; it is not used"),
        ("wrong-name", f"is not for {MX}; it is not used"),
    ],
)
def test_a_ca_that_fails_changes_nothing(mode: str, why: str) -> None:
    before = served_files()
    lab.on("internet", f"lab-ca {mode}")
    try:
        patience = 5 if mode in ("down", "hang") else 60
        answer = program("renew --force", check=False, patience=patience, algorithms=["ecdsa"])
    finally:
        lab.on("internet", "lab-ca off")
    assert why in answer, answer
    assert served_files() == before
    assert why in lab.on("mx", "pillarbox certificates status")


def test_a_next_key_that_a_name_server_lacks_is_not_served() -> None:
    before = lab.on("mx", f"cd {RING} && sha256sum ecdsa.pem rsa.pem")
    lab.on("internet", "lab-lag on")
    try:
        lab.on("mx", f"rm {RING}/ecdsa-next.key")
        settings = {"provider": "rfc2136", "server": lab.PRIMARY, "ttl": TTL, "wait": False}
        secret = (lab.STATE / "secrets" / "tsig-record-set").read_text().strip()
        tsig = {"tsig_name": "record-set", "tsig_secret": secret}
        # The key and its records; the renewals before left nothing to do.
        assert changed(lab.site(mail_dns={**settings, **tsig})) == 2
        answer = program("roll", check=False)
        assert "ns2.example.org. serves TLSA records" in answer, answer
        assert digest("ecdsa-next") in answer
    finally:
        lab.on("internet", "lab-lag off")
    assert lab.on("mx", f"cd {RING} && sha256sum ecdsa.pem rsa.pem") == before


def test_nor_one_that_caches_may_lack() -> None:
    before = served_files()
    status, output = roll()
    assert status != 0
    assert "senders may still have cached TLSA records without the next ecdsa key" in output
    assert served_files() == before


def test_once_no_cache_can_lack_them_the_next_keys_are_served_as_the_check_says() -> None:
    following = {digest(f"{algorithm}-next") for algorithm in ALGORITHMS}
    former = {digest(f"{algorithm}-current") for algorithm in ALGORITHMS}
    wait_for_caches()
    before = served_files()
    status, predicted = roll("--check")
    assert status == 0, predicted
    assert served_files() == before

    status, output = roll()

    assert status == 0, output
    tasks = [line for line in output.splitlines() if line.startswith(("changed:", "ok:"))]
    assert tasks == [
        line for line in predicted.splitlines() if line.startswith(("changed:", "ok:"))
    ]
    assert {digest(f"{algorithm}-current") for algorithm in ALGORITHMS} == following
    assert former | following < published()
    assert len(published()) == 6


def test_the_former_keys_are_gone_when_no_connection_can_use_them() -> None:
    former = {digest(f"{algorithm}-previous") for algorithm in ALGORITHMS}
    wait_for_caches()
    assert changed(lab.site()) == 2
    assert not former & published()
    assert "previous" not in lab.on("mx", f"ls {RING}")


def test_killed_at_any_step_a_renewal_leaves_a_working_pair() -> None:
    # Self-signed, so without an order at the CA; everything that can break comes after that.
    lab.on("mx", "cat >/tmp/killed.py", (HERE / "killed.py").read_text())
    settings = json.loads(lab.on("mx", "cat /etc/pillarbox/parts/acme_sh.json"))
    settings |= {"source": "self_signed", "issuer": "self_signed", "web": {}}
    lab.on("mx", "umask 077; cat >/tmp/self_signed.json", json.dumps(settings))
    renew = "--config /tmp/self_signed.json renew"
    both = (
        f"cd {RING} && for a in ecdsa rsa; do openssl pkey -in $a.pem -pubout;"
        " openssl x509 -in $a.pem -noout -pubkey; done"
    )
    for step in range(1, 40):
        run = lab.on("mx", f"python3 -B /tmp/killed.py {step} certificates {renew} --force; :")
        keys = lab.on("mx", both).split("-----BEGIN PUBLIC KEY-----\n")[1:]
        assert len(keys) == 4 and keys[0::2] == keys[1::2], (step, keys)
        lab.on("mx", f"pillarbox certificates {renew}")
        assert lab.on("mx", f"ls {RING}/*.old {RING}/*.new 2>/dev/null", check=False) == ""
        if "Killed" not in run:
            assert json.loads(run)["issued"] == ["ecdsa", "rsa"]
            break
    assert 8 < step < 39


def test_what_another_issued_is_replaced_by_the_ca() -> None:
    answer = lab.on("mx", f"openssl x509 -in {RING}/rsa.pem -noout -issuer")
    assert "Pebble" not in answer
    # Nothing but the certificates, so the run after the rollover left nothing to do either.
    assert changed(lab.site()) == 1
    assert "Pebble" in lab.on("mx", f"openssl x509 -in {RING}/rsa.pem -noout -issuer")


def test_in_all_this_each_key_was_published_when_it_was_served_and_no_mail_was_kept_back() -> None:
    lab.on("peer", "systemctl stop watch")
    notes = lab.on("peer", "cat /var/log/watch").splitlines()
    assert [note for note in notes if not note.startswith("good ")] == []
    seen = {note.split()[3] for note in notes}
    assert len(seen) == 4, "both keys before and after the rollover"
    queue = "postqueue -f; mailq | grep -c '^[0-9A-F]' || true"
    lab.eventually("the queue to empty", lambda: lab.on("peer", queue).strip() == "0" or None)
    log = lab.on("peer", "journalctl --no-pager -o cat -u 'postfix*' --since -20min").splitlines()
    sent = [line for line in log if "to=<alice@example.org>" in line]
    assert len(sent) > 30
    assert [line for line in sent if "status=sent" not in line] == []
    connections = [line for line in log if "TLS connection established to mx." in line]
    assert [line for line in connections if not line.startswith("Verified")] == []
    assert len(connections) > 10
    (lab.LOGS / "renewal-measured.log").write_text(
        f"measured: {len(notes)} samples of served and published keys, {len(sent)} mails\n"
    )


def test_a_record_changed_by_hand_stops_the_renewal_until_site_yml_mends_it() -> None:
    before = lab.on("mx", f"sha256sum {RING}/rsa.pem")
    secret = (lab.STATE / "secrets" / "tsig-record-set").read_text().strip()
    record = f"update delete {NAMES} TLSA 3 1 1 {digest('rsa-current')}"
    commands = f"server {lab.PRIMARY}\nkey hmac-sha256:record-set {secret}\n{record}\nsend\n"
    lab.on("internet", "nsupdate", commands)
    # The name server signs a record before it serves it.
    lab.eventually("the change", lambda: digest("rsa-current") not in published() or None)
    answer = program("renew --force", check=False)
    assert f"serves TLSA records at {NAMES} without the key {digest('rsa-current')}" in answer
    assert lab.on("mx", f"sha256sum {RING}/rsa.pem") == before
    assert changed(lab.site()) == 1
    program("renew --force")


def test_another_name_has_new_certificates_issued_by_another_challenge() -> None:
    more: dict[str, Any] = {"mail_tls_names": ["imap.example.org"], "acme_sh_challenge": "dns-01"}
    # Changed: the configuration with its timer, the certificates, and the web server on both ports.
    assert changed(lab.site(**more)) == 4
    names = f"openssl x509 -in {RING}/ecdsa.pem -noout -ext subjectAltName"
    assert "DNS:imap.example.org" in lab.on("mx", names)
    assert changed(lab.site(**more)) == 0

    # With http-01, from an ACME server that the system does not trust.
    ca = "/usr/local/share/ca-certificates/lab-ca.crt"
    lab.on("mx", f"cp {ca} {RING}/../ca.pem && rm {ca} && update-ca-certificates --fresh")
    bundle: dict[str, Any] = {
        "acme_sh_challenge": "http-01",
        "acme_sh_ca_bundle": "/etc/pillarbox/ca.pem",
    }
    try:
        # Changed: the configuration with its timer and the CAA record, perhaps a package.
        assert changed(lab.site(**bundle)) >= 2
        assert "validationmethods=http-01" in str(lab.dig(MX, "CAA"))
        before = serials()
        assert json.loads(lab.on("mx", "pillarbox certificates renew --force"))["issued"]
        assert not set(serials()) & set(before)
    finally:
        lab.on("mx", f"cp {RING}/../ca.pem {ca} && update-ca-certificates --fresh")
    assert changed(lab.site()) == 2


def test_a_stolen_key_is_out_of_service_and_dns_at_once() -> None:
    stolen = {digest(f"{algorithm}-current") for algorithm in ALGORITHMS}
    lab.on("mx", f"rm {RING}/ecdsa-next.key")
    status, output = roll(roll_tls_key_compromised=True)
    assert status == 0, output
    assert "senders may still have cached TLSA records without the next ecdsa key" in output
    assert not stolen & published()
    assert len(published()) == 4


def test_provided_certificates_and_algorithms_wait_for_the_caches_too() -> None:
    both = {digest(f"{algorithm}-current") for algorithm in ALGORITHMS}
    make = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 90 "
        f"-subj /CN={MX} -addext subjectAltName=DNS:{MX} -keyout - 2>/dev/null"
    )
    key, _, chain = lab.on("internet", make).partition("-----BEGIN CERTIFICATE-----")
    own: dict[str, Any] = {
        "mail_tls_source": "files",
        "mail_tls_provided": {
            "ecdsa": {"key": key, "chain": f"-----BEGIN CERTIFICATE-----{chain}"}
        },
        "mail_tls_algorithms": ["ecdsa"],
    }
    run = lab.site(**own)
    assert changed(run) > 3 and "may be served from" in run.stdout, run.stdout
    # RSA is no longer served but still published; the provided key is published before its use.
    assert both < published()
    wait_for_caches()
    # As the timer does it.
    assert json.loads(lab.on("mx", "pillarbox certificates renew"))["issued"] == ["ecdsa"]
    mine = digest("ecdsa-current")
    assert lab.on("mx", f"openssl x509 -in {RING}/ecdsa.pem -noout -issuer").strip().endswith(MX)
    wait_for_caches()
    assert changed(lab.site(**own)) == 2
    assert published() == {mine}

    # RSA is new, so it waits, and the timer finishes later; all else is done.
    predicted = changed(lab.site("--check"))
    back = lab.site()
    assert changed(back) == predicted and "may be served from" in back.stdout, back.stdout
    assert [served_by(port, "RSA-PSS") for port in PORTS] == [""] * len(PORTS)
    wait_for_caches()
    lab.on("mx", "systemctl start pillarbox-certificates.service")
    assert {served_by(port, "RSA-PSS") for port in PORTS} == {digest("rsa-current")}
    assert {served_by(port, "ECDSA") for port in PORTS} == {mine}
    mail = lab.message("bob-rsa@example.net", "alice@example.org")
    lab.send_from_peer(mail)
    lab.received("alice@example.org", mail)
    assert changed(lab.site()) == 0
