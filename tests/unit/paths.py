# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths of the parts of the collection."""

from __future__ import annotations

from pathlib import Path

import ansible_collections.pillarbox.mail.plugins.module_utils as installed

ROOT = Path(__file__).resolve().parents[2]
ROLES = ROOT / "roles"
# The path by which Python imports the hosts' program; see pythonpath in pyproject.toml.
PROGRAM = ROLES / "base/files"
# The path by which Ansible imports the collection.
COLLECTIONS = Path(next(iter(installed.__path__))).parents[4]
