# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mozilla's Autoconfig format, which Thunderbird and other mail programs read.

See draft-ietf-mailmaint-autoconfig. Thunderbird for Android takes only https://, no variables but
those of the address, and ignores what it does not know.
"""

from __future__ import annotations

from pillarbox.setup.languages import LANGUAGES, texts
from pillarbox.setup.settings import Settings
from pillarbox.setup.templates import rendered

# The longest displayShortName.
SHORT = 20
SOCKET_TYPES = {"tls": "SSL", "starttls": "STARTTLS"}


def autoconfig(settings: Settings, domain: str) -> bytes:
    """Return the settings of the accounts in a domain."""
    return rendered(
        "autoconfig.xml",
        settings=settings,
        domain=domain,
        short=domain[:SHORT],
        socket_types=SOCKET_TYPES,
        titles={language: texts(language).title for language in LANGUAGES},
    )
