# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the pictures of the docs: each .dot file here becomes an .svg file of the same name.

A .dot file is a Jinja template that knows the contract between the roles (roles/mail/vars/main.yml)
and the defaults of all roles, so that a picture shows the sockets, ports and days that are in use.
With --check, nothing is drawn: an .svg file that was drawn from something else is an error.
"""

from __future__ import annotations

import hashlib
import html
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import yaml

HERE = Path(__file__).parent
ROLES = HERE.parents[1] / "roles"

# Follows the reader's system; the background makes a picture readable on a page of either kind.
STYLE = """<style>
svg { --paper: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #818b98; --box: #f6f8fa;
  --blue: #ddf4ff; --green: #dafbe1; --amber: #fff8c5; --red: #ffebe9; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --line: #6e7681; --box: #1c2128;
    --blue: #12304f; --green: #12371f; --amber: #3d2e0a; --red: #4a1c1c; } }
.graph > polygon { fill: var(--paper); stroke: none; }
text { fill: var(--ink); }
.node path, .node polygon, .node polyline { fill: var(--box); stroke: var(--line); }
.cluster path, .cluster polygon { fill: none; stroke: var(--line); }
.edge path { stroke: var(--soft); }
.edge polygon { fill: var(--soft); stroke: var(--soft); }
.edge text, .plain text { fill: var(--soft); }
.plain polygon, .plain path { fill: none; stroke: none; }
.blue path, .blue polygon { fill: var(--blue); }
.green path, .green polygon { fill: var(--green); }
.amber path, .amber polygon { fill: var(--amber); }
.red path, .red polygon { fill: var(--red); }
</style>"""


def contract() -> dict[str, Any]:
    """What templates of the host know, as far as it needs no host."""
    values: dict[str, Any] = {}
    for path in [*sorted(ROLES.glob("*/defaults/main.yml")), ROLES / "mail/vars/main.yml"]:
        values |= yaml.safe_load(path.read_text()) or {}
    return values


def source_of(template: Path) -> str:
    """The graph as dot reads it."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    return environment.from_string(template.read_text()).render(contract())


def mark_of(source: str) -> str:
    """What tells from which graph and in which style a picture was drawn."""
    return f"<!-- drawn from {hashlib.sha256((source + STYLE).encode()).hexdigest()} -->"


def drawn(source: str) -> str:
    """The picture: dot's, with a title and a description for those who do not see it."""
    svg = subprocess.run(
        ["dot", "-Tsvg"], input=source, capture_output=True, text=True, check=True
    ).stdout
    size, view = re.findall(r'<svg (width="[^"]+"\s+height="[^"]+")\s+(viewBox="[^"]+")', svg)[0]
    graph = svg[svg.index("<g ") :]
    # What dot calls a title is a node's name, which browsers would show as a tooltip.
    graph = re.sub(r"<title>.*?</title>\n|<!--.*?-->\n", "", graph)
    title, description = (
        html.escape(re.findall(rf"^// {word}: (.+)$", source, re.MULTILINE)[0])
        for word in ("Title", "Description")
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {" ".join(size.split())} {view} role="img"'
        f' aria-labelledby="title description">\n{mark_of(source)}\n'
        f'<title id="title">{title}</title>\n<desc id="description">{description}</desc>\n'
        f"{STYLE}\n{graph}"
    )


def main() -> None:
    stale = []
    for template in sorted(HERE.glob("*.dot")):
        source, picture = source_of(template), template.with_suffix(".svg")
        if "--check" not in sys.argv:
            picture.write_text(drawn(source))
        elif not picture.exists() or mark_of(source) not in picture.read_text():
            stale.append(picture.name)
    if stale:
        sys.exit(f"not drawn from what is there now: {', '.join(stale)}; run bin/docs pictures")


if __name__ == "__main__":
    main()
