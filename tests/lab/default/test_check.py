# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox check" reports about a host with many faults at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import lab
from tests.lab.checks import check, replaced

DOMAIN, SHOP, MX = "example.org", "shop.example.org", "mx.example.org"
ALICE, SMALL = "alice@example.org", "erin@example.org"
PART = "/etc/pillarbox/parts/base.json"
REDIS = "/etc/pillarbox/parts/rspamd.json"
# Of these, one has no name and is on a DNS list, one has another name; the host's IPv6 address is
# not among them.
LISTED = ["198.18.0.10", "198.18.0.66", "198.18.0.20"]
# Domains as if they were this host's, with faults that the lab's zones have,
FOREIGN = [
    "expired.example.net",
    "wrong-ds.example.net",
    "unsigned.example.net",
    "club.example.net",
    "gone.example.net",
    "alias.example.net",
]
# and with faults in the records that are published for them.
ODD = [
    f"{label}.{DOMAIN}"
    for label in ("twice", "long", "neutral", "reports", "aimless", "mild", "astray")
]
# Seconds for 15 domains, which take seven: a busy machine may be four times as slow.
LIMIT = 30
HIDDEN = "/root/check-rsa.pem"
FAULTS = f"""set -e
cp -a {PART} /root/check-base.json
cp -a /etc/postfix/main.cf /root/check-main.cf
cp -a /etc/postfix/header_checks /root/check-header_checks
cp -a /etc/pillarbox/tls/rsa.pem {HIDDEN}
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN={MX} -days 9 -keyout /dev/null \\
    -out /etc/pillarbox/tls/rsa.pem 2>/dev/null
postconf -e smtp_helo_name=other.example.net 'smtpd_banner=other.example.net ESMTP' \\
    'mynetworks=0.0.0.0/0 [::]/0' 'smtpd_relay_restrictions=permit_mynetworks reject' \\
    'smtpd_tls_protocols=>=TLSv1' 'smtpd_tls_mandatory_protocols=>=TLSv1' \\
    'tls_medium_cipherlist=ALL:@SECLEVEL=0' 'smtpd_tls_ciphers=medium'
refuse='check_recipient_access inline:{{abuse@{DOMAIN}=REJECT,postmaster@{SHOP}=REJECT}},'
sed -i "s/^smtpd_recipient_restrictions =/& $refuse/" /etc/postfix/main.cf
grep -q "^smtpd_recipient_restrictions = $refuse" /etc/postfix/main.cf
echo '/^Subject: hold me/ HOLD' >>/etc/postfix/header_checks
chmod o+r /etc/postfix/smarthost_passwords
postfix reload
# A message that is held, and an almost full mailbox.
printf 'Subject: hold me\\n\\n' | sendmail -f {ALICE} {ALICE}
doveadm expunge -u {SMALL} mailbox INBOX all || true
head -c 98000 /dev/zero | tr '\\0' x | fold -w 72 | doveadm save -u {SMALL}
# A daemon that is stopped, one that crashed, a job that failed, a timer that is off.
systemctl stop postsrsd.service
mv /etc/fail2ban/filter.d/pillarbox.conf /root/check-jail.conf
fail2ban-client stop pillarbox
systemctl stop pillarbox-tls.timer
mkdir -p /run/systemd/system/pillarbox-junk.service.d
printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' \\
    >/run/systemd/system/pillarbox-junk.service.d/fault.conf
systemctl daemon-reload
systemctl start pillarbox-junk.service || true
echo '# by hand' >>/etc/systemd/system/pillarbox-recode.service
echo '["/etc/rspamd/by-hand"]' >/var/lib/pillarbox/config_tree/rspamd.pending
pkill -SEGV -o -x imap-login
# Learned data that cannot be saved.
redis=$(python3 -c 'import json; print(*json.load(open("{REDIS}"))["redis"])')
chown root:root /var/lib/${{redis%%-*}}
$redis BGSAVE
mv /var/lib/rspamd/dkim/{SHOP}.e1.key /root/check-dkim.key
mkdir -p /mnt/readonly /mnt/full
mount -t tmpfs -o ro tmpfs /mnt/readonly
mount -t tmpfs -o size=1m tmpfs /mnt/full
head -c 1000000 /dev/zero >/mnt/full/zeros
mkdir -p /usr/share/distro-info
. /etc/os-release
printf 'series,eol\\n%s,2020-01-01\\n' $VERSION_CODENAME >/usr/share/distro-info/debian.csv
ip -6 route add default via 2001:2::1
touch /run/reboot-required
systemctl restart unbound
"""
REPAIRS = f"""
cp -a /root/check-base.json {PART}
cp -a /root/check-main.cf /etc/postfix/main.cf
cp -a /root/check-header_checks /etc/postfix/header_checks
chmod o-r /etc/postfix/smarthost_passwords
cp -a {HIDDEN} /etc/pillarbox/tls/rsa.pem
mv /root/check-jail.conf /etc/fail2ban/filter.d/pillarbox.conf
mv /root/check-dkim.key /var/lib/rspamd/dkim/{SHOP}.e1.key
rm -rf /root/check-* /run/reboot-required /usr/share/distro-info/debian.csv \\
    /run/systemd/system/pillarbox-junk.service.d /var/lib/pillarbox/config_tree/rspamd.pending
sed -i '/^# by hand/d' /etc/systemd/system/pillarbox-recode.service
postfix reload
postsuper -d ALL hold
doveadm expunge -u {SMALL} mailbox INBOX all || true
umount /mnt/readonly /mnt/full
chown valkey:valkey /var/lib/valkey || chown redis:redis /var/lib/redis
systemctl daemon-reload
systemctl reset-failed
systemctl restart fail2ban
timeout 30 sh -c 'until fail2ban-client status pillarbox >/dev/null 2>&1; do sleep 0.2; done'
systemctl start postsrsd pillarbox-tls.timer
valkey-cli -s /run/valkey/valkey.sock BGSAVE || redis-cli -s /run/redis/redis.sock BGSAVE
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
    (MX, "CAA"): ['0 issue "ca.example.net"'],
    (f"_imaps._tcp.{DOMAIN}", "SRV"): ["0 1 993 peer.example.net."],
    (f"_submissions._tcp.{DOMAIN}", "SRV"): [f"0 1 466 {MX}."],
    (f"_smtp._tls.{DOMAIN}", "TXT"): [
        f'"v=TLSRPTv1; rua=mailto:one@{DOMAIN}"',
        f'"v=TLSRPTv1; rua=mailto:two@{DOMAIN}"',
    ],
    (f"_smtp._tls.{SHOP}", "TXT"): ['"v=TLSRPTv1; rua=postmaster"'],
    (ODD[0], "TXT"): ['"v=spf1 mx -all"', '"v=spf1 -all"'],
    (ODD[1], "TXT"): [f'"v=spf1{f" a:{MX}" * 11} -all"'],
    (ODD[2], "TXT"): ['"v=spf1 ?all"'],
    (f"_dmarc.{ODD[3]}", "TXT"): ['"v=DMARC1; p=reject; rua=mailto:dmarc@example.net"'],
    (f"_dmarc.{ODD[4]}", "TXT"): [f'"v=DMARC1; rua=mailto:dmarc@{ODD[4]}"'],
    (f"_dmarc.{ODD[5]}", "TXT"): ['"v=DMARC1; p=none"'],
    (f"_mta-sts.{ODD[6]}", "TXT"): ['"v=STSv1; id=1"'],
}
PUBLISH = "run site.yml"


@pytest.fixture(scope="module")
def findings() -> Iterator[dict[str, dict[str, Any]]]:
    """Break many things, check once, and repair all."""
    part = json.loads(lab.on("mx", f"cat {PART}"))
    part.update(addresses=LISTED, domains=[DOMAIN, SHOP, *FOREIGN, *ODD])
    part["ports"].append(110)
    part["directories"] = {"archive": "/mnt/readonly", "spare": "/mnt/full", "lost": "/mnt/lost"}
    with replaced(RECORDS):
        try:
            lab.on("mx", FAULTS)
            lab.on("mx", f"cat >{PART}", json.dumps(part))
            lab.eventually("a held message", lambda: "!" in lab.on("mx", "postqueue -p") or None)
            found = check(LIMIT)["findings"]
            yield {f"{f['check']}, {f['subject']}": f for f in found}
        finally:
            lab.on("mx", REPAIRS)


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
        ("certificate served, port 465, IPv6, rsa", "critical", "no rsa", "restart postfix"),
        ("certificate served, port 4190, IPv4, rsa", "critical", "another", "reload dovecot"),
        ("old TLS, port 25", "warning", "accepts TLS 1.1", "postfix_settings"),
        ("port, 110, IPv6", "critical", "refused", "restart dovecot"),
        ("daemons, postsrsd.service", "critical", "inactive", "systemctl start postsrsd"),
        ("jobs, pillarbox-tls.timer", "warning", "inactive", "systemctl start pillarbox-tls.timer"),
        ("jobs, pillarbox-junk.service", "warning", "failed", "journalctl -eu pillarbox-junk"),
        ("log, dovecot", "warning", "killed with signal 11", "journalctl -u dovecot"),
        ("fail2ban, pillarbox", "warning", "nobody watches", "restart fail2ban"),
        ("learned data, ", "warning", "could not be saved", "disk full"),
        ("held mail, ", "warning", "1 message", "pillarbox held"),
        ("quota, ", "note", SMALL, "mail_users"),
        ("disk, archive writable", "critical", "read-only", "remount,rw"),
        ("disk, spare", "critical", "96 % of space", "enlarge"),
        ("disk, lost", "critical", "No such file", "is it mounted"),
        ("configuration, rspamd", "warning", "not loaded", PUBLISH),
        ("configuration, pillarbox-recode.service", "warning", "not read", "daemon-reload"),
        ("drift, /etc/postfix/header_checks", "warning", "changed", "site.yml undoes it"),
        ("drift, /etc/postfix/main.cf", "warning", "changed", "--check --diff"),
        ("drift, /etc/fail2ban/filter.d/pillarbox.conf", "warning", "removed", "site.yml"),
        ("secrets, /etc/postfix/smarthost_passwords", "critical", "all users", "chmod o-r"),
        ("ssh, ", "note", "passwords", "PasswordAuthentication no"),
        ("TLSA, port 25", "critical", "the current ecdsa key", PUBLISH),
        ("TLSA, port 465", "warning", "no records", PUBLISH),
        ("DNSSEC, expired.example.net", "critical", "not valid", "sign it again"),
        ("DNSSEC, wrong-ds.example.net", "critical", "not valid", "DS records at the registrar"),
        ("DNSSEC, unsigned.example.net", "note", "not signed", ""),
        ("name servers, unsigned.example.net", "warning", "ns2.example.org", "remove them"),
        ("name servers, example.net", "note", "alone", ""),
        (f"CAA, {MX}", "critical", "only ca.example.net", "acme_sh_server"),
        ("MX, alias.example.net", "critical", "is an alias", "A and AAAA records"),
        ("MX, unsigned.example.net", "critical", "mx.unsigned.example.net", PUBLISH),
        (f"MX, {SHOP}", "critical", "peer.example.net", PUBLISH),
        ("MX, club.example.net", "note", "peer.example.net is preferred", ""),
        ("MX, expired.example.net", "unknown", "SERVFAIL", ""),
        ("MX, gone.example.net", "critical", "does not exist", "renew its registration"),
        (f"SPF, {DOMAIN}", "critical", "fail for 198.18.0.66", "mail_host_addresses"),
        ("SPF, club.example.net", "warning", "none for", PUBLISH),
        (f"SPF, {ODD[0]}", "critical", "Two or more", "remove the other record"),
        (f"SPF, {ODD[1]}", "critical", "Too many DNS lookups", "at most ten"),
        (f"SPF, {ODD[2]}", "warning", "neutral for", PUBLISH),
        (f"DKIM, e1 of {SHOP}", "critical", "is missing", "restore"),
        (f"DKIM, r1 of {DOMAIN}", "critical", "another key", PUBLISH),
        (f"DKIM, e1 of {DOMAIN}", "critical", "no record", PUBLISH),
        (f"DMARC, {DOMAIN}", "warning", "p=sometimes", PUBLISH),
        (f"DMARC, {SHOP}", "warning", "2 records", "but one"),
        ("DMARC, club.example.net", "warning", "no record", PUBLISH),
        (f"DMARC, {ODD[3]}", "warning", "does not agree", "_report._dmarc.example.net"),
        (f"DMARC, {ODD[4]}", "warning", "no p", PUBLISH),
        (f"DMARC, {ODD[5]}", "note", "p=none", ""),
        (f"TLS reports, {DOMAIN}", "warning", "2 records", "leave one"),
        (f"TLS reports, {SHOP}", "warning", "rua=postmaster", "valid TXT record"),
        (f"SRV, _imaps._tcp.{DOMAIN}", "warning", "peer.example.net", PUBLISH),
        (f"SRV, _submissions._tcp.{DOMAIN}", "warning", "port 466", PUBLISH),
        (f"MTA-STS, {DOMAIN}", "warning", "leaves out peer.example.net", "mail_backup_mx"),
        ("open relay, 198.18.0.10", "critical", "accepts postmaster@example.com", "mynetworks"),
        (f"required addresses, abuse@{DOMAIN}", "warning", "554", "mail_aliases"),
        (f"required addresses, postmaster@{SHOP}", "critical", "554", "mail_aliases"),
        ("required addresses, abuse@club.example.net", "warning", "550", "mail_aliases"),
        ("DNS list, 198.18.0.66 at dnsbl.example.net", "critical", "127.0.0.3", "removed"),
        ("updates, reboot", "warning", "reboot is due", "reboot"),
        ("support, ", "critical", "no security updates since 2020-01-01", "docs/upgrade.md"),
    ],
)
def test_each_fault_is_named_with_its_remedy(
    findings: dict[str, dict[str, Any]], subject: str, status: str, found: str, remedy: str
) -> None:
    finding = findings[subject]
    assert finding["status"] == status, finding
    assert found in finding["found"] and remedy in finding["remedy"], finding
    assert finding["since"]


def test_all_checks_of_fifteen_domains_are_done_in_time(
    findings: dict[str, dict[str, Any]],
) -> None:
    assert len({DOMAIN, SHOP, *FOREIGN, *ODD}) == 15
    assert [f for f in findings.values() if "not done within" in f["found"]] == []


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
