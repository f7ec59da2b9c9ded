# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the package as ``python3 -m pillarbox``, like the command."""

import sys

from pillarbox.cli import main

sys.exit(main(sys.argv[1:]))
