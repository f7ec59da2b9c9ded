# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each account can do what its settings allow, and no more; see docs/accounts.md."""

from __future__ import annotations

import shlex
import smtplib
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab import lab
from tests.lab.lab import SUBMISSIONS

ALICE = "alice@example.org"
ARCHIVE = "archive@example.org"
BOB = "bob@example.net"
CAROL = "carol@example.org"
DAVE = "dave@example.org"
ERIN = "erin@example.org"
FRANK = "frank@example.org"
GRACE = "grace@example.org"
INTERN = "intern@example.org"
INVOICES = "invoices@example.org"
LOBBY = "lobby@example.org"
PHONE = "dave+phone@example.org"
SCANNER = "dave+scanner@example.org"

MAILBOXES = str(Path(__file__).with_name("mailboxes.yml"))


def opened(*attempts: tuple[str, str, str]) -> list[tuple[str, str]]:
    """Return the services and logins that Dovecot accepts, of (service, login, password) attempts.

    Dovecot delays failures, and then all attempts from the same address; so these come from
    different addresses, in parallel.
    """
    script = "".join(
        f"{{ doveadm auth test -x service={service} -x rip=203.0.113.{number} {login} {secret!r}"
        f" >/dev/null && echo {service} {login}; }} &\n"
        for number, (service, login, secret) in enumerate(attempts)
    )
    lines = lab.on("mx", f"{script} wait").splitlines()
    return sorted((service, login) for service, login in map(str.split, lines))


def test_each_login_opens_what_its_account_may_use_and_no_password_but_its_own_does() -> None:
    logins = [FRANK, INTERN, INVOICES, LOBBY, PHONE, SCANNER]
    attempts = [
        (service, login, lab.password(login)) for login in logins for service in ("imap", "smtp")
    ]
    for service in ("imap", "smtp"):
        attempts += [(service, account, "!") for account in (ARCHIVE, GRACE)]
        attempts += [(service, account, "") for account in (ARCHIVE, GRACE)]
    attempts += [("smtp", DAVE, lab.password(PHONE)), ("smtp", SCANNER, lab.password(PHONE))]
    assert opened(*attempts) == [
        ("imap", PHONE),
        ("imap", FRANK),
        ("imap", INTERN),
        ("imap", LOBBY),
        ("smtp", PHONE),
        ("smtp", SCANNER),
        ("smtp", FRANK),
        ("smtp", INTERN),
        ("smtp", INVOICES),
    ]


def test_a_device_reads_and_sends_as_its_account() -> None:
    mail = lab.message(DAVE, CAROL)

    lab.submit(mail, login=PHONE)

    assert lab.received(CAROL, mail)
    with lab.imap(PHONE) as phone, lab.imap(DAVE) as desktop:
        phone.append("INBOX", "", "", lab.message(BOB, DAVE).as_bytes())
        assert phone.select("INBOX") == desktop.select("INBOX")


def test_a_suspended_account_gets_the_reason_why_it_may_not_send() -> None:
    mail = lab.message(FRANK, BOB)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        lab.submit(mail)
    assert refusal.value.recipients[BOB] == (
        525,
        b"5.7.13 <frank@example.org>: SASL login name rejected: Your account sent spam on Monday."
        b" Please call the help desk.",
    )


@pytest.mark.parametrize("account", [FRANK, ARCHIVE])
def test_an_account_that_may_not_send_still_receives(account: str) -> None:
    mail = lab.message(BOB, account)

    lab.send_from_peer(mail)

    lab.eventually("the mail", lambda: kept(account, mail) or None)


def kept(account: str, mail: object) -> str:
    """Return the folder in which the host stores a message, even if the account cannot log in."""
    subject = str(mail["Subject"])  # type: ignore[index]
    return lab.on(
        "mx", f"doveadm search -u {shlex.quote(account)} mailbox INBOX subject '{subject}'"
    )


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        (INVOICES, "550 5.2.1 <invoices@example.org>: Recipient address rejected: This address"),
        (GRACE, "551 5.1.6 <grace@example.org>: Recipient address rejected: This mailbox has moved;"
         " please try <grace@example.net>"),
        ("g.hopper@example.org", "551 5.1.6 <g.hopper@example.org>: Recipient address rejected:"),
        ("nobody@example.org", "550 5.1.1 <nobody@example.org>: Recipient address rejected: User"),
    ],
)  # fmt: skip
def test_mail_that_the_account_does_not_accept_is_refused_while_the_sender_is_connected(
    address: str, answer: str
) -> None:
    assert lab.answer_to(address).startswith(answer)


def test_a_colleague_gets_the_same_answer_by_submission() -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        lab.submit(lab.message(ALICE, GRACE))
    assert refusal.value.recipients[GRACE][0] == 551


@pytest.mark.parametrize(
    "author",
    ["d.miller@example.org", "team@example.org", "dave@elsewhere.example", "x@shop.example.org"],
)
def test_an_account_writes_as_its_aliases_and_further_senders(author: str) -> None:
    mail = lab.message(author, CAROL)

    lab.submit(mail, login=DAVE)

    assert lab.received(CAROL, mail)


@pytest.mark.parametrize(
    ("login", "author"),
    [
        (CAROL, "team@example.org"),
        (CAROL, "d.miller@example.org"),
        (DAVE, "all@example.org"),
        (DAVE, "postmaster@shop.example.org"),
        (DAVE, "someone@elsewhere.example"),
    ],
)
def test_an_account_writes_as_no_other_address(login: str, author: str) -> None:
    with lab.submission(SUBMISSIONS) as session:
        session.login(login, lab.password(login))
        session.mail(author)
        code, text = session.rcpt(BOB)
        assert (code, b"not owned by user" in text) == (553, True), text
    forged = lab.message(author, BOB).as_bytes()
    with lab.submission(SUBMISSIONS) as session:
        session.login(login, lab.password(login))
        with pytest.raises(smtplib.SMTPDataError, match="From: is not an address of your login"):
            session.sendmail(login, [BOB], forged)


def fill(account: str, size: int) -> None:
    """Put a message of about this size in kB into a mailbox."""
    mail = lab.message(BOB, account, "x" * 998 + "\n")
    mail.set_content(("x" * 76 + "\n") * (size * 1000 // 77))
    lab.on("mx", f"sendmail -f '' {shlex.quote(account)}", mail.as_string())
    lab.eventually("the filling", lambda: kept(account, mail) or None)


def test_a_user_near_the_quota_is_warned_and_beyond_it_mail_is_refused(erin: str) -> None:
    """Reach 80 and 95 percent of 100K, then exceed it."""
    warning = lab.message("postmaster@example.org", erin)
    for size, percentage in ((85, 80), (12, 95)):
        assert lab.answer_to(erin).startswith("250 ")
        fill(erin, size)
        warning.replace_header("Subject", f"Your mailbox is {percentage} percent full")
        assert b"refused" in lab.received(erin, warning)
    fill(erin, 20)

    assert lab.answer_to(erin) == (
        "552 5.2.2 <erin@example.org>: Recipient address rejected: Mailbox is full"
    )
    with lab.imap(erin) as session:
        assert b"100" in session.getquotaroot("INBOX")[1][1][0]


def test_mail_of_a_list_for_a_full_mailbox_is_not_lost(erin: str) -> None:
    # Two messages of this size exceed the amount that may be stored beyond a quota.
    large = (
        f"{{ echo To: {erin}; echo; base64 /dev/zero | head -c 27000000; }} | sendmail -f '' {erin}"
    )
    for _ in range(2):
        lab.on("mx", large)
    lab.eventually(
        "both",
        lambda: (
            lab.on("mx", f"doveadm search -u {erin} mailbox INBOX larger 20M | wc -l") == "2\n"
            or None
        ),
    )
    mail = lab.message(BOB, erin)
    # It arrives without a check at RCPT TO, as by a list.
    lab.on("mx", f"sendmail -f {BOB} {erin}", mail.as_string())
    bounce = lab.message(BOB, BOB)
    bounce.replace_header("Subject", str(mail["Message-ID"]))

    assert b"5.2.2" in lab.received_at_peer(bounce)


@pytest.mark.once
def test_a_new_password_changes_one_line_and_the_mail_of_a_removed_account_is_kept() -> None:
    inventory = yaml.safe_load((lab.ROOT / "lab/group_vars/mail_servers.yml").read_text())
    users = inventory["mail_users"]
    for address, account in users.items():
        for login, entry in ((address, account), *devices(address, account)):
            if "password" in entry:
                entry["password"] = lab.password(login)
    users[CAROL]["password"] = str(uuid.uuid4())
    users[INTERN]["expires"] = str(users[INTERN]["expires"])
    del users[ERIN]
    mail = lab.message(BOB, ERIN)
    lab.send_from_peer(mail)
    lab.received(ERIN, mail)
    secrets = "cat /etc/dovecot/users /etc/dovecot/scram"
    before = set(lab.on("mx", secrets).splitlines())
    try:
        run = lab.playbook(MAILBOXES, mail_users=users)
        after = set(lab.on("mx", secrets).splitlines())
    finally:
        assert lab.changed(lab.playbook(MAILBOXES)) > 0

    assert lab.changed(run) > 0
    assert {line.split(":")[0] for line in before ^ after} == {CAROL, ERIN, "# seal"}
    kept_in = "Its mail is kept on mx in /var/vmail/example.org/erin"
    assert f"{ERIN} is no longer an account. {kept_in}" in run.stdout
    assert lab.find(ERIN, mail)


def devices(address: str, account: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the logins of an account's devices with their settings."""
    apps = account.get("app_passwords", {})
    return [(address.replace("@", f"+{device}@"), app) for device, app in apps.items()]


def test_an_account_closes_on_its_day_without_a_run() -> None:
    assert lab.answer_to("i.new@example.org").startswith("250 ")
    before = lab.on("mx", "cat /etc/pillarbox/expiries")
    attempts = [(service, INTERN, lab.password(INTERN)) for service in ("imap", "smtp")]
    # Enter an earlier day, as the clock cannot be changed.
    lab.on("mx", "sed -i s/2099-08-01/$(date +%F)/ /etc/pillarbox/expiries")
    try:
        lab.on("mx", "systemctl start pillarbox-expiry.service")
        # Dovecot checks once a second whether its files have changed.
        lab.eventually("closed logins", lambda: opened(*attempts) == [] or None)
        closed = "550 5.2.1 <i.new@example.org>: Recipient address rejected: This mailbox is closed"
        lab.eventually("the refusal", lambda: lab.answer_to("i.new@example.org") == closed or None)
    finally:
        lab.on("mx", "cat >/etc/pillarbox/expiries", before)
        lab.on("mx", "systemctl start pillarbox-expiry.service")
    lab.eventually("mail", lambda: lab.answer_to(INTERN).startswith("250 ") or None)
    assert opened(*attempts) == [("imap", INTERN), ("smtp", INTERN)]
    assert "pillarbox-expiry.timer" in lab.on("mx", "systemctl list-timers")


def test_dovecot_can_be_restarted_again_and_again() -> None:
    restart = "systemctl reset-failed dovecot; systemctl restart dovecot"
    lab.on("mx", f"for n in 1 2 3 4 5 6 7; do {restart} || exit; done")
    with lab.imap(ALICE):
        pass
