# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entry point of the command ``pillarbox``."""

import os
import sys

# The command runs Python in isolated mode, which leaves out this directory.
sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))

from pillarbox.cli import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
