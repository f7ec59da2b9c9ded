# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario alternative leaves no setting at its default."""

from __future__ import annotations

from typing import Any

import yaml

from ..paths import ROOT
from ..settings import SETTINGS

# Settings that other scenarios test, or that one run passes to another.
ELSEWHERE = {
    # renewal
    "mail_tls_source",
    "mail_tls_provided",
    "acme_sh_challenge",
    "acme_sh_webroot",
    "acme_sh_ca_bundle",
    # dns, with the APIs of other providers
    "acme_sh_dns_api",
    # rotation
    "rspamd_dkim_rotate",
    "rspamd_dkim_compromised",
    # web
    "mail_webmail",
    "mail_dav",
    "mail_metrics_password",
    "rspamd_web_password",
    "rspamd_web_enable_password",
    "web_status_password",
    # default, as ClamAV needs a gigabyte
    "rspamd_antivirus",
    # without it, forwarded mail would not pass SPF, which is tested
    "mail_srs",
}


def options() -> dict[str, Any]:
    """The default of each setting that users make."""
    return {
        name: option["default"]
        for options in SETTINGS.values()
        for name, option in options.items()
        if "default" in option and not name.startswith("dns_")
    }


def test_another_value_for_each_setting() -> None:
    settings: dict[str, Any] = {}
    for name in ("group_vars/mail_servers.yml", "alternative.yml"):
        settings.update(yaml.safe_load((ROOT / "lab" / name).read_text()))
    defaults = options()
    same = {name for name, value in defaults.items() if settings.get(name, value) == value}
    assert len(defaults) > 70
    assert same == ELSEWHERE, "give each setting another value in lab/alternative.yml"
