# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verb says of itself, for whoever reads it at night: ``pillarbox help VERB``."""

from __future__ import annotations

import argparse
from typing import NamedTuple


class Manual(NamedTuple):
    """The help of a verb: what it does, then when to use it, examples, exit status and files."""

    verb: str
    purpose: str
    more: str

    def parser(self) -> argparse.ArgumentParser:
        """A parser of the verb's arguments that prints all of this as its help."""
        return argparse.ArgumentParser(
            prog=f"pillarbox {self.verb}",
            description=self.purpose,
            epilog=self.more,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
