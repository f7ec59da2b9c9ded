# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service that tells mail programs and people how to set up their mail.

``service`` runs ``application``, which answers a request with what ``autoconfig``,
``autodiscover``, ``profile`` or ``page`` make of the ``settings`` and of an address
(``addresses``), in one of the ``languages``. The files are in templates/, the texts in texts/.
"""
