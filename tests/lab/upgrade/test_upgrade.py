# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail server in use is upgraded from Debian 12 to 13, and nothing is lost.

The tests build on each other: the server in use on Debian 12, the upgrade as in docs/upgrade.md,
mail during the upgrade, the run of site.yml, and the server in use on Debian 13.
"""

from __future__ import annotations

import imaplib
import re
from email.message import EmailMessage
from typing import Any

import pytest

from tests.lab import lab
from tests.lab.mailbox import folders, subscribed

ALICE = "alice@example.org"
CAROL = "carol@example.org"
BOB = "bob@example.net"

HOME = "/var/vmail/example.org/alice"
# As Dovecot stores an active script of a user.
SCRIPT = """require ["fileinto", "mailbox"];
if header :is "X-List" "readers" { fileinto :create "Lists/Readers"; }
"""


def learnt() -> str:
    """Return the number of spam messages that Rspamd has learned, as stored in Redis."""
    return lab.on("mx", "redis-cli -s /run/redis/redis.sock hget RS learns_spam").strip()


def list_mail() -> EmailMessage:
    mail = lab.message(BOB, ALICE)
    mail["X-List"] = "readers"
    return mail


def commands(document: str, heading: str) -> str:
    """Return the commands below a heading in a guide."""
    section = (lab.ROOT / document).read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"^    (.*)$", section, re.MULTILINE))


@pytest.fixture(scope="module")
def before() -> dict[str, Any]:
    """Return the state of a server in use that must be the same at the end."""
    for subject in range(3):
        mail = lab.message(BOB, ALICE, f"Message {subject} from the Café.")
        lab.send_from_peer(mail)
        lab.received(ALICE, mail)
    with lab.imap(ALICE) as session:
        session.select("INBOX")
        session.store("1", "+FLAGS", r"(\Seen \Answered)")
        session.store("2", "+FLAGS", r"(\Flagged $Important)")
        session.create("Projects/Tests")
        session.subscribe("Projects/Tests")
        session.copy("2", "Projects/Tests")
        session.append("Drafts", r"(\Draft)", "", bytes(lab.message(ALICE, BOB)))

    install = f"install -d -o vmail -g vmail {HOME}/sieve && cat >{HOME}/sieve/mine.sieve"
    lab.on("mx", install, SCRIPT)
    lab.on("mx", f"cd {HOME} && ln -s sieve/mine.sieve .dovecot.sieve && chown -Rh vmail: .")
    filed = list_mail()
    lab.send_from_peer(filed)
    lab.received(ALICE, filed, "Lists/Readers")

    words = " ".join(f"word{number}" for number in range(40))
    spam = lab.message("spammer@example.net", CAROL, words)
    lab.on("mx", "rspamc -h /run/rspamd/controller.sock learn_spam", spam.as_string())
    assert learnt() == "1"
    return {
        "folders": folders(ALICE),
        "subscribed": subscribed(ALICE),
        "learnt": learnt(),
        "accounts": lab.on("mx", "cat /etc/dovecot/users"),
        "keys": lab.on("mx", "sha256sum /etc/pillarbox/tls/*.key /var/lib/rspamd/dkim/*"),
        "records": sorted(lab.dig("_25._tcp.mx.example.org", "TLSA")),
    }


@pytest.fixture(scope="module")
def in_between(before: dict[str, Any]) -> EmailMessage:
    """Send a message while the host runs Debian 13 with the configuration of 12."""
    assert before["learnt"]
    assert lab.on("mx", "cat /etc/debian_version").startswith("12.")
    steps, _, last = commands("docs/upgrade.md", "On the host").rpartition("\n")
    assert last == "reboot"
    lab.on("mx", f"set -e\n{steps}", timeout=400)
    lab.reboot("mx")
    assert lab.on("mx", "cat /etc/debian_version").startswith("13.")
    mail = lab.message(BOB, ALICE)
    lab.send_from_peer(mail)
    return mail


def test_mail_waits_while_the_new_dovecot_has_no_configuration(in_between: EmailMessage) -> None:
    state = "systemctl is-active dovecot"
    lab.eventually(
        "the end of its tries to start",
        lambda: lab.on("mx", state, check=False) == "failed\n" or None,
    )

    waits = "status=deferred"
    lab.eventually(
        "the mail in a queue",
        lambda: (
            lab.log_of("mx", in_between, waits) or lab.log_of("peer", in_between, waits) or None
        ),
    )

    assert not lab.log_of("peer", in_between, "status=bounced")
    assert not lab.log_of("mx", in_between, "status=bounced")


def test_the_run_after_it_finishes_the_upgrade_as_its_check_predicted(
    in_between: EmailMessage,
) -> None:
    predicted = lab.changed(lab.site("--check"))

    run = lab.site()

    assert lab.changed(run) == predicted > 0
    assert lab.on("mx", "dovecot --version").startswith("2.4.")


def test_the_mail_of_in_between_arrives(in_between: EmailMessage) -> None:
    for host in ("mx", "peer"):
        lab.on(host, "postqueue -f")
    lab.received(ALICE, in_between)


def test_nothing_of_a_mailbox_is_lost(before: dict[str, Any], in_between: EmailMessage) -> None:
    now = folders(ALICE)

    assert now.keys() == before["folders"].keys()
    for name, (validity, messages) in before["folders"].items():
        assert now[name][0] == validity, name
        assert now[name][1].items() >= messages.items(), name
    with lab.imap(ALICE) as session:
        session.select("INBOX", readonly=True)
        notices = session.search(None, 'SUBJECT "dovecot failed on mx"')[1][0].split()
    assert notices
    # The message sent during the upgrade, the failure reports about Dovecot, and no other.
    assert len(now["INBOX"][1]) == len(before["folders"]["INBOX"][1]) + 1 + len(notices)
    assert subscribed(ALICE) == before["subscribed"]


def test_a_second_run_changes_nothing(in_between: EmailMessage) -> None:
    assert lab.changed(lab.site()) == 0


@pytest.mark.parametrize(
    ("what", "command"),
    [
        ("accounts", "cat /etc/dovecot/users"),
        ("keys", "sha256sum /etc/pillarbox/tls/*.key /var/lib/rspamd/dkim/*"),
    ],
)
def test_passwords_and_keys_are_the_same(
    before: dict[str, Any], in_between: EmailMessage, what: str, command: str
) -> None:
    assert lab.on("mx", command) == before[what]


def test_what_the_filter_has_learnt_is_kept(
    before: dict[str, Any], in_between: EmailMessage
) -> None:
    assert learnt() == before["learnt"]


def test_a_users_sieve_script_goes_on_filing(in_between: EmailMessage) -> None:
    mail = list_mail()

    lab.send_from_peer(mail)

    lab.received(ALICE, mail, "Lists/Readers")


def test_mail_flows_both_ways_verified(in_between: EmailMessage) -> None:
    incoming, outgoing = lab.message(BOB, CAROL), lab.message(CAROL, BOB)

    lab.send_from_peer(incoming)
    lab.submit(outgoing)

    lab.received(CAROL, incoming)
    assert lab.connection_of("peer", incoming).startswith("Verified")
    arrived = lab.received_at_peer(outgoing)
    assert lab.signatures(arrived) == [("e1", True), ("r1", True)]


def test_a_wrong_password_is_still_refused(in_between: EmailMessage) -> None:
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        lab.imap(ALICE, "not-her-password")


def test_acme_sh_is_debians_and_its_account_the_same(
    before: dict[str, Any], in_between: EmailMessage
) -> None:
    assert lab.on("mx", "readlink -f $(command -v acme.sh)") == "/usr/share/acme.sh/acme.sh\n"
    assert lab.on("mx", "ls /usr/local/lib").find("acme.sh") == -1
    assert sorted(lab.dig("_25._tcp.mx.example.org", "TLSA")) == before["records"]
    # A certificate for another key is due: the new acme.sh renews it.
    lab.on("mx", "cp /etc/pillarbox/tls/rsa.pem /etc/pillarbox/tls/ecdsa.pem")
    lab.on("mx", "systemctl start pillarbox-certificates.service")
    assert "id-ecPublicKey" in lab.on("mx", "openssl x509 -in /etc/pillarbox/tls/ecdsa.pem -text")
