# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How strict the policies of each domain are, and which step the reports about it allow next.

``site.yml`` writes what is in force (``state``), and reads the next step before it changes anything
(``command``). ``evidence`` is what others reported, ``ladders`` decides. The host changes nothing
by itself, since the controller publishes the records.
"""
