# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to change a zone: dynamic updates, zone files, and the APIs of DNS services.

Imports the DNS and octoDNS; the module dns_records chooses among them.

PRIVATE to the collection.
"""
