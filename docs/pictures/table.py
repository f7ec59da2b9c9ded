# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw what a command printed, which standard input has, as the picture that is named.

Arguments: the picture, and the command. Like the other pictures, it follows the reader's system.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path

# In pixels, of a character of most monospaced fonts.
WIDTH, HEIGHT, MARGIN = 7.85, 18, 14
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>{title}</title>
<style>
text {{ fill: #1f2328; font: 13px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  white-space: pre; }}
rect {{ fill: #f6f8fa; stroke: #d1d9e0; }}
.clear {{ fill: #a04000; }} .good {{ fill: #1b6e3c; }} .command {{ font-weight: bold; }}
@media (prefers-color-scheme: dark) {{
  text {{ fill: #f0f6fc; }} rect {{ fill: #0d1117; stroke: #3d444d; }}
  .clear {{ fill: #f5a45c; }} .good {{ fill: #6fd39a; }} }}
</style>
<rect x="0.5" y="0.5" width="{inner_width}" height="{inner_height}" rx="8"/>
{lines}
</svg>
"""
# What a line of the table has that is worth a colour, also told by its words.
COLOURS = {"clear text": "clear", "DANE": "good", "MTA-STS": "good", "policy ": "good"}


def drawn(number: int, line: str, kind: str) -> str:
    """Return a line of text. Its length is fixed, so that columns align in any font."""
    place = f'x="{MARGIN}" y="{MARGIN + HEIGHT * number + 10:g}" textLength="{len(line) * WIDTH:g}"'
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} {place} xml:space="preserve">{escape(line)}</text>'


def main() -> None:
    picture, command = sys.argv[1:]
    printed = [f"# {command}", *sys.stdin.read().rstrip("\n").splitlines()]
    lines = []
    for number, line in enumerate(printed):
        kinds = [kind for words, kind in COLOURS.items() if f"  {words}" in line]
        kind = "command" if number == 0 else "".join(kinds[:1])
        if line:
            lines.append(drawn(number, line, kind))
    width = max(map(len, printed)) * WIDTH + 2 * MARGIN
    height = len(printed) * HEIGHT + 2 * MARGIN - 4
    Path(picture).write_text(
        SVG.format(
            width=f"{width:g}",
            height=height,
            inner_width=f"{width - 1:g}",
            inner_height=height - 1,
            title=f"What {escape(command)} prints",
            lines="\n".join(lines),
        )
    )


if __name__ == "__main__":
    main()
