# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS reports to other domains (RFC 8460): how our TLS sessions to their servers ended.

Postfix tells the result of each session by libtlsrpt, as a datagram: ``sessions`` reads it,
``collector`` counts it in ``outbox``, and once a day ``sender`` makes a ``document`` of each
domain's counts and sends it. Postfix tells nothing of domains that do not ask for reports.

Own code: tlsrpt-reporter is not in Debian. Rspamd sends the DMARC reports.
"""
