# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep urllib from following redirects of a web server."""

from __future__ import annotations

import urllib.request


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Take a redirect for a failure: a POST would become a GET, and seem to succeed."""

    def redirect_request(self, *_arguments: object) -> None:
        return None
