# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status page: what is on it, who can read it, and that it is written again."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, HttpCredentials, Page

from tests.lab import lab
from tests.lab.default.test_reports import DATABASE, DMARC
from tests.lab.lab import MX
from tests.lab.web.accessibility import violations
from tests.lab.web.pictures import take_picture
from tests.lab.web.webmail import EACH_LOOK, LOOKS

PATH = f"https://{MX}/status/"
FILES = "/run/pillarbox-page"
PASSWORD = (lab.STATE / "secrets/status-page").read_text().strip()
# What everybody must not read, and a timer that stands still.
SECRET, TIMER = "/etc/postfix/smarthost_passwords", "pillarbox-requeue.timer"
# Of pictures: the findings, and the beginning of what is below them.
HEIGHT = 1150
ALICE, NOWHERE = "alice@example.org", "nobody@[198.18.0.99]"


def get(user: str = "status", password: str = PASSWORD, path: str = "/status/") -> lab.Answer:
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    return lab.https(MX, path, headers={"Authorization": f"Basic {login}"} if user else {})


def written() -> str:
    """Have the page written again, and return it."""
    lab.on("mx", "systemctl start pillarbox-page.service")
    return get().text


def deferred() -> bool | None:
    queue = map(json.loads, lab.on("mx", "postqueue -j").splitlines())
    return any(NOWHERE in str(mail) for mail in queue if mail["queue_name"] == "deferred") or None


@pytest.fixture(scope="module")
def text() -> Iterator[str]:
    """The page of a host with two faults, a deferred mail, other mail, and a report."""
    lab.on("mx", f"chmod o+r {SECRET}; systemctl stop {TIMER}")
    lab.on("mx", f"sendmail -f {ALICE} '{NOWHERE}'", "Subject: A secret subject\n\nA body.\n")
    mail = lab.message(ALICE, "bob@example.net")
    lab.submit(mail)
    lab.received_at_peer(mail)
    lab.on("mx", "cat >/root/report.xml; pillarbox reports import /root/report.xml", DMARC)
    lab.on("mx", "systemctl start pillarbox-tls.service pillarbox-check.service")
    lab.eventually("a deferred mail", deferred)
    yield written()
    lab.on("mx", f"chmod o-r {SECRET}; systemctl start {TIMER}; postsuper -d ALL deferred")
    lab.on("mx", f"rm -f {DATABASE}* /root/report.xml")
    lab.on("mx", "systemctl start pillarbox-check.service pillarbox-page.service")


def rows(text: str) -> list[str]:
    """Return the text of each row of its tables."""
    html = re.findall(r"<tr>(.*?)(?=<tr>|</table>)", text, re.DOTALL)
    return [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in html]


def test_it_shows_faults_the_queue_who_encrypts_how_and_reports(text: str) -> None:
    shown = rows(text)
    # Of the check, and of the host as it is now.
    assert [row for row in shown if " secrets " in row and SECRET in row]
    assert [row for row in shown if f"jobs {TIMER} inactive since" in row]
    # It sees the host as it is, though it is confined.
    assert [row for row in shown if row.startswith("critical") and SECRET not in row] == []
    assert "does not report its state" not in text
    assert "Checked at" in text and "Nothing needs attention" not in text
    assert [row for row in shown if row.startswith("deferred 1 ")]
    assert "example.org 1" in shown
    assert [row for row in shown if re.match(r"example\.net sent \d+ DANE TLSv1\.3", row)]
    assert "DMARC 37 messages, 7 (18.9 %) pass; policy p=reject" in " ".join(shown)
    for part in ("certificates", "DKIM keys", "disk", "web names", "resolver"):
        assert [row for row in shown if f" {part} " in row], part


def test_it_has_no_script_no_user_and_no_mail(text: str) -> None:
    for absent in ("<script", "alice@", "nobody@", "A secret subject", "A body"):
        assert absent not in text
    # It loads its style, and nothing else.
    sources = re.findall(r'(?:src|href)="(?!#|data:)([^"]*)"', text)
    assert sources == ["style.css"]
    assert get(path="/status/style.css").headers["Content-Type"].startswith("text/css")


@pytest.mark.parametrize(
    ("user", "password"),
    [("", ""), ("status", "wrong password"), ("admin", PASSWORD)],
    ids=["no password", "a wrong password", "the name of another user"],
)
def test_nobody_sees_it_without_the_password(user: str, password: str) -> None:
    for path in ("/status/", "/status/index.html", "/status/style.css", "/status/nothing"):
        answer = get(user, password, path)
        assert answer.status == 401 and "critical" not in answer.text
    lab.forget_failures()


def test_browsers_keep_no_copy_and_run_nothing() -> None:
    headers = get().headers
    assert headers["Cache-Control"] == "no-store"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script" not in policy and "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert get(path="/status").headers["Location"] == PATH


def test_other_users_of_the_host_can_read_neither_the_page_nor_the_password() -> None:
    as_nobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups"
    hashes = "/etc/nginx/pillarbox/status.passwords"
    for file in (f"{FILES}/index.html", hashes):
        lab.on("mx", f"test -s {file} && ! {as_nobody} cat {file}")
    assert lab.on("mx", f"stat -c '%U %G %a' {FILES} {FILES}/* {hashes}").splitlines() == [
        "root www-data 750",
        *["root www-data 640"] * 3,
    ]
    lab.on("mx", f"! grep -rqF {PASSWORD} /etc /run /var/lib/pillarbox")
    # Nor can the web server change it.
    lab.on("mx", f"! setpriv --reuid=www-data --regid=www-data --clear-groups touch {FILES}/x")


def test_a_page_that_is_not_written_again_says_so() -> None:
    assert "This page is old" not in written()
    # As it will be in two hours.
    lab.on("mx", rf"sed -i -E 's/\(([0-9-]+)T../(2026-01-01T00/' {FILES}/index.html")
    lab.on("mx", rf"sed -i -E 's/\|[0-9-]+T[0-9]+\)/|2026-01-01T01)/' {FILES}/index.html")
    assert "This page is old" in get().text
    assert "This page is old" not in written()


def test_a_timer_that_stands_still_is_found_and_runs_again_with_the_web_server() -> None:
    timer = "pillarbox-page.timer"
    assert lab.on("mx", f"systemctl is-active {timer}").strip() == "active"
    lab.on("mx", f"rm {FILES}/index.html; systemctl stop {timer}")
    assert f"{timer}: inactive since" in lab.on("mx", "pillarbox status", check=False)
    lab.on("mx", "systemctl restart nginx")
    assert lab.on("mx", f"systemctl is-active {timer}").strip() == "active"
    lab.eventually("the page", lambda: get().status == 200 or None)


def test_who_asks_too_often_has_to_wait() -> None:
    curl = "curl -sk --parallel -o /dev/null -w '%{http_code} '"
    found = lab.on("peer", f"{curl} -u status:{PASSWORD} '{PATH}?[1-200]'").split()
    assert found.count("200") >= 20 and found.count("429") >= 10
    assert len(found) == 200
    lab.eventually("an answer", lambda: get().status == 200 or None)


def is_wider_than_the_screen(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@EACH_LOOK
def test_everybody_can_read_it(browser: Browser, text: str, look: str) -> None:
    problems: list[str] = []
    login: HttpCredentials = {"username": "status", "password": PASSWORD}
    with browser.new_context(http_credentials=login, **LOOKS[look]) as context:
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(PATH)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert violations(page) == []
        assert not is_wider_than_the_screen(page)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = false)")
        take_picture(page, f"status-{look}", HEIGHT)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.url == f"{PATH}#findings"
        # The table of partners can be scrolled by the keyboard.
        page.get_by_role("region", name="Partners").focus()
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Partners"
        assert page.get_by_role("img", name="Messages of each day").is_visible()
    refused = "Failed to load resource: the server responded with a status of 401"
    assert [problem for problem in problems if not problem.startswith(refused)] == []
