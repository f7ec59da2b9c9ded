# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox status" reports about a host with several faults at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab import lab
from tests.lab.faults.parts import ALICE, BOB, needing_attention, stopped

KEY = "/etc/pillarbox/tls/ecdsa-current.key"
# More than a few servers elsewhere may have refused; not by port 25, where each is filtered.
MAILS = 120
SEND = f"""for number in $(seq {MAILS}); do
    printf 'Subject: %d\\n\\nHello.\\n' $number | sendmail -f {BOB} {ALICE}
done"""


@contextmanager
def failed_renewal() -> Iterator[None]:
    """A run of the renewal has found no key."""
    lab.on("mx", f"mv {KEY} /root; systemctl start pillarbox-certificates.service", check=False)
    lab.on("mx", f"mv /root/ecdsa-current.key {KEY}")
    try:
        yield
    finally:
        lab.on("mx", "pillarbox certificates renew")
        lab.on("mx", "systemctl start pillarbox-certificates.service")


def test_it_names_each_thing_that_is_wrong_and_what_to_do() -> None:
    wrong = {
        "daemons dovecot.service",
        "jobs pillarbox-certificates.service",
        "queue deferred",
        "certificates renewal",
    }
    with stopped("dovecot"), failed_renewal():
        lab.on("mx", SEND)
        lab.eventually("all of it", lambda: wrong <= needing_attention() or None)
        screen = " ".join(lab.on("mx", "pillarbox status", check=False).split())
        lab.on("mx", "postsuper -d ALL deferred")

    assert "dovecot.service: inactive since" in screen
    assert f"{KEY}: is missing" in screen
    assert re.search(r"deferred: \d+ messages, the oldest for ", screen)
    assert "connect to mx.example.org[private/dovecot-lmtp]" in screen
    remedies = screen[screen.index("Needs attention:") :]
    for remedy in (
        "systemctl start dovecot.service",
        "journalctl -eu pillarbox-certificates.service",
        "postqueue -f",
        "pillarbox certificates renew",
    ):
        assert remedy in remedies
    assert not wrong & needing_attention()
