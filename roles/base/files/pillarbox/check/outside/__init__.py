# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail host as others see it: its ports, its records at all name servers, other resolvers.

The playbook check.yml runs this on the controller, for which it needs only Python and dnspython.
What the controller itself cannot reach is "unknown", and never a fault of the host.
"""
