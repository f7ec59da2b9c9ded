# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the mail host on one screen: what runs, what waits, and what needs attention.

Nothing is changed. Each module checks one subject and returns findings; what a role runs is in its
part, /etc/pillarbox/parts/ROLE.json.
"""
