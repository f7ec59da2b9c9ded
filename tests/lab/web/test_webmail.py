# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webmail: users do in a browser what they may do elsewhere, and no more."""

from __future__ import annotations

import re
import shlex
import uuid
from collections.abc import Iterator
from email.parser import BytesParser

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.lab import lab
from tests.lab.exposure import exposed
from tests.lab.web.pictures import take_picture
from tests.lab.web.webmail import EACH_LOOK, LOOKS, NAME, SITE, Visit, go, log_in, mailbox

ALICE, BOB, CAROL = "alice@example.org", "bob@example.net", "carol@example.org"
DAVE, PHONE, SCANNER = "dave@example.org", "dave+phone@example.org", "dave+scanner@example.org"
FRANK, INVOICES, INTERN = "frank@example.org", "invoices@example.org", "intern@example.org"
LOBBY, ODD = "lobby@example.org", "o'brien_r&d.x=y^~@example.org"
ARCHIVE, GRACE, MASTER = "archive@example.org", "grace@example.org", "alice@example.org*admin"
PEER = "198.18.0.20"


def new(page: Page, action: str) -> FrameLocator:
    """Return the form for a new entry of a list in the settings."""
    go(page, "settings", action)
    page.click("a.create:not(.disabled)")
    return page.frame_locator("iframe")


def write(page: Page, recipient: str, subject: str) -> None:
    """Write a message and send it."""
    go(page, "mail", "compose")
    submit(page, recipient, subject)


def submit(page: Page, recipient: str, subject: str) -> None:
    """Fill in the page for a new message, and send it."""
    page.locator("#compose_to input").fill(f"{recipient},")
    page.fill("#compose-subject", subject)
    page.fill("#composebody", "Written in a browser.")
    page.click("button.send")


def notice(page: Page, kind: str, text: str) -> None:
    """Wait for a confirmation or error."""
    expect(page.locator(f"#messagestack .{kind}").first).to_contain_text(text)


def test_a_user_reads_and_writes_mail(webmail: Visit) -> None:
    arriving = lab.message(BOB, ALICE, "Is this readable?")
    lab.send_from_peer(arriving)
    lab.received(ALICE, arriving)
    page = mailbox(webmail(), ALICE)
    page.get_by_text(str(arriving["Subject"])).click()
    text = page.frame_locator("#messagecontframe").locator("#messagebody")
    expect(text).to_contain_text("Is this readable?")

    leaving = lab.message(ALICE, BOB)
    write(page, BOB, str(leaving["Subject"]))
    arrived = lab.received_at_peer(leaving)
    headers = BytesParser().parsebytes(arrived)
    assert headers["From"] == ALICE
    assert "User-Agent" not in headers
    assert lab.verdicts(arrived) >= {"spf=pass", "dkim=pass", "dmarc=pass"}
    assert lab.received(ALICE, leaving, "Sent")


@pytest.fixture
def without_filters() -> Iterator[None]:
    yield
    lab.on(
        "mx",
        "rm -rf /var/vmail/example.org/carol/sieve /var/vmail/example.org/carol/.dovecot.sieve*",
    )


def test_replies_filters_and_forwards_that_a_user_sets_up_work(
    webmail: Visit, without_filters: None
) -> None:
    page = mailbox(webmail(), CAROL)
    go(page, "settings", "plugin.managesieve-vacation")
    away = lab.message(CAROL, BOB)
    page.fill("#vacation_subject", str(away["Subject"]))
    page.fill("#vacation_reason", "Back on Monday.")
    page.select_option("#vacation_status", "on")
    page.click("button.submit")
    notice(page, "confirmation", "saved")

    go(page, "settings", "plugin.managesieve-forward")
    page.select_option("#forward_action", "copy")
    page.fill("#action_target", "bob@club.example.net")
    page.select_option("#forward_status", "on")
    page.click("button.submit")
    notice(page, "confirmation", "saved")

    form = new(page, "plugin.managesieve")
    form.locator("#_name").fill("Pictures")
    form.locator("#rule_target0 + * input").fill("pictures")
    form.locator("#action_mailbox0").select_option("Archive")
    form.locator("button.submit").click()
    notice(page, "confirmation", "saved")

    arriving = lab.message(BOB, CAROL)
    arriving.replace_header("Subject", f"pictures {uuid.uuid4()}")
    lab.send_from_peer(arriving)
    assert lab.received(CAROL, arriving, "Archive")
    assert b"Back on Monday." in lab.received_at_peer(away)
    assert b"club.example.net" in lab.received_at_peer(arriving)


def test_a_user_sends_only_as_addresses_of_the_account(webmail: Visit) -> None:
    page = mailbox(webmail(), DAVE)
    go(page, "mail", "compose")
    identities = page.locator("#_from option")
    expect(identities).to_have_count(4)
    assert set(identities.all_inner_texts()) == {
        DAVE,
        "d.miller@example.org",
        "team@example.org",
        "dave@elsewhere.example",
    }
    for address, kind, text in (
        (CAROL, "error", "You may not send as this address"),
        ("dave+news@example.org", "confirmation", "saved"),
    ):
        form = new(page, "identities")
        form.locator("#rcmfd_email").fill(address)
        form.locator("button.submit").click()
        notice(page, kind, text)

    # A user can make the page ask for more; Postfix decides.
    go(page, "mail", "compose")
    identities.first.evaluate("(option, address) => option.value = address", CAROL)
    page.select_option("#_from", CAROL)
    submit(page, BOB, "forged")
    notice(page, "error", "not owned by user dave@example.org")


def test_a_suspended_user_reads_and_is_told_why_nothing_is_sent(webmail: Visit) -> None:
    page = mailbox(webmail(), FRANK)
    write(page, BOB, "suspended")
    notice(page, "error", "Your account sent spam on Monday.")


# From the other host, since failed logins delay and ban a client.
LOGIN = """
log_in() {
    token=$(curl -4 -s -c $1.jar $site | sed -n 's/.*name="_token" value="\\([^"]*\\)".*/\\1/p')
    code=$(curl -4 -s -b $1.jar -o /dev/null -w '%{http_code}' "$site?_task=login" -d _task=login \\
        -d _action=login -d "_token=$token" --data-urlencode "_user=$2" --data-urlencode "_pass=$3")
    echo "$code $2"
}
"""


def answers(logins: list[tuple[str, str]]) -> set[str]:
    """Log in from the other host, all at once; return the status for each login."""
    calls = [f"log_in {n} {shlex.join(login)} &" for n, login in enumerate(logins)]
    script = ["cd $(mktemp -d)", f"site={SITE}/", LOGIN, *calls, "wait"]
    return set(lab.on("peer", "\n".join(script)).splitlines())


@pytest.fixture
def unbanned() -> Iterator[None]:
    yield
    lab.unban()
    lab.forget_failures()


def test_who_may_read_mail_by_imap_may_do_so_here_and_guesses_are_counted(unbanned: None) -> None:
    can = [ALICE, FRANK, INTERN, LOBBY, ODD, PHONE]
    cannot = [INVOICES, SCANNER]
    known = [(login, lab.password(login)) for login in [*can, *cannot]]
    unknown = [(ARCHIVE, "x"), (GRACE, "x"), (MASTER, lab.password("admin@example.org"))]
    assert answers([*known, *unknown]) == {
        *(f"302 {login}" for login in can),
        *(f"401 {login}" for login in (*cannot, ARCHIVE, GRACE, MASTER)),
    }

    assert lab.banned() == []
    lab.forget_failures()
    lab.ban_after(4)
    answers([(CAROL, f"guess{n}") for n in range(4)])
    lab.eventually("the ban", lambda: PEER in lab.banned() or None)
    assert lab.banned() == [PEER]
    assert lab.on("peer", f"curl -4 -s -m 5 {SITE}", check=False) == ""
    assert lab.answer_to(CAROL).startswith("250 ")


@EACH_LOOK
def test_what_users_see(webmail: Visit, look: str) -> None:
    arriving = lab.message("Bob <bob@example.net>", DAVE, "Shall we meet at noon?\n\nBob")
    arriving.replace_header("Subject", "Lunch on Thursday")
    if look == "light":
        lab.send_from_peer(arriving)
        lab.received(DAVE, arriving)
    page = mailbox(webmail(**LOOKS[look]), DAVE)
    page.get_by_text("Lunch on Thursday").first.click()
    text = page.frame_locator("#messagecontframe").locator("#messagebody")
    expect(text).to_contain_text("Shall we meet at noon?")
    take_picture(page, f"webmail-{look}")
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.mark.once
@pytest.mark.parametrize(
    "path",
    [
        "/config/config.inc.php",
        "/installer/index.php",
        "/plugins/archive/composer.json",
        "/plugins/managesieve/managesieve.php",
        "/program/js/../../config/config.inc.php",
        "/SQL/sqlite.initial.sql",
        "/temp/",
        "/index.php/plugins",
    ],
)
def test_nothing_but_pages_and_their_assets_is_served(path: str) -> None:
    assert lab.https(NAME, path).status == 404
    assert lab.https(NAME, "/skins/elastic/styles/styles.min.css").status == 200


def php() -> str:
    """Return the name of PHP's unit, which has its version."""
    units = lab.on("mx", "systemctl list-units --plain --no-legend 'php*-fpm.service'")
    return units.partition(".service")[0]


def test_php_is_confined() -> None:
    assert exposed(php(), "roundcube-gc", "roundcube-cleandb") == {}
    users = lab.on("mx", "ps -e -o uid= -o args= | grep php-f[p]m | cut -c1-6").split()
    assert users
    assert "0" not in users
    # What the kernel ends first when memory is short.
    main = f"systemctl show -P MainPID {php()}"
    assert lab.on("mx", f"cat /proc/$({main})/oom_score_adj") == "500\n"
    # The clean-up, with the same user and state.
    lab.on("mx", "systemctl start roundcube-gc roundcube-cleandb")


def test_the_database_is_backed_up_and_restored_as_the_guide_says(webmail: Visit) -> None:
    guide = (lab.ROOT / "docs/web.md").read_text()
    blocks = re.findall(r"(?:^    .*\n)+", guide, re.MULTILINE)
    backup, restore = (block for block in blocks if "roundcube.db" in block)
    database = "/var/lib/private/pillarbox-webmail/roundcube.db"
    owner = lab.on("mx", f"stat -c %U:%G:%a {database}")
    lab.on("mx", backup)
    lab.on("mx", f"echo damaged >{database}")

    lab.on("mx", restore.replace("php8.4-fpm", php()))

    mailbox(webmail(), ALICE)
    assert lab.on("mx", f"stat -c %U:%G:%a {database}") == owner


def test_a_login_past_the_limit_of_requests_is_refused(webmail: Visit) -> None:
    page = webmail()
    # Roundcube takes the task from the form, nginx counts by that in the URL.
    page.evaluate("document.forms[0].action = './?_task=mail'")
    log_in(page, ALICE)
    expect(page.locator("#rcmloginuser")).to_be_visible()
