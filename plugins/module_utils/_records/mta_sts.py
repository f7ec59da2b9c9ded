# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of MTA-STS policies (RFC 8461). Pure.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._mta_sts.policy import (
    MAX_AGE,
    declared_policies,
    policy_id,
    policy_text,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._names import domain_name
from ansible_collections.pillarbox.mail.plugins.module_utils._records.desired import (
    DesiredRecord,
    record,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._records.domain import mx_hosts


def mta_sts_records(
    settings: Mapping[str, Any],
    host: str,
    served: Mapping[str, str] | None,
    certified: Collection[str] | None,
) -> Iterator[DesiredRecord]:
    """Yield the records of each domain's policy, and the removal of those without one.

    Args:
        settings: all mail_* settings, without their prefix.
        host: the name of the server.
        served: the id of each policy that the server has. None: as in the settings.
        certified: the names for which the web server has certificates. None: all.
    """
    ids = _declared_ids(settings, host) if served is None else served
    # A policy ends later than in the settings, and when is known with the policies only.
    may_end = served is not None or certified is None
    for name, domain in settings["domains"].items():
        name = domain_name(name)
        web_name = f"mta-sts.{name}"
        wanted = name in ids
        hosted = wanted or (settings["web"] and not (domain or {}).get("parked"))
        if hosted or may_end:
            reason = f"MTA-STS, where the policy of {name} is hosted"
            yield record(web_name, "CNAME", [f"{host}."], "recommended", reason, hosted)
            # Senders that cannot fetch a new policy keep the one they have, so a published record
            # stays as it is while the name has no certificate.
            valid = certified is None or web_name in certified
            settled = valid if wanted else may_end
            if settled:
                reason = f"MTA-STS, the version of the policy of {name}"
                values = [f"v=STSv1; id={ids[name]};"] if wanted else []
                yield record(f"_{web_name}", "TXT", values, "recommended", reason, wanted)


def _declared_ids(settings: Mapping[str, Any], host: str) -> dict[str, str]:
    mx = [server for _preference, server in mx_hosts(settings, host)]
    return {
        domain_name(name): policy_id(policy_text(item["mode"], mx, item.get("max_age", MAX_AGE)))
        for name, item in declared_policies(settings["domains"], settings["mta_sts"]).items()
        if item
    }
