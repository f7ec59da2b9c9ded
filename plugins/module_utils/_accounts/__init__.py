# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts: their addresses, logins and passwords, and the routes of outgoing mail.

Imports names only.

PRIVATE to the collection.
"""
