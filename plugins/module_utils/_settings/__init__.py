# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the settings, said before anything is changed. Pure.

Imports what the settings are about; is imported by plugins alone.

PRIVATE to the collection.
"""
