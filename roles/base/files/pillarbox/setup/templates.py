# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill in the templates."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        # Also in XML: what jinja2 writes for a special character is the same there.
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def rendered(name: str, **values: Any) -> bytes:
    """Return a template with these values, escaped, in it."""
    return _templates().get_template(name).render(**values).encode()


@cache
def asset(name: str) -> tuple[bytes, str]:
    """Return a file that the page includes, and a version to add to its address."""
    content = (TEMPLATES / name).read_bytes()
    return content, sha256(content).hexdigest()[:8]
