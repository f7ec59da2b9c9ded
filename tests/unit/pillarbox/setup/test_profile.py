# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profiles for Apple's devices, and their signatures."""

from __future__ import annotations

import plistlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pillarbox.setup.addresses import parse
from pillarbox.setup.languages import texts
from pillarbox.setup.profile import profile, signed
from pillarbox.setup.settings import Settings

from .host import FULL, PLAIN


def made(settings: Settings, address: str | None, language: str = "en") -> dict[str, Any]:
    parsed = parse(address, settings.domains) if address else None
    found: dict[str, Any] = plistlib.loads(
        profile(settings, "example.org", parsed, texts(language))
    )
    return found


def of_type(found: dict[str, Any], name: str) -> dict[str, Any]:
    [payload] = [each for each in found["PayloadContent"] if each["PayloadType"] == name]
    assert isinstance(payload, dict)
    return payload


def test_with_an_address_only_the_password_is_missing() -> None:
    mail = of_type(made(PLAIN, "alice@example.org"), "com.apple.mail.managed")
    assert mail["EmailAccountType"] == "EmailTypeIMAP"
    assert mail["EmailAddress"] == "alice@example.org"
    for direction, port in (("Incoming", 993), ("Outgoing", 465)):
        assert mail[f"{direction}MailServerHostName"] == "mx.example.org"
        assert mail[f"{direction}MailServerPortNumber"] == port
        assert mail[f"{direction}MailServerUseSSL"] is True
        assert mail[f"{direction}MailServerAuthentication"] == "EmailAuthPassword"
        assert mail[f"{direction}MailServerUsername"] == "alice@example.org"
    assert mail["OutgoingPasswordSameAsIncomingPassword"] is True
    assert not [key for key in mail if key.endswith("Password") and not key.startswith("Outgoing")]


def test_a_device_logs_in_by_its_own_name() -> None:
    mail = of_type(made(PLAIN, "alice+phone@example.org"), "com.apple.mail.managed")
    assert mail["EmailAddress"] == "alice@example.org"
    assert mail["IncomingMailServerUsername"] == "alice+phone@example.org"


def test_without_an_address_the_device_asks_for_it() -> None:
    mail = of_type(made(PLAIN, None), "com.apple.mail.managed")
    assert "EmailAddress" not in mail and "IncomingMailServerUsername" not in mail


def test_calendars_and_contacts_are_set_up_if_the_host_has_them() -> None:
    found = made(FULL, "alice@example.org")
    for name, prefix in (("caldav", "CalDAV"), ("carddav", "CardDAV")):
        payload = of_type(found, f"com.apple.{name}.account")
        assert payload[f"{prefix}HostName"] == "mx.example.org"
        assert payload[f"{prefix}Port"] == 443
        assert payload[f"{prefix}UseSSL"] is True
        assert payload[f"{prefix}PrincipalURL"] == "/dav/"
        assert payload[f"{prefix}Username"] == "alice@example.org"
    assert len(made(PLAIN, "alice@example.org")["PayloadContent"]) == 1


def test_names_on_the_device_are_text_without_markup() -> None:
    found = made(FULL, "o'brien&co@example.org")
    names = [each["PayloadDisplayName"] for each in (found, *found["PayloadContent"])]
    names.append(of_type(found, "com.apple.caldav.account")["CalDAVAccountDescription"])
    assert all(name.endswith(" o'brien&co@example.org") for name in names), names


def identities(found: dict[str, Any]) -> list[tuple[str, str]]:
    payloads = [found, *found["PayloadContent"]]
    return [(each["PayloadIdentifier"], each["PayloadUUID"]) for each in payloads]


def test_a_new_profile_of_the_same_address_replaces_the_old_one() -> None:
    first = identities(made(FULL, "alice@example.org"))
    assert identities(made(FULL, "ALICE@example.org", "de")) == first
    others = ["bob@example.org", "alice+phone@example.org", None]
    all_of_them = [*first, *(each for other in others for each in identities(made(FULL, other)))]
    assert len(set(all_of_them)) == len(all_of_them)
    assert len({uuid for _identifier, uuid in all_of_them}) == len(all_of_them)


def openssl(directory: Path, *arguments: str) -> bytes:
    run = subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, check=True)
    return run.stdout


def issue(directory: Path, key: tuple[str, ...], days: int = 2) -> Path:
    """Make a CA, an intermediate CA, and a certificate with its key and chain."""
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    usage = ("-addext", "basicConstraints=critical,CA:TRUE")
    openssl(directory, "req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=CA", *usage)  # fmt: skip
    openssl(directory, "req", "-x509", *curve, "-keyout", "mid.key", "-out", "mid.pem",
            "-subj", "/CN=Intermediate", *usage, "-CA", "ca.pem", "-CAkey", "ca.key")  # fmt: skip
    openssl(directory, "req", "-x509", *key, "-nodes", "-keyout", "key", "-out", "leaf.pem",
            "-subj", "/CN=example.org", "-CA", "mid.pem", "-CAkey", "mid.key",
            "-days", str(days), "-addext", "extendedKeyUsage=serverAuth")  # fmt: skip
    pair = directory / "example.org.pem"
    parts = ["key", "leaf.pem", "mid.pem"]
    pair.write_bytes(b"".join((directory / part).read_bytes() for part in parts))
    return pair


EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


@pytest.mark.parametrize("key", [EC, ("-newkey", "rsa:2048")])
def test_a_signed_profile_verifies_by_the_certificate_of_the_domain(
    key: tuple[str, ...], tmp_path: Path
) -> None:
    content = profile(FULL, "example.org", None, texts("en"))
    (tmp_path / "signed").write_bytes(signed(content, issue(tmp_path, key)))
    # -purpose: a certificate of the web is not one for mail, which openssl expects.
    assert content == openssl(
        tmp_path, "cms", "-verify", "-inform", "DER", "-in", "signed", "-binary",
        "-CAfile", "ca.pem", "-purpose", "sslserver",
    )  # fmt: skip


def test_a_renewed_certificate_signs_at_once(tmp_path: Path) -> None:
    pair = issue(tmp_path, EC)
    signed(b"content", pair)
    issue(tmp_path, EC)
    (tmp_path / "signed").write_bytes(signed(b"content", pair))
    assert openssl(
        tmp_path, "cms", "-verify", "-inform", "DER", "-in", "signed", "-binary",
        "-CAfile", "ca.pem", "-purpose", "sslserver",
    ) == b"content"  # fmt: skip


def placeholder(directory: Path) -> Path:
    openssl(directory, "req", "-x509", *EC, "-nodes", "-keyout", "key", "-out", "leaf.pem",
            "-subj", "/CN=example.org")  # fmt: skip
    pair = directory / "example.org.pem"
    pair.write_bytes((directory / "key").read_bytes() + (directory / "leaf.pem").read_bytes())
    return pair


def damaged(directory: Path) -> Path:
    pair = directory / "example.org.pem"
    pair.write_bytes(b"no certificate")
    return pair


@pytest.mark.parametrize("make", [placeholder, damaged, lambda directory: directory / "missing"])
def test_without_a_certificate_of_a_ca_the_profile_is_served_unsigned(
    make: Any, tmp_path: Path
) -> None:
    assert signed(b"content", make(tmp_path)) == b"content"


def test_an_expired_certificate_signs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = issue(tmp_path, EC)
    assert signed(b"content", pair) != b"content"
    from pillarbox.certificates import pair as pairs

    begin, _end = pairs.validity(pairs.leaf_of(pair.read_bytes()))
    monkeypatch.setattr(pairs, "validity", lambda _leaf: (begin, begin))
    assert signed(b"content", pair) == b"content"
