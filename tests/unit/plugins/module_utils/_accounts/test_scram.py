# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64

import pytest
import scramp
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts import scram

SALT = bytes(range(16))


def test_a_login_by_the_example_of_rfc_7677_is_verified() -> None:
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    _scheme_and_count, _salt, stored_key, server_key = scram.verifier("pencil", salt, 4096).split(
        ","
    )
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    server = scramp.ScramMechanism("SCRAM-SHA-256").make_server(
        lambda user: (salt, base64.b64decode(stored_key), base64.b64decode(server_key), 4096),
        s_nonce="%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    )
    server.set_client_first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
    assert server.get_server_first() == f"r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    server.set_client_final(f"c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    assert server.get_server_final() == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize(
    "password",
    [
        "pencil",
        "correct horse, battery = staple",
        "p\u00e4ssw\u00f6rd",
        "p\u0061\u0308ssword",  # a letter and a combining diaeresis
        "\u00a0a\u00adb\u2168",  # RFC 4013: a no-break space, a soft hyphen, a Roman nine
        "\u5bc6\u7801",
    ],
)
def test_verifiers_are_those_of_another_implementation(password: str) -> None:
    mechanism = scramp.ScramMechanism("SCRAM-SHA-256")
    _salt, stored_key, server_key, count = mechanism.make_auth_info(password, 65536, SALT)
    keys = ",".join(base64.b64encode(key).decode() for key in (SALT, stored_key, server_key))
    expected = f"{{SCRAM-SHA-256}}{count},{keys}"
    assert scram.verifier(password, SALT) == expected
    assert scram.verifies(expected, password)
    assert not scram.verifies(expected, password + "x")


def test_no_two_verifiers_are_the_same() -> None:
    assert scram.new_verifier("pencil") != scram.new_verifier("pencil")


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "{SCRAM-SHA-256}65536,not!base64,a,b",
        "{SCRAM-SHA-256}65536,AAA,a,b",
        scram.verifier("pencil", SALT).replace("SHA-256", "SHA-1"),
        # Correct for "pencil", but weaker than ours, or so costly that it would block the host.
        scram.verifier("pencil", SALT, 4096),
        scram.verifier("pencil", SALT).replace("65536", "2000000000"),
    ],
)
def test_verifiers_with_other_parameters_are_replaced(stored: str) -> None:
    assert not scram.verifies(stored, "pencil")
