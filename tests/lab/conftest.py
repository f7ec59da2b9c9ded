# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys

from tests.lab.lab import COLLECTIONS, use_names

sys.path.append(str(COLLECTIONS))  # for tests that run a module in this process
use_names()
