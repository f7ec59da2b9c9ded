# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How bin/docs has Sphinx build the site.

The checkout itself is the source, so that a link is the same in the repository and on the site. A
linked file that is no page, such as a test, becomes part of the site.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
NAVIGATION = {
    "Set up": ["docs/features", "docs/first-server", "docs/dns", "docs/upgrade"],
    "Use": ["docs/clients"],
    "Configure": [
        "docs/accounts",
        "docs/mailboxes",
        "docs/filtering",
        "docs/relaying",
        "docs/tls",
        "docs/web",
    ],
    "Operate": [
        "docs/operating",
        "docs/monitoring",
        "docs/renewal-and-rollover",
        "docs/dkim-rotation",
        "docs/backup",
        "docs/when-things-fail",
    ],
    "Reference": ["docs/reference/*", "roles/*/README"],
    "Develop": [
        "docs/architecture",
        "CONTRIBUTING",
        "lab/README",
        "CHANGELOG",
        "SECURITY",
        "CODE_OF_CONDUCT",
    ],
}

project = "pillarbox.mail"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/**.md", "lab/README.md", "roles/*/README.md"]
exclude_patterns = [".*"]
highlight_language = "none"
myst_heading_anchors = 4
html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sphinx = False


def add_navigation(_app: Sphinx, page: str, source: list[str]) -> None:
    """Append to the first page what the side bar shows: of these pages, those that there are."""
    if page != root_doc:
        return
    for caption, patterns in NAVIGATION.items():
        pages = [
            str(found.relative_to(ROOT).with_suffix(""))
            for pattern in patterns
            for found in sorted(ROOT.glob(f"{pattern}.md"))
        ]
        if pages:
            lines = ["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"]
            source[0] += "\n" + "\n".join(lines) + "\n"


def add_index(app: Sphinx, error: Exception | None) -> None:
    """Have a directory's address lead to its first page."""
    if not error:
        refresh = f'<meta http-equiv="refresh" content="0; url={root_doc}.html">\n'
        (Path(app.outdir) / "index.html").write_text(refresh)


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_navigation)
    app.connect("build-finished", add_index)
