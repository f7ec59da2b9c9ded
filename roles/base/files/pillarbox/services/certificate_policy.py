# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell Postfix what users may do with their certificates, by its policy protocol.

See SMTPD_POLICY_README. The tables are read for each request, so revocation has immediate effect.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from pillarbox.parts import part

NO_OBJECTION = "DUNNO"


class Tables(NamedTuple):
    """The tables and settings that decide a request."""

    required: bool
    delimiters: str
    # The account of each valid certificate, by fingerprint.
    owners: dict[str, str]
    # The accounts that may send as an address; "@domain" is any other address in it.
    senders: dict[str, str]
    # The SMTP answer for each account that may not send.
    refused: dict[str, str]


def certificates(file: Path) -> dict[str, str]:
    """Read the list that the module client_certificate maintains."""
    return {
        fingerprint: entry["account"]
        for fingerprint, entry in json.loads(file.read_text()).items()
        if entry["revoked"] is None
    }


def table(*files: Path) -> dict[str, str]:
    """Read tables in texthash format, in which some lines have only a key."""
    lines = [line for file in files for line in file.read_text().splitlines()]
    fields = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return {key: value for key, _blank, value in fields}


def may_write_as(account: str, sender: str, tables: Tables) -> bool:
    """Whether an account may send as an address, by the lookup order in postconf(5)."""
    local, _at, domain = sender.lower().rpartition("@")
    delimiters = f"[{re.escape(tables.delimiters)}]" if tables.delimiters else "(?!)"
    for key in (f"{local}@{domain}", f"{re.split(delimiters, local)[0]}@{domain}", f"@{domain}"):
        if key in tables.senders:
            return account in tables.senders[key].split(",")
    return False


def answer(request: dict[str, str], tables: Tables) -> str:
    """Return the action for a request, access(5)."""
    login = request.get("sasl_username", "")
    owner = tables.owners.get(request.get("ccert_fingerprint", ""))
    if tables.required:
        if not owner:
            return "REJECT Your certificate was revoked, or was not issued by this server"
        # The login of a device has "+" and its name after the local part of the account.
        account = re.sub(r"\+[^@]*@", "@", login)
        return (
            f"REJECT Your certificate is not one of {account}"
            if login and account != owner
            else NO_OBJECTION
        )
    # Postfix sends the subject of a certificate only if it verified the certificate.
    if login or not owner or not request.get("ccert_subject"):
        return NO_OBJECTION
    if owner in tables.refused:
        return tables.refused[owner] or "REJECT This account may not send mail"
    sender = request.get("sender", "")
    if sender and not may_write_as(owner, sender, tables):
        return f"REJECT Sender address rejected: not owned by user {owner}"
    return "OK"


def requests(stream: TextIO) -> Iterator[dict[str, str]]:
    """Yield each request, which ends with an empty line."""
    attributes: dict[str, str] = {}
    for line in stream:
        name, equals, value = line.rstrip("\n").partition("=")
        if equals:
            attributes[name] = value
        else:
            yield attributes
            attributes = {}


def main() -> int:
    config = part("client_certificates")
    for request in requests(sys.stdin):
        tables = Tables(
            config["required"],
            config["delimiters"],
            certificates(Path(config["certificates"])),
            table(Path(config["senders"])),
            table(*map(Path, config["refused"])),
        )
        print(f"action={answer(request, tables)}\n", flush=True)
    return 0
