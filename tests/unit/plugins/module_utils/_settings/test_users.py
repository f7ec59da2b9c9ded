# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, and what is kept for them."""

from __future__ import annotations

import pytest

from .good import HASH, assert_one_error


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mail_users", {}, "mail_users: is empty; add an account, or for a host without mailboxes"),
        ("mail_users", [{"name": "alice"}], "mail_users: must be a dictionary keyed by address"),
        ("mail_users", {"alice": {"password": "x"}}, "mail_users.alice: 'alice' is not an address"),
        (
            "mail_users",
            {"alice@example.com": {"password": "x"}},
            "mail_users['alice@example.com']: is in example.com, which is not one of"
            " mail_domains; did you mean",
        ),
        (
            "mail_users",
            {"alice@sub.otherwise.net": {"password": "x"}},
            "mail_users['alice@sub.otherwise.net']: is in sub.otherwise.net, which is not"
            " one of mail_domains; add it",
        ),
        (
            "mail_users",
            {"alice@example.org": {"password": "x"}, "Alice@example.org": {"password": "y"}},
            "mail_users['Alice@example.org']: Alice@example.org has upper-case letters; write"
            " alice@example.org",
        ),
        (
            "mail_users",
            {"alice@müller.example": {"password": "x"}},
            "mail_users['alice@müller.example']: alice@müller.example has non-ASCII letters;"
            " write alice@xn--mller-kva.example",
        ),
        (
            "mail_users",
            {"alice@example.org": {}},
            "mail_users['alice@example.org']: has neither password nor password_hash",
        ),
        (
            "mail_users",
            {"alice@example.org": {"password": "x", "password_hash": HASH}},
            "mail_users['alice@example.org']: has both password and password_hash",
        ),
        (
            "mail_users",
            {"alice@example.org": {"pasword": "hunter2"}},
            "mail_users['alice@example.org'].pasword: is unknown; did you mean password?",
        ),
        (
            "mail_users",
            {"alice@example.org": "hunter2"},
            "mail_users['alice@example.org']: must be a dictionary with any of the keys password,",
        ),
        (
            "mail_users",
            {"alice@example.org": {"password": ""}},
            "mail_users['alice@example.org'].password: is empty",
        ),
        (
            "mail_users",
            {"alice@example.org": {"password": 1234}},
            "mail_users['alice@example.org'].password: must be a string; put it in quotes",
        ),
        (
            "mail_users",
            {"alice@example.org": {"password_hash": "{PLAIN}hunter2"}},
            "mail_users['alice@example.org'].password_hash: has the scheme PLAIN, which is weak",
        ),
        (
            "mail_postmaster",
            "alise@example.org",
            "mail_postmaster: is 'alise@example.org', which is not one of mail_users; did you mean",
        ),
        (
            "mail_postmaster",
            "",
            "mail_postmaster: is '', which is not one of mail_users; expected one of",
        ),
        ("mail_postmaster", ["a"], "mail_postmaster: must be a string"),
        (
            "mail_postmaster",
            "Alice@example.org",
            "mail_postmaster: Alice@example.org has upper-case letters; write alice@example.org",
        ),
        (
            "mail_junk_days",
            "30d",
            "mail_junk_days: must be a whole number from 0 to 3650, not '30d'",
        ),
        ("mail_trash_days", -1, "mail_trash_days: must be a whole number from 0 to 3650, not -1"),
        (
            "mail_undelete_days",
            "7d",
            "mail_undelete_days: must be a whole number from 0 to 3650, not '7d'",
        ),
    ],
)
def test_names_each_error_once(name: str, value: object, expected: str) -> None:
    assert_one_error(name, value, expected)
