# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MTA-STS policies (RFC 8461), and how they change while senders still have former ones cached.

Imports times.

PRIVATE to the collection.
"""
