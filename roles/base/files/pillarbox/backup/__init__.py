# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up all that makes this host, and restore it: a mailbox, or the whole host.

contents says what a host is made of, settings what site.yml says; restic runs the program that
stores it. run makes a backup, with what copies prepares; mailbox and host restore.
"""
