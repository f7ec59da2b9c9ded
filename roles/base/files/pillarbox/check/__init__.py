# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether others can exchange mail with this host, and trust it: names, keys, policies, lists.

Nothing is changed. Unlike ``status``, which reads only what is on the host, it asks the DNS and
connects to the host's own ports, as other servers do. Each module checks one subject and yields
findings. That a question had no answer is never a fault: the finding is "unknown".
"""
