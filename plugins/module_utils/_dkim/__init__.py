# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DKIM keys, their life cycle, and the record of it that the mail host keeps.

Imports names, files, keys and times.

PRIVATE to the collection.
"""
