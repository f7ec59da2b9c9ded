# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell Postfix what users may do by their certificates, as SMTPD_POLICY_README has it.

Every answer is by the tables as they are now, so a certificate that was revoked is void at once.
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
    """What is asked, beside the request."""

    required: bool
    delimiters: str
    # By fingerprint, the account of each certificate that is good.
    owners: dict[str, str]
    # By sender, the accounts that may write as it; "@domain" is any other in it.
    senders: dict[str, str]
    # By account that may not send, what it is told.
    refused: dict[str, str]


def certificates(file: Path) -> dict[str, str]:
    """Read the list that the module client_certificate keeps."""
    return {
        fingerprint: entry["account"]
        for fingerprint, entry in json.loads(file.read_text()).items()
        if entry["revoked"] is None
    }


def table(*files: Path) -> dict[str, str]:
    """Read tables such as texthash, in which some lines have a key only."""
    lines = [line for file in files for line in file.read_text().splitlines()]
    fields = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return {key: value for key, _blank, value in fields}


def may_write_as(account: str, sender: str, tables: Tables) -> bool:
    """Whether a sender is an account's own, by the order in postconf(5)."""
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
            return "REJECT Your certificate was revoked, or is not of this server"
        # A device has the name of its account and its own behind a "+".
        account = re.sub(r"\+[^@]*@", "@", login)
        return (
            f"REJECT Your certificate is not one of {account}"
            if login and account != owner
            else NO_OBJECTION
        )
    # Postfix names the subject of a certificate only if it could verify it.
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
