# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchange mail with the other server, and print a summary. bin/demo runs this last."""

from __future__ import annotations

from email.message import EmailMessage

from tests.lab import lab

ALICE = "alice@example.org"
BOB = "bob@example.net"


def verified(host: str, mail: EmailMessage) -> str:
    """Describe how a host's Postfix verified the next server. Fails if it did not."""
    connection = lab.connection_of(host, mail)
    assert connection.startswith("Verified"), connection
    version = connection.split(": ")[1].split()[0]
    return f"DANE verified ({version}): the key served is the one in DNS, secure by DNSSEC"


def main() -> None:
    lab.use_names()
    outgoing = lab.message(ALICE, BOB, "Sent over submission with implicit TLS, port 465.")
    lab.submit(outgoing)
    arrived = lab.received_at_peer(outgoing)
    signatures = lab.signatures(arrived)
    assert signatures == [("e1", True), ("r1", True)], signatures
    assert lab.verdicts(arrived) >= {"spf=pass", "dmarc=pass"}, lab.verdicts(arrived)

    incoming = lab.message(BOB, ALICE, "Sent by the other mail server.")
    lab.send_from_peer(incoming)
    lab.received(ALICE, incoming)

    print(f"""
{ALICE} -> {BOB}: delivered
    {verified("mx", outgoing)}
    {len(signatures)} DKIM signatures valid (RSA and Ed25519), SPF and DMARC pass
{BOB} -> {ALICE}: delivered
    {verified("peer", incoming)}

Log in    IMAP with TLS at {lab.ADDRESSES[lab.MX]}, port {lab.IMAPS}, as {ALICE}
          with the password {lab.password(ALICE)}
          curl -k --user '{ALICE}:{lab.password(ALICE)}' 'imaps://{lab.ADDRESSES[lab.MX]}/INBOX;MAILINDEX=1'
Inspect   bin/lab ssh mx journalctl -u 'postfix*'    the log of the mail server
          bin/lab ssh internet dig +short @{lab.PRIMARY} _25._tcp.{lab.MX} TLSA
          lab/group_vars/mail_servers.yml            all its settings
Remove    bin/demo --down""")


if __name__ == "__main__":
    main()
