# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common attributes of modules; a module adds its own facts as `details`."""

from __future__ import annotations


class ModuleDocFragment:
    # Modules that change something.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Predicts what a real run would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows what changes, without secrets.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
"""

    # Modules that only read.
    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Does the same as a real run, as it changes nothing.
    support: full
  diff_mode:
    description: Has nothing to show, as it changes nothing.
    support: N/A
  idempotent:
    description: Changes nothing.
    support: full
"""
