# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that Postfix has logged, with daemon and process in front, as in the journal.

These are from the lab's hosts, with Postfix 3.10.13.
"""

from __future__ import annotations

from pillarbox.tls.lines import Event, parse

PEER = "peer.example.net[2001:2:0:20::20]"
TLS13 = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"

# Postfix 3.10: a message arrives.
RECEIVED = f"""\
postfix/postscreen[25995]: CONNECT from [2001:2:0:20::20]:49646 to [2001:2:0:10::10]:25
postfix/postscreen[25995]: PASS NEW [2001:2:0:20::20]:49646
postfix/smtpd[26188]: connect from {PEER}
postfix/smtpd[26188]: discarding EHLO keywords: ETRN
postfix/smtpd[26188]: Anonymous TLS connection established from {PEER}: {TLS13}\
 key-exchange x25519 server-signature ECDSA (prime256v1 raw public key) server-digest SHA256
postfix/smtpd[26188]: discarding EHLO keywords: ETRN
postfix/smtpd[26188]: 5741919A05D: client={PEER}
postfix/qmgr[25989]: 5741919A05D: from=<bob@peer.example.net>, size=707, nrcpt=1 (queue active)
postfix/smtpd[26188]: disconnect from {PEER} ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1\
 commands=7
postfix/qmgr[25989]: 5741919A05D: removed
"""
# Postfix 3.10, with smtp_tls_connection_reuse. tlsproxy(8) logs the connection, too.
SENT = f"""\
postfix/qmgr[25989]: 74D2972201F: from=<alice@example.org>, size=301, nrcpt=1 (queue active)
postfix/tlsproxy[28784]: Verified TLS connection established to {PEER}:25: {TLS13}\
 key-exchange x25519 server-signature ECDSA (prime256v1 raw public key) server-digest SHA256
postfix/smtp[28776]: Verified TLS connection established to {PEER}:25: {TLS13}\
 key-exchange x25519 server-signature ECDSA (prime256v1 raw public key) server-digest SHA256
postfix/smtp[28776]: 74D2972201F: to=<bob@example.net>, relay={PEER}:25, delay=0.35,\
 delays=0.02/0.03/0.15/0.14, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as A632619416E)
postfix/qmgr[25989]: 74D2972201F: removed
"""
# The same process then delivers to the same server without TLS, and again over a connection that
# another process has opened.
CLEAR_THEN_REUSED = f"""\
postfix/smtp[28776]: D47E0722025: to=<bob@peer.example.net>, relay={PEER}:25, conn_use=2,\
 delay=0.28, delays=0.1/0.01/0/0.16, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as E9A90194131)
postfix/smtp[28776]: Verified TLS connection reused to {PEER}:25: {TLS13} key-exchange x25519
postfix/smtp[28776]: 0618C722026: to=<bob@example.net>, relay={PEER}:25, conn_use=2, delay=0.19,\
 delays=0.05/0/0.01/0.14, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 12D80194173)
"""


def journal(log: str) -> list[tuple[str, str, str]]:
    """The daemon, process and text of each line."""
    found = []
    for line in log.splitlines():
        process, _, text = line.partition("]: ")
        daemon, _, pid = process.partition("[")
        found.append((daemon, pid, text))
    return found


def events(log: str) -> list[Event]:
    """What is read from these lines."""
    return [event for line in journal(log) if (event := parse(*line))]
