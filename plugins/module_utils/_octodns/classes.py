# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find an octoDNS provider class by its dotted name, and create providers of it."""

from __future__ import annotations

import copy
import importlib
import inspect
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError
from ansible_collections.pillarbox.mail.plugins.module_utils._octodns.fixes import fixed

try:
    import octodns.record.rr
    from octodns.provider.base import BaseProvider

    HAS_OCTODNS = hasattr(octodns.record.rr, "Rrset")  # the newest API in use here
except ImportError:
    HAS_OCTODNS = False


def factory(provider_class: str, options: Mapping[str, Any]) -> Callable[[], Any]:
    """Return a function that creates providers of the class with the options. Raises DnsError.

    Each call returns one with empty caches, as providers cache what they have read. They share the
    connection.
    """
    if not HAS_OCTODNS:
        raise DnsError(
            "Provider octodns needs the Python package octodns, at least 1.22 and below 2, where"
            f" this runs: install it for {sys.executable}, with the package of the provider."
        )
    # Without a handler, Python prints warnings to stderr, which Ansible mixes with its JSON.
    logging.getLogger().addHandler(logging.NullHandler())
    cls = fixed(_load(provider_class))
    arguments = plain(options)
    try:
        first = cls(provider_class, **arguments)
    except Exception as error:
        raise DnsError(
            f"{provider_class} rejects these provider_options ({sentence(error, arguments)}): it"
            f" supports {', '.join(_parameters(cls))}."
        ) from error
    if "update_pcent_threshold" not in arguments:
        # All updates are of records that were requested by name and value, and a new TTL may
        # well concern all of them. The threshold for deletions stays.
        first.update_pcent_threshold = 1.0

    def new_provider() -> Any:
        provider = copy.copy(first)
        for name, value in vars(first).items():
            if isinstance(value, (dict, list, set)):
                setattr(provider, name, copy.copy(value))
        return provider

    return new_provider


def plain(value: Any) -> Any:
    """Return *value* with built-in types only; some serialisers fail on Ansible's subclasses."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def sentence(error: BaseException, options: Any) -> str:
    """Return the text of *error* on one line, without the strings in *options*."""
    text = " ".join(str(error).split()).rstrip(".")
    for secret in _strings(options):
        text = text.replace(secret, "********")
    # Some APIs answer with a whole web page.
    text = text if len(text) <= 300 else f"{text[:300]}…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _strings(options: Any) -> list[str]:
    if isinstance(options, Mapping):
        return [text for item in options.values() for text in _strings(item)]
    if isinstance(options, list):
        return [text for item in options for text in _strings(item)]
    return [options] if isinstance(options, str) and options else []


def _load(provider_class: str) -> type:
    module_name, _dot, name = provider_class.rpartition(".")
    if not module_name:
        raise DnsError(
            f"provider_class {provider_class!r} is not a class in a module: write it as in"
            " octodns_cloudflare.CloudflareProvider."
        )
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        package = module_name.partition(".")[0].replace("_", "-")
        raise DnsError(
            f"provider_class {provider_class} cannot be imported where this runs ({error}): install"
            f" it for {sys.executable}, usually by `pip install {package}`."
        ) from error
    classes = {
        key: cls
        for key, cls in vars(module).items()
        if inspect.isclass(cls) and issubclass(cls, BaseProvider) and cls is not BaseProvider
    }
    if name not in classes:
        known = ", ".join(f"{module_name}.{key}" for key in sorted(classes)) or "none"
        raise DnsError(
            f"provider_class {provider_class} is not an octoDNS provider: its module has {known}."
        )
    return classes[name]


def _parameters(cls: type) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(cls).parameters.values()
    return [p.name for p in parameters if p.kind in kinds and p.name not in ("self", "id")]
