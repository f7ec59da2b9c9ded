# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the mail host is, on one screen: what runs, what waits, and what needs a hand.

Nothing is changed here. A module looks at one thing and returns findings of it; what a role runs
is in its part, /etc/pillarbox/parts/ROLE.json.
"""
