# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import subprocess

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.key import (
    DkimError,
    dns_name,
    dns_value,
    facts,
    generate,
    load,
    serialise,
)

# RFC 8463 appendix A: the keys of brisbane and test at football.example.com.
ED25519_SEED = b"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
ED25519_PUBLIC = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
RSA_KEY = b"""-----BEGIN RSA PRIVATE KEY-----
MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi
Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM
KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB
AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm
6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe
zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy
6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc
uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy
WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd
WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a
licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst
o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe
uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL
-----END RSA PRIVATE KEY-----
"""
RSA_PUBLIC = (
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi"
    "Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9Pzox"
    "ZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *arguments], input=stdin, capture_output=True, check=True
    ).stdout


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (ED25519_SEED, f"v=DKIM1; k=ed25519; p={ED25519_PUBLIC}"),
        (RSA_KEY, f"v=DKIM1; k=rsa; p={RSA_PUBLIC}"),
    ],
    ids=["ed25519", "rsa"],
)
def test_publishes_the_keys_of_rfc_8463(data: bytes, value: str) -> None:
    assert dns_value(load(data)) == value


def test_names_records_as_rfc_8463_does() -> None:
    name = dns_name("brisbane", "football.example.com")
    assert name == "brisbane._domainkey.football.example.com"


@pytest.mark.parametrize(
    "data",
    [
        ED25519_SEED,
        ED25519_SEED + b"\n",
        ED25519_SEED[:20] + b"\r\n" + ED25519_SEED[20:],
        base64.b64encode(base64.b64decode(ED25519_SEED) + base64.b64decode(ED25519_PUBLIC)),
    ],
    ids=["seed", "line break", "wrapped", "seed and public half"],
)
def test_reads_all_forms_of_ed25519_that_old_rspamd_reads(data: bytes) -> None:
    key = load(data)
    assert dns_value(key) == dns_value(load(ED25519_SEED))
    assert facts(key) == ("ed25519", 256)


@pytest.mark.parametrize("size", [2048, 3072])
def test_openssl_agrees_on_a_new_rsa_key(size: int) -> None:
    key = generate("rsa", size)
    pem = serialise(key)
    openssl("pkey", "-check", "-noout", stdin=pem)
    der = openssl("pkey", "-pubout", "-outform", "DER", stdin=pem)
    assert dns_value(key) == f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"
    assert facts(load(pem)) == ("rsa", size)


def test_openssl_agrees_on_a_new_ed25519_key() -> None:
    key = generate("ed25519", 256)
    # RFC 8410 section 7: the seed behind 16 bytes of PKCS#8, the public key behind 12 of SPKI.
    pkcs8 = bytes.fromhex("302e020100300506032b657004220420") + base64.b64decode(serialise(key))
    der = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", stdin=pkcs8)
    assert dns_value(key) == f"v=DKIM1; k=ed25519; p={base64.b64encode(der[12:]).decode()}"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "contains 0 bytes"),
        (b"hello, world", "neither PEM nor base64"),
        (base64.b64encode(b"x" * 31), "contains 31 bytes"),
        (base64.b64encode(b"x" * 64), "public half does not match its seed"),
        (b"-----BEGIN PRIVATE KEY-----\n", "not a private key"),
    ],
)
def test_refuses_data_that_is_not_a_key(data: bytes, reason: str) -> None:
    with pytest.raises(DkimError, match=reason):
        load(data)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("genpkey -algorithm ed25519", "Rspamd before 3.13.2 cannot read"),
        ("ecparam -name prime256v1 -genkey -noout", "neither an RSA nor an Ed25519 key"),
    ],
)
def test_refuses_keys_that_rspamd_cannot_sign_with(command: str, reason: str) -> None:
    pem = openssl(*command.split())
    with pytest.raises(DkimError, match=reason):
        load(pem)
