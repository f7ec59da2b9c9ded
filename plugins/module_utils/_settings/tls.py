# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the settings of keys and certificates.

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
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import (
    Also,
    Named,
    Range,
    Rule,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Check,
    Problem,
    list_of,
    member,
    not_empty,
    parsed_by,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.tlsa import TlsaError, load

ALGORITHMS = ("ecdsa", "rsa")


def _algorithm(text: str) -> str:
    if text not in ALGORITHMS:
        raise NamesError(f"is {text!r}; expected one of {', '.join(ALGORITHMS)}")
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


_KEY, _CHAIN = _pem("PRIVATE KEY"), _pem("CERTIFICATE")


def _provided(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    if not {"key", "chain"} <= set(value):
        return
    malformed = any([*_KEY("", value["key"]), *_CHAIN("", value["chain"])])
    if not malformed and load(value["key"].encode()).spki != load(value["chain"].encode()).spki:
        yield member(where, "chain"), "does not begin with the certificate of this key"


_TOGETHER = "a key and its certificate go together"

TLS_RULES: dict[str, Rule] = {
    "mail_tls_provided": Named(
        "algorithm",
        _algorithm,
        _provided,
        required={"key": _TOGETHER, "chain": _TOGETHER},
    ),
    "mail_tls_provided.key": _KEY,
    "mail_tls_provided.chain": _CHAIN,
    "mail_tls_names": list_of(parsed_by(normal(domain_name))),
    "mail_tls_algorithms": Also(not_empty),
    "mail_tlsa_matching_types": Also(not_empty),
    "mail_tlsa_ports": Range(1, 65535),
}


def tls_contradictions(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is inconsistent between the settings of keys and certificates."""
    source = settings.get("mail_tls_source", "acme")
    provided = settings.get("mail_tls_provided", {})
    algorithms = settings.get("mail_tls_algorithms", list(ALGORITHMS))
    if source == "files" and isinstance(provided, Mapping) and isinstance(algorithms, list):
        for algorithm in algorithms:
            if algorithm not in provided:
                yield (
                    member("mail_tls_provided", algorithm),
                    "is missing; add the key and chain, or remove the algorithm from"
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
        # The key may be in a file of the operator's own.
        and "NSUPDATE_KEY" not in credentials
    )
    for key in ("name", "secret"):
        if (tsig or needed) and key not in tsig:
            yield member("acme_sh_tsig", key), "is missing; dns_nsupdate needs a TSIG key"
