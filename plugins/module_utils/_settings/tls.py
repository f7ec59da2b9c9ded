# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the settings of keys and certificates.

This module util is PRIVATE to the collection. No problem shows a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import KeysError
from ansible_collections.pillarbox.mail.plugins.module_utils._names import (
    NamesError,
    domain_name,
    normal,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Check,
    Problem,
    fields,
    integer,
    keyed_by,
    list_of,
    member,
    one_of,
    parsed_by,
    some_of,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.tlsa import TlsaError, load

ALGORITHMS = ("ecdsa", "rsa")


def _algorithm(text: str) -> str:
    if text not in ALGORITHMS:
        raise NamesError(f"is {text!r}; possible are ecdsa and rsa")
    return text


def _pem(kind: str) -> Check:
    def check(where: str, value: Any) -> Iterator[Problem]:
        try:
            if not isinstance(value, str) or f"{kind}-----" not in value:
                yield where, f"must be the text of a PEM file with BEGIN {kind}"
            else:
                load(value.encode())
        except (KeysError, TlsaError) as error:
            yield where, str(error)

    return check


_PROVIDED = fields({"key": _pem("PRIVATE KEY"), "chain": _pem("CERTIFICATE")})


def _provided(where: str, value: Any) -> Iterator[Problem]:
    problems = list(_PROVIDED(where, value))
    yield from problems
    if problems or not isinstance(value, Mapping):
        return
    for part in ("key", "chain"):
        if part not in value:
            yield member(where, part), "is missing; a certificate and its key go together"
    if {"key", "chain"} <= set(value):
        key, chain = (load(value[part].encode()).spki for part in ("key", "chain"))
        if key != chain:
            yield member(where, "chain"), "does not begin with the certificate of this key"


TLS_CHECKS: dict[str, Check] = {
    "mail_tls_profile": one_of("strict", "modern", "compatible"),
    "mail_tls_source": one_of("acme", "files", "self_signed"),
    "mail_tls_provided": keyed_by("algorithm", _algorithm, _provided),
    "mail_tls_names": list_of(parsed_by(normal(domain_name))),
    "mail_tls_algorithms": some_of(one_of(*ALGORITHMS)),
    "mail_tlsa_matching_types": some_of(one_of(1, 2)),
    "mail_tlsa_ports": list_of(integer(1, 65535)),
}


def tls_contradictions(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the settings of keys and certificates taken together."""
    source = settings.get("mail_tls_source", "acme")
    provided = settings.get("mail_tls_provided", {})
    algorithms = settings.get("mail_tls_algorithms", list(ALGORITHMS))
    if source == "files" and isinstance(provided, Mapping) and isinstance(algorithms, list):
        for algorithm in algorithms:
            if algorithm not in provided:
                yield (
                    member("mail_tls_provided", algorithm),
                    "is missing; add the key and chain, or take the algorithm off"
                    " mail_tls_algorithms",
                )
    if source == "acme":
        yield from _challenge(settings)


def _challenge(settings: Mapping[str, Any]) -> Iterator[Problem]:
    tsig = settings.get("acme_sh_tsig", {})
    credentials = settings.get("acme_sh_credentials", {})
    if not isinstance(tsig, Mapping) or not isinstance(credentials, Mapping):
        return
    needed = (
        settings.get("acme_sh_challenge", "dns-01") == "dns-01"
        and settings.get("acme_sh_dns_api") == "dns_nsupdate"
        # A file of the operator's own may hold the key.
        and "NSUPDATE_KEY" not in credentials
    )
    for key in ("name", "secret"):
        if (tsig or needed) and key not in tsig:
            yield member("acme_sh_tsig", key), "is missing; dns_nsupdate needs a TSIG key"
