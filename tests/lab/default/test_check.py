# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox check" reports about a healthy host, and about one with many faults at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from tests.lab import lab

DOMAIN, SHOP, MX = "example.org", "shop.example.org", "mx.example.org"
ALICE = "alice@example.org"
PART = "/etc/pillarbox/parts/base.json"
# Of these, one has no name and is on a DNS list, one has another name; the host's IPv6 address is
# not among them.
LISTED = ["198.18.0.10", "198.18.0.66", "198.18.0.20"]
# Domains as if they were this host's, with faults that the lab's zones have.
FOREIGN = [
    "expired.example.net",
    "wrong-ds.example.net",
    "unsigned.example.net",
    "club.example.net",
    "gone.example.net",
]
HIDDEN = "/root/check-rsa.pem"
FAULTS = f"""set -e
cp -a {PART} /root/check-base.json
cp -a /etc/postfix/main.cf /root/check-main.cf
cp -a /etc/pillarbox/tls/rsa.pem {HIDDEN}
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN={MX} -days 9 -keyout /dev/null \\
    -out /etc/pillarbox/tls/rsa.pem 2>/dev/null
postconf -e smtp_helo_name=other.example.net 'smtpd_banner=other.example.net ESMTP' \\
    'mynetworks=0.0.0.0/0 [::]/0' 'smtpd_relay_restrictions=permit_mynetworks reject'
refuse='check_recipient_access inline:{{abuse@{DOMAIN}=REJECT}},'
sed -i "s/^smtpd_recipient_restrictions =/& $refuse/" /etc/postfix/main.cf
grep -q "^smtpd_recipient_restrictions = $refuse" /etc/postfix/main.cf
postfix reload
systemctl stop dovecot.socket dovecot.service
ip -6 route add default via 2001:2::1
touch /run/reboot-required
systemctl restart unbound
"""
REPAIRS = f"""
cp -a /root/check-base.json {PART}
cp -a /root/check-main.cf /etc/postfix/main.cf
cp -a {HIDDEN} /etc/pillarbox/tls/rsa.pem
rm -f /root/check-* /run/reboot-required
postfix reload
systemctl start dovecot
ip -6 route del default via 2001:2::1
systemctl restart unbound
"""
# In DNS: the records of a name are replaced by these.
RECORDS = {
    (f"_25._tcp.{MX}", "TLSA"): [f"3 1 1 {'00' * 32}", f"3 1 2 {'00' * 64}"],
    (f"_465._tcp.{MX}", "TLSA"): [],
    (f"_dmarc.{DOMAIN}", "TXT"): ['"v=DMARC1; p=sometimes"'],
    (f"_dmarc.{SHOP}", "TXT"): ['"v=DMARC1; p=reject"', '"v=DMARC1; p=none"'],
    (f"r1._domainkey.{DOMAIN}", "TXT"): ['"v=DKIM1; k=rsa; p=MIIB"'],
    (f"e1._domainkey.{DOMAIN}", "TXT"): [],
    (f"_mta-sts.{SHOP}", "TXT"): ['"v=STSv1; id=1"', '"v=STSv1; id=2"'],
    (DOMAIN, "MX"): [f"10 {MX}.", "20 peer.example.net."],
    (SHOP, "MX"): ["10 peer.example.net."],
}
PUBLISH = "run site.yml"


def check(*arguments: str) -> dict[str, Any]:
    printed = lab.on("mx", f"pillarbox check --json {' '.join(arguments)}", check=False)
    whole: dict[str, Any] = json.loads(printed)
    return whole


@pytest.mark.first
def test_a_healthy_host_has_nothing_to_repair() -> None:
    whole = check()
    found = {finding["check"] for finding in whole["findings"]}
    assert {"SPF", "DKIM", "DMARC", "MX", "MTA-STS", "TLSA", "DNSSEC", "open relay"} < found
    bad = [f for f in whole["findings"] if f["status"] in ("warning", "critical")]
    assert bad == []
    unknown = [f for f in whole["findings"] if f["status"] == "unknown"]
    assert unknown == []


@pytest.mark.first
def test_it_prints_what_people_and_programs_need() -> None:
    text = lab.on("mx", "pillarbox check; pillarbox check --metrics", check=False)
    assert "no route to the Internet by IPv4" in text
    assert 'pillarbox_check_findings{check="SPF",status="ok"} 2' in text
    assert max(map(len, text.partition("# HELP")[0].splitlines())) <= 80


@pytest.mark.first
def test_root_gets_a_mail_of_what_changed_and_none_if_nothing_did() -> None:
    state, daily = "/var/lib/pillarbox/check.json", "systemctl start pillarbox-check"
    lab.on("mx", f"doveadm expunge -u {ALICE} mailbox INBOX subject 'mx: '")
    lab.on("mx", f"rm -f {state} && {daily} && touch /run/reboot-required && {daily}")
    try:
        assert b"a reboot is due" in lab.received(ALICE, report("warning updates"))
        lab.on("mx", daily)
    finally:
        lab.on("mx", "rm /run/reboot-required")
    lab.on("mx", daily)
    assert b"updates reboot" in lab.received(ALICE, report("1 resolved"))
    with lab.imap(ALICE) as session:
        session.select("INBOX", readonly=True)
        about = session.search(None, "SUBJECT", '"mx: warning updates"')[1][0].split()
    assert len(about) == 1


def report(what: str) -> EmailMessage:
    """Return a message with the subject of a report to root."""
    mail = lab.message("root@mx.example.org", "root")
    mail.replace_header("Subject", f"mx: {what}")
    return mail


@pytest.fixture(scope="module")
def findings() -> Iterator[dict[str, dict[str, Any]]]:
    """Break many things, check once, and repair all."""
    before = {key: lab.dig(*key) for key in RECORDS}
    part = json.loads(lab.on("mx", f"cat {PART}"))
    part.update(addresses=LISTED, domains=[DOMAIN, SHOP, *FOREIGN])
    try:
        lab.publish(RECORDS)
        lab.on("mx", FAULTS)
        lab.on("mx", f"cat >{PART}", json.dumps(part))
        yield {f"{f['check']}, {f['subject']}": f for f in check()["findings"]}
    finally:
        lab.on("mx", REPAIRS)
        lab.publish(before)
        lab.on("mx", "systemctl restart unbound")


@pytest.mark.parametrize(
    ("subject", "status", "found", "remedy"),
    [
        ("reverse name, 198.18.0.66", "critical", "no PTR record", f"(PTR) to {MX}"),
        ("reverse name, 198.18.0.20", "critical", "peer.example.net", f"(PTR) to {MX}"),
        ("outgoing address, IPv6", "critical", "2001:2:0:10::10", "mail_host_addresses"),
        ("greeting, port 25", "warning", "other.example.net", "postfix_settings"),
        ("greeting, HELO", "warning", "other.example.net", "smtp_helo_name"),
        # Postfix has read the file, in which the key is missing; nginx has not.
        ("certificate served, port 25, IPv4, rsa", "critical", "no rsa", "restart postfix"),
        ("certificate served, port 443, IPv6, rsa", "critical", "another certif", "reload nginx"),
        ("port, 993, IPv6", "critical", "refused", "restart dovecot"),
        ("daemons, dovecot.service", "critical", "inactive", "systemctl start dovecot"),
        ("TLSA, port 25", "critical", "the current ecdsa key", PUBLISH),
        ("TLSA, port 465", "warning", "no records", PUBLISH),
        ("DNSSEC, expired.example.net", "critical", "not valid", "sign it again"),
        ("DNSSEC, wrong-ds.example.net", "critical", "not valid", "DS records at the registrar"),
        ("DNSSEC, unsigned.example.net", "note", "not signed", ""),
        (f"MX, {SHOP}", "critical", "peer.example.net", PUBLISH),
        ("MX, club.example.net", "note", "peer.example.net is preferred", ""),
        ("MX, expired.example.net", "unknown", "SERVFAIL", ""),
        ("MX, gone.example.net", "critical", "does not exist", "renew its registration"),
        (f"SPF, {DOMAIN}", "critical", "fail for 198.18.0.66", "mail_host_addresses"),
        ("SPF, club.example.net", "warning", "none for", PUBLISH),
        (f"DKIM, r1 of {DOMAIN}", "critical", "another key", PUBLISH),
        (f"DKIM, e1 of {DOMAIN}", "critical", "no record", PUBLISH),
        (f"DMARC, {DOMAIN}", "warning", "p=sometimes", PUBLISH),
        (f"DMARC, {SHOP}", "warning", "2 records", "but one"),
        ("DMARC, club.example.net", "warning", "no record", PUBLISH),
        (f"MTA-STS, {DOMAIN}", "warning", "leaves out peer.example.net", "mail_backup_mx"),
        ("open relay, 198.18.0.10", "critical", "accepts postmaster@example.com", "mynetworks"),
        (f"required addresses, abuse@{DOMAIN}", "warning", "554", "mail_aliases"),
        ("DNS list, 198.18.0.66 at dnsbl.example.net", "critical", "127.0.0.3", "removed"),
        ("updates, reboot", "warning", "reboot is due", "reboot"),
    ],
)
def test_each_fault_is_named_with_its_remedy(
    findings: dict[str, dict[str, Any]], subject: str, status: str, found: str, remedy: str
) -> None:
    finding = findings[subject]
    assert finding["status"] == status, finding
    assert found in finding["found"] and remedy in finding["remedy"], finding
    assert finding["since"]


def test_what_is_right_stays_right_beside_the_faults(findings: dict[str, dict[str, Any]]) -> None:
    for subject in (
        "reverse name, 198.18.0.10",
        "certificate served, port 25, IPv4, ecdsa",
        "TLSA, port 443",
        f"DNSSEC, {DOMAIN}",
        f"DKIM, r1 of {SHOP}",
        f"SPF, {SHOP}",
        f"required addresses, postmaster@{DOMAIN}",
    ):
        if subject in findings:
            assert findings[subject]["status"] == "ok", findings[subject]
