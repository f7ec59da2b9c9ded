# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a host from here: JSON in, with the host's own findings; JSON and text out."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import Any

from pillarbox.check.finding import Finding
from pillarbox.check.output import as_object, as_text
from pillarbox.check.outside import ports, records, relay, resolvers
from pillarbox.check.outside.view import View, view_of
from pillarbox.check.run import Check, run

# Seconds.
PATIENCE = 120.0
# In the order of the output.
CHECKS: dict[str, Check[View]] = {
    ports.CHECK: ports.ports,
    relay.CHECK: relay.relaying,
    records.CHECK: records.records,
    resolvers.CHECK: resolvers.resolvers,
}


def main() -> None:
    given: dict[str, Any] = json.load(sys.stdin)
    host, own = given.pop("host"), given.pop("own")
    view = view_of(given)
    if not view.addresses:
        view = replace(view, addresses=resolvers.addresses(view.hostname, view.resolvers))
    findings = run(view, PATIENCE, CHECKS).all() + [Finding(**one) for one in own]
    now = time.time()
    text = as_text(findings, host, now, False, False)
    print(json.dumps({"report": as_object(findings, host, now), "text": text}))


if __name__ == "__main__":
    main()
