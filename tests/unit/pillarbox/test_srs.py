# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
from pathlib import Path

import pytest

from pillarbox import Failure, srs


def test_the_former_secret_is_still_accepted_and_the_one_before_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, systemctl = tmp_path / "secret", tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    # As created by its package.
    secret.write_text("first\n")
    srs.rotate(secret, "postsrsd.service")
    second, former = secret.read_text().splitlines()
    assert former == "first"
    assert len(base64.b64decode(second)) == 24
    srs.rotate(secret, "postsrsd.service")
    third, former = secret.read_text().splitlines()
    assert former == second != third
    assert secret.stat().st_mode & 0o7777 == 0o600
    assert (tmp_path / "calls").read_text() == "restart postsrsd.service\n" * 2


def test_a_restart_that_fails_leaves_the_secrets_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, systemctl = tmp_path / "secret", tmp_path / "systemctl"
    systemctl.write_text("#!/bin/sh\nexit 1\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    secret.write_text("second\nfirst\n")
    with pytest.raises(Failure, match="systemctl restart"):
        srs.rotate(secret, "postsrsd.service")
    assert secret.read_text() == "second\nfirst\n"
