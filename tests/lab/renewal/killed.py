# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On mx: python3 killed.py STEP ARGUMENT…: the program pillarbox, which a power cut ends at a step.

A step is an operation that changes the ring or a web certificate, or makes the daemons reload them.
"""

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

PROGRAM = "/usr/local/lib/pillarbox/pillarbox/__main__.py"
left = int(sys.argv[1])


def counted(function: Callable[..., Any], matters: Callable[..., bool]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        global left
        left -= matters(*arguments)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)

    return call


def of_certificates(path: Any, *_rest: Any, **_options: Any) -> bool:
    return str(path).startswith("/etc/pillarbox/")


os.replace = counted(os.replace, of_certificates)
os.unlink = counted(os.unlink, of_certificates)
subprocess.run = counted(subprocess.run, lambda command, **_: command[0] == "systemctl")
sys.argv = [PROGRAM, *sys.argv[2:]]
runpy.run_path(PROGRAM, run_name="__main__")
