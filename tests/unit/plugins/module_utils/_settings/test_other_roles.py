# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of other roles, checked with those of the role mail."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import Unresolved

from ....settings import check
from .good import GOOD

TSIG = {"name": "acme", "secret": "c2VjcmV0"}


@pytest.mark.parametrize(
    "settings",
    [
        {"acme_sh_server": "https://acme.example.net:14000/dir", "acme_sh_renew_days": 1},
        {"acme_sh_tsig": {**TSIG, "algorithm": "hmac-sha512"}},
        {"acme_sh_dns_api": "dns_nsupdate", "acme_sh_tsig": TSIG},
        {"acme_sh_dns_api": "dns_nsupdate", "acme_sh_credentials": {"NSUPDATE_KEY": "/root/key"}},
        {"acme_sh_dns_api": "dns_ovh", "acme_sh_tsig": {}},
        {"acme_sh_dns_api": "dns_nsupdate", "acme_sh_challenge": "http-01"},
        {"dns_acme_account": None, "dns_names": ["example.org"]},
        {"dovecot_mail_dir": "/srv/mail", "dovecot_index_dir": "/srv/index"},
        {"dovecot_mail_format": "mdbox"},
        {"rspamd_learn_after_days": 0},
        # A site's own variables may begin like ours.
        {"dns_servers": ["192.0.2.1"], "mail_relay": "smtp.example.net", "acme_sh_keys": {}},
    ],
)
def test_accepts_good_options_of_other_roles(settings: dict[str, Any]) -> None:
    assert check({**GOOD, **settings}) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"acme_sh_release_sha256": "C5D6"},
            [
                "acme_sh_release_sha256: must be a SHA-256: 64 hexadecimal digits in lower case, "
                "in quotes"
            ],
        ),
        ({"acme_sh_servr": "x"}, ["acme_sh_servr: is unknown; did you mean acme_sh_server?"]),
        ({"dns_acme_acount": "x"}, ["dns_acme_acount: is unknown; did you mean dns_acme_account?"]),
        ({"dns_names": "MX"}, ["dns_names: must be a list"]),
        ({"dns_names": None}, ["dns_names: must be a list"]),
        ({"dns_acme_account": 7}, ["dns_acme_account: must be a string; put it in quotes"]),
        (
            {"acme_sh_server": "letsencrypt"},
            ["acme_sh_server: must be the https URL of an ACME directory, not 'letsencrypt'"],
        ),
        (
            {"acme_sh_server": "https://[::1"},
            ["acme_sh_server: must be the https URL of an ACME directory, not 'https://[::1'"],
        ),
        (
            {"acme_sh_server": None},
            ["acme_sh_server: must be the https URL of an ACME directory, not None"],
        ),
        (
            {"web_setup_path": "/Setup"},
            [
                "web_setup_path: must be a path of one part, made of lower-case letters, digits,"
                " '_' and '-', without '/', such as setup, not '/Setup'"
            ],
        ),
        (
            {"web_setup_path": "dav"},
            ["web_setup_path: is dav, where the web server has something else; use another path"],
        ),
        (
            {"web_setup_path": "status", "web_status_password": "hunter2"},
            [
                "web_setup_path: is status, where the web server has something else; use another"
                " path",
                "web_status_password: must have 12 to 64 characters",
            ],
        ),
        (
            {"acme_sh_renew_days": 0},
            ["acme_sh_renew_days: must be a whole number from 1 to 365, not 0"],
        ),
        (
            {"dovecot_mail_dir": "mail", "dovecot_index_dir": "/run/index"},
            [
                "dovecot_index_dir: is /run/index, where mail cannot be stored; use a directory"
                " such as /srv/mail",
                "dovecot_mail_dir: must be an absolute path of letters, digits, '.', '_' and '-',"
                " not 'mail'",
            ],
        ),
        (
            {"dovecot_user_connections": 0},
            ["dovecot_user_connections: must be a whole number from 1 to 1000, not 0"],
        ),
        (
            {"dovecot_mail_format": "mbox"},
            ["dovecot_mail_format: must be one of auto, maildir, sdbox, mdbox, not 'mbox'"],
        ),
        (
            {
                "dovecot_mail_format": "sdbox",
                "dovecot_mail_layout": "fs",
                "dovecot_index_dir": "/srv/index",
            },
            [
                "dovecot_index_dir: cannot be used with dovecot_mail_format sdbox, whose indexes"
                " hold flags and are kept with the mail; remove it",
                "dovecot_mail_layout: has no effect with dovecot_mail_format sdbox; remove it",
            ],
        ),
        (
            {"acme_sh_renew_days": "30"},
            ["acme_sh_renew_days: must be a whole number from 1 to 365, not '30'"],
        ),
        (
            {"acme_sh_dns_api": "dns_nsupdate"},
            [
                "acme_sh_tsig.name: is missing; dns_nsupdate needs a TSIG key",
                "acme_sh_tsig.secret: is missing; dns_nsupdate needs a TSIG key",
            ],
        ),
        (
            {"acme_sh_tsig": {"name": "acme", "secert": "hunter2"}},
            [
                "acme_sh_tsig.secert: is unknown; did you mean secret?",
                "acme_sh_tsig.secret: is missing; dns_nsupdate needs a TSIG key",
            ],
        ),
        (
            {"acme_sh_tsig": {**TSIG, "secret": "hunter2!", "algorithm": "hmac-md5"}},
            [
                "acme_sh_tsig.algorithm: must be one of hmac-sha256, hmac-sha384, hmac-sha512, not"
                " 'hmac-md5'",
                "acme_sh_tsig.secret: is not base64; copy the secret as tsig-keygen printed it",
            ],
        ),
        (
            {"acme_sh_dns_api": "dns_nsupdate", "acme_sh_tsig": "hunter2"},
            [
                "acme_sh_tsig: must be a dictionary with any of the keys name, secret, algorithm;"
                " write {} for none"
            ],
        ),
        (
            {"acme_sh_dns_api": "dns_nsupdate", "acme_sh_tsig": Unresolved("x")},
            ["acme_sh_tsig: x"],
        ),
        ({"acme_sh_tsig": {**TSIG, "secret": Unresolved("x")}}, ["acme_sh_tsig.secret: x"]),
        (
            {"rspamd_learn_after_days": False},
            ["rspamd_learn_after_days: must be a whole number from 0 to 30, not False"],
        ),
        ({"dns_names": Unresolved("x")}, ["dns_names: x"]),
        (
            {"mail_dns": {"ttl": 0}, "dns_names": [7]},
            [
                "dns_names[0]: must be a string; put it in quotes",
                "mail_dns.ttl: must be a whole number from 1 to 2147483647, not 0",
            ],
        ),
    ],
)
def test_names_each_error_in_options_of_other_roles(
    settings: dict[str, Any], expected: list[str]
) -> None:
    assert check({**GOOD, **settings}) == expected


def test_a_name_of_no_role_is_unknown() -> None:
    assert check({**GOOD, "mailhostname": "mx.example.org"}) == [
        "mailhostname: is unknown; did you mean mail_hostname?"
    ]
