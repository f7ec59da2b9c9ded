# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.acme import (
    AcmeError,
    account_file,
    account_uri,
    reason,
)


@pytest.mark.parametrize(
    ("server", "path"),
    [
        (
            "https://acme-v02.api.letsencrypt.org/directory",
            "/etc/acme.sh/ca/acme-v02.api.letsencrypt.org/directory/ca.conf",
        ),
        # acme.sh omits the port.
        ("https://acme.example.net:14000/dir", "/etc/acme.sh/ca/acme.example.net/dir/ca.conf"),
        ("https://ca.example/acme/v2/", "/etc/acme.sh/ca/ca.example/acme/v2/ca.conf"),
    ],
)
def test_finds_the_file_in_which_acme_sh_records_an_account(server: str, path: str) -> None:
    assert str(account_file("/etc/acme.sh", server)) == path


@pytest.mark.parametrize("server", ["letsencrypt", "http://ca.example/dir", "https:///dir", ""])
def test_refuses_a_server_that_is_no_https_url(server: str) -> None:
    with pytest.raises(AcmeError, match="https URL"):
        account_file("/etc/acme.sh", server)


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("CA_EMAIL='a@example.org'\nACCOUNT_URL='https://ca.example/acct/7'\n", "https://ca.example/acct/7"),
        ("CA_KEY_HASH='x'\n", None),
        ("ACCOUNT_URL=''\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_reads_the_account_uri(text: str, uri: str | None) -> None:
    assert account_uri(text) == uri


def test_the_reason_is_the_end_of_the_output_on_one_line() -> None:
    output = "".join(f"[Fri Nov 20 06:00:0{n} UTC 2026] line {n}\n" for n in range(8))
    assert reason(output) == "line 3 | line 4 | line 5 | line 6 | line 7"
    assert reason("\n") == "it printed nothing"
