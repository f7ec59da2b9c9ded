# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Domain names, mail addresses and networks, in the form that DNS and the daemons compare.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_UNDERSCORED_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# A dot-atom (RFC 5322 section 3.2.3) without the characters that are special in a table, path or
# command of any daemon. Dovecot allows the same (auth_username_chars in accounts.conf).
_LOCAL_PART = re.compile(r"[a-z0-9_'&=^~-]+(\.[a-z0-9_'&=^~-]+)*")
_MISREAD = {
    **dict.fromkeys("!%", "which source routes contain, and Postfix follows those"),
    **dict.fromkeys("${}", "which marks variables"),
    **dict.fromkeys("*?", "which is a wildcard to doveadm"),
    **dict.fromkeys("`|", "which runs commands in shells"),
    "#": "which starts a comment in tables",
    "/": "which separates directories, and each account has its own",
    "+": "which separates a subaddress or the name of a device",
}

_DOT_STRING = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)

_WORD = re.compile(r"[a-z0-9_-]+")


class NamesError(Exception):
    """A name that is not usable; the text says why, and how to correct it."""


def _a_labels(name: str) -> str:
    """Return the ASCII form of an internationalised name."""
    if name.isascii():
        return name.lower()
    try:
        ascii_name = name.encode("idna").decode("ascii").lower()
        back = ascii_name.encode("ascii").decode("idna")
    except UnicodeError as error:
        raise NamesError(f"{name} has no unambiguous ASCII form; write it as xn--…") from error
    # Python's codec is IDNA 2003, which maps some letters (ß to ss) to another registration than
    # IDNA 2008 does (RFC 5894 section 7.2). Only what both agree on is converted silently.
    if back != unicodedata.normalize("NFKC", name).lower():
        raise NamesError(
            f"{name} means {ascii_name} in IDNA 2003 and another name in IDNA 2008;"
            " write it as xn--…"
        )
    return ascii_name


def labels(name: str, underscore: bool = False) -> str:
    """Return a domain name of one or more labels in lower-case A-labels; see domain_name."""
    ascii_name = _a_labels(name)
    if ascii_name.endswith("."):
        raise NamesError(f"{name} ends in a dot; remove it")
    pattern = _UNDERSCORED_LABEL if underscore else _LABEL
    if not all(pattern.fullmatch(label) for label in ascii_name.split(".")):
        raise NamesError(
            f"{name!r} is not a domain name: each part between dots needs 1 to 63 letters,"
            " digits or inner hyphens, as in mx.example.org"
        )
    if len(ascii_name) > 253:
        raise NamesError(f"{name} is longer than 253 characters (RFC 1035 section 2.3.4)")
    return ascii_name


def domain_name(name: str, underscore: bool = False) -> str:
    """Return a fully qualified domain name in lower-case A-labels, without the final dot.

    Args:
        name: the name in A-labels or U-labels.
        underscore: whether labels may contain one: those of records may (RFC 8552), those of hosts
            may not (RFC 1123 section 2.1).

    Raises:
        NamesError: the name is malformed, not fully qualified, or an IP address.
    """
    ascii_name = labels(name, underscore)
    if "." not in ascii_name:
        raise NamesError(f"{name} is not fully qualified; write all of it, as in mx.example.org")
    if ascii_name.rpartition(".")[2].isdigit():
        raise NamesError(f"{name} is an IP address; write a name, as in mx.example.org")
    return ascii_name


def selector(name: str) -> str:
    """Return a DKIM selector in lower case (one or more labels, RFC 6376 section 3.1).

    Raises:
        NamesError: it is not a selector.
    """
    if not all(_LABEL.fullmatch(label) for label in name.lower().split(".")):
        raise NamesError(
            f"{name!r} is not a DKIM selector, which has letters, digits, inner hyphens, as in r1"
        )
    return name.lower()


def address(text: str) -> str:
    """Return an address of this server in lower case, with its domain in A-labels.

    Raises:
        NamesError: it is not an address, or no account or alias can have it.
    """
    local, at, domain = text.rpartition("@")
    if not (at and local):
        raise NamesError(f"{text!r} is not an address such as alice@example.org")
    if len(local) > 64:
        raise NamesError(f"{text} has more than 64 characters before the @ (RFC 5321 section 4.5)")
    if not _LOCAL_PART.fullmatch(local.lower()):
        bad = next((character for character in local if character in _MISREAD), None)
        fault = f"has {bad} before the @, {_MISREAD[bad]}; " if bad else ""
        raise NamesError(
            f"{text!r} cannot be an address of this server: {fault}use ASCII letters, digits, any"
            " of _-'&=^~ and inner dots"
        )
    return f"{local.lower()}@{domain_name(domain)}"


def _word(name: str, what: str) -> str:
    if not _WORD.fullmatch(name.lower()):
        raise NamesError(
            f"{name!r} is not the name of a {what}, which has letters, digits, _ and -"
        )
    return name.lower()


def device(name: str) -> str:
    """Return the name of a device in lower case.

    Raises:
        NamesError: it is not a valid name.
    """
    return _word(name, "device")


def master(name: str) -> str:
    """Return the name of a master user in lower case.

    Raises:
        NamesError: it is not a valid name.
    """
    return _word(name, "master user")


def login(text: str) -> str:
    """Return a login name in normal form: an address, one with +DEVICE, or *NAME of a master user.

    Raises:
        NamesError: it is none of these.
    """
    if text.startswith("*"):
        return f"*{master(text[1:])}"
    local, _at, domain = text.rpartition("@")
    user, plus, name = local.partition("+")
    if not plus:
        return address(text)
    return address(f"{user}@{domain}").replace("@", f"+{device(name)}@")


def passwd_keys(name: str) -> tuple[str, ...]:
    """Return the names under which a passwd-file must list a login or account.

    Dovecot looks a user up with a backslash before each apostrophe (auth_request_str_escape in 2.3
    and 2.4), but lists all accounts under the names in the file.
    """
    return (name, name.replace("'", "\\'")) if "'" in name else (name,)


def forward_address(text: str) -> str:
    """Return an address anywhere, to which mail is forwarded, with its domain in A-labels.

    Elsewhere any local part may exist that RFC 5321 allows without quotes, and its case may matter.
    But one that begins with # would make the line of a table a comment.

    Raises:
        NamesError: it is not an address, or starts with #.
    """
    local, at, domain = text.rpartition("@")
    if local.startswith("#"):
        raise NamesError(f"{text!r} starts with #, which starts a comment in tables")
    if not (at and _DOT_STRING.fullmatch(local) and len(local) <= 64):
        raise NamesError(f"{text!r} is not an address such as alice@example.org")
    return f"{local}@{domain_name(domain)}"


def network(text: str) -> str:
    """Return the text if it is an address or network.

    Raises:
        NamesError: it is neither.
    """
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        try:
            right = f"; write {ipaddress.ip_network(text, strict=False)}"
        except ValueError:
            right = " such as 192.0.2.10 or 2001:db8::/32"
        raise NamesError(f"{text} is not an address or network{right}") from error
    return text


def normal(parse: Callable[[str], str]) -> Callable[[str], str]:
    """Wrap a function above so that it refuses names in another form than the one it returns."""

    def parse_normal(text: str) -> str:
        form = parse(text)
        if form != text:
            fault = "has upper-case letters" if text.isascii() else "has non-ASCII letters"
            raise NamesError(f"{text} {fault}; write {form}")
        return form

    return parse_normal
