# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports about our mail: DMARC aggregate reports (RFC 9990) and TLS reports (RFC 8460).

Own code: parsedmarc is not in Debian, needs lxml and clients of five clouds, and unpacks without
a limit; Debian's dmarc-cat and dmarcts-report-parser know no TLS reports.

Anybody can send a report. Each passes through ``mime`` (its attachments), ``unpack`` (bounded),
``dmarc`` or ``tlsrpt`` (checked and typed) and ``store``; ``foreign`` has what all of them refuse.
"""
