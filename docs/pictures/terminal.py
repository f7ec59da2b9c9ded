# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw demo.svg, a terminal with what bin/demo printed, which standard input has."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

PICTURE = Path(__file__).with_name("demo.svg")
# How many steps are shown, of the first and of the last ones; between them there are dots.
FIRST, LAST = 7, 7

DARK = TerminalTheme(
    (13, 17, 23),
    (230, 237, 243),
    [(139, 148, 158), (255, 123, 114), (63, 185, 80), (210, 153, 34)]
    + [(88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196)],
)
# Rich's own template fetches a font from elsewhere.
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {terminal_width} {terminal_height}"
  role="img" aria-labelledby="{unique_id}-title {unique_id}-text">
<title id="{unique_id}-title">bin/demo builds a mail server and exchanges mail with it</title>
<desc id="{unique_id}-text">DESCRIPTION</desc>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; \
font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
<rect fill="#0d1117" width="{terminal_width}" height="{terminal_height}" rx="8"/>
<g transform="translate(12, 6) scale(0.97)" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def shortened(output: str) -> list[str]:
    """The lines of a run that fit into a picture: without the password of that lab."""
    steps = [line for line in output.splitlines() if line.startswith("==> [")]
    end = re.search(r"^\S+@\S+ -> .*?(?=\n\n)", output, re.MULTILINE | re.DOTALL)
    if not end or len(steps) < FIRST + LAST:
        sys.exit("this is not what bin/demo prints when it succeeds")
    dots = f"    … {len(steps) - FIRST - LAST} more steps …"
    return [
        "# bin/demo",
        *steps[:FIRST],
        dots,
        *steps[-LAST:],
        "",
        *end[0].strip().splitlines(),
    ]


def styled(line: str) -> Text:
    text = Text(line)
    text.highlight_regex(r"^# .*", "bold")
    text.highlight_regex(r"^==> \[ *\d+s\]", "blue")
    text.highlight_regex(r"… .* …", "bright_black")
    text.highlight_regex(r"delivered|verified|valid|pass\b", "green")
    return text


def main() -> None:
    lines = shortened(sys.stdin.read())
    console = Console(width=max(map(len, lines)) + 2, record=True, file=io.StringIO())
    for line in lines:
        console.print(styled(line), soft_wrap=True)
    description = " ".join(line.strip() for line in lines[-5:])
    template = SVG.replace("DESCRIPTION", description.replace(">", "&gt;"))
    PICTURE.write_text(
        console.export_svg(title="", theme=DARK, code_format=template, unique_id="demo")
    )


if __name__ == "__main__":
    main()
