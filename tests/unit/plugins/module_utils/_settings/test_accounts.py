# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each wrong setting of accounts and addresses is told by its name, with what would be right."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ....settings import check
from .good import assert_told

TODAY = datetime.date(2026, 11, 20)
SECRET = {"password": "hunter2"}
GOOD: dict[str, Any] = {
    "mail_hostname": "mx.example.org",
    "mail_domains": {"example.org": {}, "parked.example.org": {"parked": True}},
    "mail_users": {"alice@example.org": SECRET, "bob@example.org": SECRET},
    "mail_postmaster": "alice@example.org",
}
BOB = "mail_users['bob@example.org']"
SHOP = "mail_domains['shop.example.org']"


def problems(**settings: Any) -> list[str]:
    return check({**GOOD, **settings}, today=TODAY)


def bob(**account: Any) -> dict[str, Any]:
    """Settings in which Bob's account says this."""
    users = {**GOOD["mail_users"], "bob@example.org": {**SECRET, **account}}
    return {"mail_users": users}


def shop(**options: Any) -> dict[str, Any]:
    """Settings with a second domain, for which they say this."""
    return {"mail_domains": {**GOOD["mail_domains"], "shop.example.org": options}}


def lists(**targets: list[str]) -> dict[str, Any]:
    return {"mail_aliases": {f"{name}@example.org": to for name, to in targets.items()}}


@pytest.mark.parametrize(
    "settings",
    [
        bob(aliases=["b@example.org", "abuse@example.org"], quota="5G", state="active"),
        bob(senders=["postmaster@example.org", "bob@example.com", "@example.com"]),
        bob(senders=["alice+lists@example.org"]),
        bob(state="suspended", suspended_text="Please call 555-0100."),
        bob(state="closed", moved_to="Bob.O'Hara+new@example.com"),
        bob(expires="2027-01-31", moved_to="bob@example.com"),
        bob(expires=datetime.date(2026, 11, 21)),
        bob(app_passwords={"phone": {"password": "hunter3", "services": ["imap"]}}),
        {"mail_master_users": {"admin": SECRET}},
        {"mail_users": {**GOOD["mail_users"], "log@example.org": {"state": "no_login"}}},
        lists(info=["alice@example.org", "someone@example.com"], all=["info@example.org"]),
        # Two ways to the same address are no loop.
        lists(a=["b@example.org", "c@example.org"], b=["d@example.org"], c=["d@example.org"],
              d=["bob@example.org"]),
        lists(abuse=["bob@example.org"], info=["postmaster@example.org"]),
        shop(catch_all="bob@example.org", refuse=["raffle@shop.example.org"]),
        shop(catch_all="someone@example.com"),
        {"mail_quota": "1T", "mail_recipient_delimiters": "+-.", "mail_suspended_text": "No."},
        {"mail_quota": "", "mail_recipient_delimiters": ""},
        {"mail_reports": ""},
        # An alias may lead to it.
        {"mail_reports": "reports", **lists(dmarc=["reports@example.org", "alice@example.org"])},
    ],
)  # fmt: skip
def test_accepts_good_settings(settings: dict[str, Any]) -> None:
    assert problems(**settings) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # Accounts by themselves
        (bob(name="Bob"), f"{BOB}.name: is unknown; expected one of password, password_hash,"),
        (bob(quota="5 gigs"), f"{BOB}.quota: must be a whole number with a unit (K, M, G or T), s"),
        (bob(quota=5), f"{BOB}.quota: must be a whole number with a unit (K, M, G or T), such as"),
        (bob(quota="0G"), f"{BOB}.quota: must be a whole number with a unit (K, M, G or T), such"),
        (bob(state="disabled"), f"{BOB}.state: must be one of active, suspended, no_login, send_o"),
        (bob(password_hash="{MD5}hunter2"), f"{BOB}.password_hash: has the scheme MD5, which is w"),
        (bob(expires="2026-13-01"), f"{BOB}.expires: must be a date, such as 2027-01-31, not"),
        (bob(expires="31.1.2027"), f"{BOB}.expires: must be a date, such as 2027-01-31, not"),
        (bob(expires="20270131"), f"{BOB}.expires: must be a date, such as 2027-01-31, not"),
        (bob(expires="2026-11-20"), f"{BOB}.expires: is 2026-11-20, so the account is already clo"),
        (bob(state="closed"), f"{BOB}.moved_to: is missing; set the new address, which senders ar"),
        (bob(state="closed", moved_to="bob"), f"{BOB}.moved_to: 'bob' is not an address"),
        (bob(moved_to="bob@example.com"), f"{BOB}.moved_to: has no effect in state active; remove"),
        (
            bob(state="closed", moved_to="b@example.com", expires="2027-01-31"),
            f"{BOB}.expires: has no effect in state closed; remove it",
        ),
        (bob(suspended_text="No."), f"{BOB}.suspended_text: has no effect in state active; remove"),
        (
            bob(state="suspended", suspended_text="Bitte später"),
            f"{BOB}.suspended_text: must be one line of 1 to 400 ASCII characters, as SMTP",
        ),
        ({"mail_suspended_text": "one\ntwo"}, "mail_suspended_text: must be one line of 1 to 400"),
        ({"mail_suspended_text": ""}, "mail_suspended_text: must be one line of 1 to 400 ASCII ch"),
        (
            {"mail_users": {**GOOD["mail_users"], "x@example.org": {"state": "send_only"}}},
            "mail_users['x@example.org']: has neither password nor password_hash",
        ),
        # Devices
        (
            bob(app_passwords={"phone": SECRET}),
            f"{BOB}.app_passwords.phone.services: is missing; list any of imap, pop3, sieve, dav,"
            " submission",
        ),
        (
            bob(app_passwords={"phone": {**SECRET, "services": []}}),
            f"{BOB}.app_passwords.phone.services: is empty",
        ),
        (
            bob(app_passwords={"phone": {**SECRET, "services": ["smtp"]}}),
            f"{BOB}.app_passwords.phone.services[0]: must be one of imap, pop3, sieve, dav,"
            " submission, not 'smtp'",
        ),
        (
            bob(app_passwords={"phone": {"services": ["imap"]}}),
            f"{BOB}.app_passwords.phone: has neither password nor password_hash",
        ),
        (
            bob(app_passwords={"My phone": {**SECRET, "services": ["imap"]}}),
            f"{BOB}.app_passwords['My phone']: 'My phone' is not the name of a device",
        ),
        # Master users
        ({"mail_master_users": ["admin"]}, "mail_master_users: must be a dictionary"),
        ({"mail_master_users": {"admin": {}}}, "mail_master_users.admin: has neither password nor"),
        (
            {"mail_master_users": {"a@example.org": SECRET}},
            "mail_master_users['a@example.org']: 'a@example.org' is not the name of a master user",
        ),
        (
            {"mail_master_users": {"admin": {"password_hash": "{MD5}x"}}},
            "mail_master_users.admin.password_hash: has the scheme MD5, which is weak",
        ),
        # Aliases
        (bob(aliases=["b@example.com"]), f"{BOB}.aliases[0]: is in example.com, which is not one"),
        (bob(aliases=["b@parked.example.org"]), f"{BOB}.aliases[0]: is in parked.example.org, whi"),
        (bob(aliases=["bob@example.org"]), f"{BOB}.aliases[0]: is bob@example.org, the account it"),
        (
            bob(aliases=["alice@example.org"]),
            f"{BOB}.aliases[0]: is alice@example.org, which is also an account; remove one",
        ),
        (bob(aliases=["b@example.org"] * 2), f"{BOB}.aliases[1]: repeats 'b@example.org'; remove"),
        (
            {"mail_users": {
                "alice@example.org": {**SECRET, "aliases": ["x@example.org"]},
                "bob@example.org": {**SECRET, "aliases": ["x@example.org"]},
            }},
            f"{BOB}.aliases[0]: is x@example.org, which is also",
        ),
        (bob(aliases=["B@example.org"]), f"{BOB}.aliases[0]: B@example.org has upper-case letters"),
        # Senders
        (
            bob(senders=["noreply@example.org"]),
            f"{BOB}.senders[0]: is noreply@example.org, where nobody receives replies; add it"
            " to aliases",
        ),
        (bob(senders=["Bob <bob@example.com>"]), f"{BOB}.senders[0]: 'Bob <bob@example.com>' is n"),
        # Lists
        (lists(x=[]), "mail_aliases['x@example.org']: is empty"),
        (lists(x=["x@example.org"]), "mail_aliases['x@example.org'][0]: is x@example.org, the ali"),
        (
            lists(x=["y@example.org"], y=["z@example.org"], z=["x@example.org"]),
            "mail_aliases['x@example.org']: forms a loop, x@example.org to y@example.org to"
            " z@example.org",
        ),
        (
            lists(x=["bobb@example.org"]),
            "mail_aliases['x@example.org'][0]: is bobb@example.org, not an address of this"
            " server; did you",
        ),
        (lists(alice=["bob@example.org"]), "mail_aliases['alice@example.org']: is alice@example.o"),
        (
            {"mail_aliases": {"x@example.com": ["bob@example.org"]}},
            "mail_aliases['x@example.com']: is in example.com, which is not one of"
            " mail_domains; did",
        ),
        (
            {**bob(aliases=["x@example.org"]), **lists(x=["alice@example.org"])},
            "mail_aliases['x@example.org']: is x@example.org, which is also"
            " mail_users['bob@example.org'].aliases[0]; remove one of them",
        ),
        (
            {**bob(state="send_only"), **lists(x=["bob@example.org"])},
            "mail_aliases['x@example.org'][0]: is bob@example.org, which receives no mail in"
            " state",
        ),
        (
            lists(x=[f"x{n}@example.com" for n in range(1001)]),
            "mail_aliases['x@example.org']: has more than 1000 recipients; use a mailing"
            " list manager",
        ),
        # Catch-alls
        (
            shop(catch_all=["alice@example.org", "bob@example.org"]),
            f"{SHOP}.catch_all: must be a string",
        ),
        (shop(catch_all="bobb@example.org"), f"{SHOP}.catch_all: is bobb@example.org, not an addr"),
        (shop(catch_all="x@shop.example.org"), f"{SHOP}.catch_all: is x@shop.example.org, which d"),
        (
            {**bob(state="closed", moved_to="b@example.com"), **shop(catch_all="bob@example.org")},
            f"{SHOP}.catch_all: is bob@example.org, which receives no mail in state closed;",
        ),
        (
            shop(catch_all="bob@example.org", parked=True),
            f"{SHOP}.catch_all: has no effect, as a parked domain receives no mail; remove",
        ),
        (shop(refuse=["x@shop.example.org"]), f"{SHOP}.refuse[0]: has no effect without catch_all"),
        (
            shop(catch_all="bob@example.org", refuse=["x@example.org"]),
            f"{SHOP}.refuse[0]: is in example.org; list it there",
        ),
        (
            shop(catch_all="bob@example.org", refuse=["postmaster@shop.example.org"]),
            f"{SHOP}.refuse[0]: is postmaster@shop.example.org, which must accept mail (RFC"
            " 2142);",
        ),
        (
            {**bob(aliases=["b@shop.example.org"]),
             **shop(catch_all="bob@example.org", refuse=["b@shop.example.org"])},
            f"{SHOP}.refuse[0]: is b@shop.example.org, an account or alias; remove that instead",
        ),
        # Sub-addresses
        ({"mail_recipient_delimiters": "#"}, "mail_recipient_delimiters: may contain the characte"),
        ({"mail_recipient_delimiters": "++"}, "mail_recipient_delimiters: may contain the charact"),
        (
            {"mail_recipient_delimiters": "+.",
             "mail_users": {**GOOD["mail_users"], "bob.b@example.org": SECRET}},
            "mail_users['bob.b@example.org']: contains '.', which is one of"
            " mail_recipient_delimiters;",
        ),
        (
            {"mail_reports": "dmarc-reports", "mail_recipient_delimiters": "-"},
            "mail_reports: contains '-', which is one of mail_recipient_delimiters; choose",
        ),
        ({"mail_reports": "a b"}, "mail_reports: 'a b@example.org' cannot be an address of this"),
        ({"mail_reports": 5}, "mail_reports: must be a string"),
        ({"mail_quota": "5 gigs"}, "mail_quota: must be a whole number with a unit (K, M, G or T)"),
        # Who must always be answered
        (
            {**bob(state="send_only"), "mail_postmaster": "bob@example.org"},
            "mail_postmaster: is bob@example.org, which receives no mail in state send_only,"
            " but",
        ),
        (
            {**bob(expires="2027-01-31"), "mail_postmaster": "bob@example.org"},
            "mail_postmaster: is bob@example.org, which expires, but postmaster, abuse and hostmas",
        ),
        (
            bob(aliases=["abuse@example.org"], state="closed", moved_to="bob@example.com"),
            f"{BOB}.aliases[0]: is abuse@example.org of bob@example.org, which receives no"
            " mail in state",
        ),
    ],
)  # fmt: skip
def test_tells_what_is_wrong_and_what_would_be_right(
    settings: dict[str, Any], expected: str
) -> None:
    assert_told(problems(**settings), expected)


def test_a_loop_is_told_of_without_end_of_neither_the_check_nor_its_message() -> None:
    ring = {f"x{n}": [f"x{(n + 1) % 50}@example.org"] for n in range(50)}
    told = problems(**lists(**ring, outside=["x0@example.org"]))
    assert len(told) == 50
    assert all("forms a loop" in problem for problem in told)


def test_many_accounts_are_checked_in_no_time() -> None:
    users: dict[str, Any] = {
        f"user{n}@example.org": {**SECRET, "aliases": [f"u{n}@example.org"]} for n in range(10_000)
    }
    users["alice@example.org"] = SECRET
    assert problems(mail_users=users) == []
