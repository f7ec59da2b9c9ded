# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Debian 12 cannot do is refused before anything changes."""

from __future__ import annotations

from tests.lab import lab


def test_tls_reports_are_refused_with_the_reason() -> None:
    run = lab.site(mail_send_reports=["dmarc", "tls"])
    assert run.returncode != 0
    assert run.stdout.count("[ERROR]") == 1, run.stdout
    assert "nothing was changed: it runs Debian 12, whose Postfix cannot tell" in run.stdout
    assert "remove tls from mail_send_reports" in run.stdout
    assert "changed=0" in run.stdout
