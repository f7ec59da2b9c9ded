# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send the message on standard input with TLS 1.2 and one cipher; run on peer.

Arguments: the server, the cipher as OpenSSL names it, sender and recipient. Instead of a cipher,
"TLSv1.3" leaves it to that version, and "" sends in clear text.
"""

from __future__ import annotations

import smtplib
import ssl
import sys

server, cipher, sender, recipient = sys.argv[1:]
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
if cipher == "TLSv1.3":
    context.minimum_version = ssl.TLSVersion.TLSv1_3
elif cipher:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
with smtplib.SMTP(server, 25, "client.example.net") as session:
    if cipher:
        session.starttls(context=context)
    session.sendmail(sender, recipient, sys.stdin.read())
