# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of a mail host: the command ``pillarbox``, and what daemons and timers start.

``cli`` has the list of its verbs and services. Each is a module with a function main(), which lies
where its subject is: ``certificates``, ``filter``, ``srs``; ``services`` has what daemons start or
ask. All of them share ``parts``, the configuration that the roles write, ``files``, ``commands``
and ``manual``.

A module is imported only when it is used, and this one and ``cli`` import next to nothing: Postfix
starts a process of the program for each of its own.
"""


class Failure(Exception):
    """What went wrong, as one sentence that an administrator can act on."""
