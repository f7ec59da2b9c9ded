# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The help of a verb, ``pillarbox help VERB``."""

from __future__ import annotations

import argparse
from typing import NamedTuple


class Manual(NamedTuple):
    """The help of a verb: its purpose, then when to use it, examples, exit status and files."""

    verb: str
    purpose: str
    more: str

    def parser(self) -> argparse.ArgumentParser:
        """Return a parser for the arguments of the verb that prints this help."""
        return argparse.ArgumentParser(
            prog=f"pillarbox {self.verb}",
            description=self.purpose,
            epilog=self.more,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
