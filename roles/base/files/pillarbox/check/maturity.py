# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the policies of the domains could be stricter, or have to be more lenient."""

from __future__ import annotations

import time
from collections.abc import Iterator

from pillarbox.check.finding import NOTE, OK, WARNING, Finding
from pillarbox.check.settings import Settings
from pillarbox.maturity.ladders import LADDERS, TITLES
from pillarbox.maturity.state import Outlook, in_force, outlooks
from pillarbox.reports.own import addresses

# Where a policy is set by hand; {0} is the domain.
SETTINGS = {
    "dmarc": "dmarc.p of {0} in mail_domains",
    "spf": "spf.all of {0} in mail_domains",
    "mta_sts": "mode of mail_mta_sts, or of mta_sts of {0} in mail_domains,",
}


def policies(settings: Settings) -> Iterator[Finding]:
    """Propose the next step of each policy, as the reports of the last days allow."""
    for outlook in outlooks(in_force(), addresses(), time.time()):
        if found := finding(outlook):
            yield found


def finding(outlook: Outlook) -> Finding | None:
    """Return what is to be said about a policy; nothing if its owner has set it and it stays."""
    domain, ladder, policy, step = outlook
    subject = f"{TITLES[ladder]} of {domain}"
    text = f"{policy.stage} since {policy.since}"
    setting = f"set {SETTINGS[ladder].format(domain)} to {step.stage}"
    if step.back:
        remedy = f"run site.yml, which goes back to {step.stage}" if policy.free else setting
        remedy += "; pillarbox reports shows what fails, and pillarbox maturity when it may return"
        return Finding("maturity", subject, WARNING, f"{text}: {step.why}", step.stage, remedy)
    if step.stage:
        remedy = "run site.yml, which takes this step"
        if not policy.free:
            remedy = f"{setting}, or remove it, set mail_maturity: true, and run site.yml"
        return Finding("maturity", subject, NOTE, f"{text}: {step.why}", step.stage, remedy)
    if policy.was:
        remedy = "pillarbox reports shows what failed"
        text = f"went back from {policy.was} to {policy.stage} on {policy.since}: {step.why}"
        return Finding("maturity", subject, NOTE, text, policy.was, remedy)
    if policy.free and policy.stage != LADDERS[ladder][-1]:
        return Finding("maturity", subject, OK, f"{text}: {step.why}")
    return None
