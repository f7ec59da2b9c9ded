# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program on a mail host: the command ``pillarbox``, and what daemons and timers start.

``cli`` lists its verbs and services. Each is a module with a function main(), in the package of its
subject: ``certificates``, ``filter``, ``reports``, ``srs``, ``status``; ``services`` contains what
daemons start or query. All of them share ``parts``, the configuration that the roles write,
``files``, ``commands`` and ``manual``.

Modules are imported only when they are used, and this one and ``cli`` import next to nothing:
Postfix starts a process of the program for each of its own.
"""


class Failure(Exception):
    """An error message, as one sentence that an administrator can act on."""
