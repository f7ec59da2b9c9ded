# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host can become a mail server, and whether others will accept its mail.

The module preflight_info looks at the host, which may be bare, and then runs this on the
controller.
"""
