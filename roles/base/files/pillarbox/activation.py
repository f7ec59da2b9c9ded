# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The socket that systemd listens on for a service (sd_listen_fds(3))."""

from __future__ import annotations

import os
import socket

from pillarbox import Failure

# The first file descriptor that systemd hands over.
LISTEN_FDS_START = 3


def handed_over() -> socket.socket:
    """Return the socket of this service. Raises Failure if systemd has not handed over one."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        raise Failure("this is started by systemd, which hands over its socket")
    return socket.socket(fileno=LISTEN_FDS_START)
