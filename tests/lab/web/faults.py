# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What test_metrics.py breaks on the mail host, all at once, and how it is repaired."""

from __future__ import annotations

from tests.lab.lab import MX

DOMAIN, SHOP = "example.org", "shop.example.org"
ALICE, SMALL = "alice@example.org", "erin@example.org"
PART = "/etc/pillarbox/parts/base.json"
JUNK = "/run/systemd/system/pillarbox-junk.service.d"
# All at once, while the daemons run. Then the daily check looks at it.
FAULTS = f"""set -e
cp -a {PART} /root/metrics-base.json
cp -a /etc/postfix/main.cf /root/metrics-main.cf
cp -a /etc/postfix/header_checks /root/metrics-header_checks
cp -a /etc/pillarbox/tls/rsa.pem /root/metrics-rsa.pem
cp -a /etc/pillarbox/tls/ring.json /root/metrics-ring.json
# Certificates, and a renewal that fails, as the CA is down.
pillarbox certificates renew --force mail || true
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN={MX} -days 9 -keyout /dev/null \\
    -out /etc/pillarbox/tls/rsa.pem 2>/dev/null
# File systems.
mkdir -p /mnt/readonly /mnt/full /mnt/many
mount -t tmpfs -o ro tmpfs /mnt/readonly
mount -t tmpfs -o size=1m tmpfs /mnt/full
mount -t tmpfs -o nr_inodes=20 tmpfs /mnt/many
head -c 1000000 /dev/zero >/mnt/full/zeros
touch $(seq -f /mnt/many/%.0f 19)
# A daemon that is stopped, a job that fails, and configuration that is not loaded.
systemctl stop postsrsd.service
mkdir -p {JUNK}
printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' >{JUNK}/fault.conf
systemctl daemon-reload
echo '["/etc/rspamd/by-hand"]' >/var/lib/pillarbox/config_tree/rspamd.pending
touch /run/reboot-required
# Mail that is held, in clear text, and refused; an almost full mailbox.
echo '/^Subject: hold me/ HOLD' >>/etc/postfix/header_checks
postconf -e smtp_tls_security_level=none
postfix reload
printf 'Subject: hold me\\n\\n' | sendmail -f {ALICE} {ALICE}
printf 'Subject: for all to read\\n\\n' | sendmail -f {ALICE} bob@unsigned.example.net
for name in nobody no-one none; do
    printf 'Subject: unwanted\\n\\n' | sendmail -f {ALICE} $name@unsigned.example.net
done
doveadm expunge -u {SMALL} mailbox INBOX all || true
head -c 98000 /dev/zero | tr '\\0' x | fold -w 72 | doveadm save -u {SMALL}
for n in 1 2 3; do doveadm auth test -x service=imap {ALICE} wrong & done
wait
"""
# Then these, which would hide others.
MORE_FAULTS = """set -e
cp -a /var/lib/pillarbox/dkim.json /root/metrics-dkim.json
echo '{' >/var/lib/pillarbox/dkim.json
sed -i 's/^{"time": [0-9.]*/{"time": 1/' /var/lib/pillarbox/findings.json
printf 'server:\\n    module-config: "iterator"\\n' >/etc/unbound/unbound.conf.d/zz-fault.conf
systemctl restart unbound
systemctl stop postfix
for n in $(seq 101); do
    printf 'Subject: waits\\n\\n' | sendmail -f alice@example.org bob@example.net
done
systemctl start pillarbox-junk || true
"""
REPAIRS = f"""
rm -f /etc/unbound/unbound.conf.d/zz-fault.conf
systemctl restart unbound
test ! -e /root/metrics-dkim.json || mv /root/metrics-dkim.json /var/lib/pillarbox/dkim.json
cp -a /root/metrics-base.json {PART}
cp -a /root/metrics-main.cf /etc/postfix/main.cf
cp -a /root/metrics-header_checks /etc/postfix/header_checks
cp -a /root/metrics-rsa.pem /etc/pillarbox/tls/rsa.pem
cp -a /root/metrics-ring.json /etc/pillarbox/tls/ring.json
umount /mnt/readonly /mnt/full /mnt/many
rm -rf /root/metrics-* {JUNK} /run/reboot-required /var/lib/pillarbox/config_tree/rspamd.pending \\
    /var/spool/postfix/maildrop/* /var/lib/pillarbox-reports/reports.sqlite* \\
    /var/lib/pillarbox/check.json /var/lib/pillarbox/findings.json
systemctl daemon-reload
systemctl reset-failed
systemctl restart postsrsd nginx rspamd dovecot postfix
postsuper -d ALL
doveadm expunge -u {SMALL} mailbox INBOX all || true
python3 -c 'import sqlite3; c = sqlite3.connect("/var/lib/pillarbox/tls.sqlite"); \\
    c.execute("DELETE FROM messages WHERE domain = ?", ["unsigned.example.net"]); c.commit()'
systemctl start pillarbox-metrics
"""
# The records of these names are replaced: of TLSA, MX and DKIM.
RECORDS = {
    (f"_25._tcp.{MX}", "TLSA"): [f"3 1 1 {'00' * 32}", f"3 1 2 {'00' * 64}"],
    (SHOP, "MX"): ["10 peer.example.net."],
    (f"e1._domainkey.{DOMAIN}", "TXT"): [],
    (f"_dmarc.{DOMAIN}", "TXT"): ['"v=DMARC1; p=sometimes"'],
}
