# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the host itself suits a mail server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.outside.preflight.plan import Plan

# Packages with a mail server that the run replaces by Postfix, by the name of the process.
REPLACED = ("exim4", "sendmail-mta")
# What happens at a port that is open, best first.
REACHED = ("greets", "answers")
# Seconds by which a clock may be wrong: TSIG allows five minutes, one-time passwords one.
TOLERANCE = 60
MB, GB = 10**6, 10**9


def outgoing_port(plan: Plan) -> Iterator[Finding]:
    """Check that other mail servers can be reached, by IPv4 and IPv6.

    Many providers close port 25 until they are asked to open it.
    """
    if plan.smarthost:
        yield Finding("outgoing port 25", "", OK, "not needed: all mail leaves by a smarthost")
        return
    tried = {version: _reached(tries) for version, tries in plan.host["smtp"].items()}
    # A host without IPv6 needs none.
    seen = {version: one for version, one in tried.items() if one[0] != "no route"}
    if not seen:
        yield Finding("outgoing port 25", "", UNKNOWN, "no route to the Internet")
    elsewhere = any(state in REACHED for state, _text in seen.values())
    for version, (state, text) in seen.items():
        yield _outgoing_port(version, state, text, elsewhere)


def _reached(tries: list[dict[str, str]]) -> tuple[str, str]:
    """Return the best of what happened at several servers, and the words for it."""
    for state in REACHED:
        for one in tries:
            if one["state"] == state:
                return state, f"{one['server']}: {one['text']}"
    # A server that cannot be looked up, such as one without IPv6, says nothing about the port.
    for state in ("closed", "no route", "unknown"):
        if texts := [f"{one['server']}: {one['text']}" for one in tries if one["state"] == state]:
            return state, ", ".join(texts)
    return "unknown", "no mail server to try"


def _outgoing_port(version: str, state: str, text: str, elsewhere: bool) -> Finding:
    def finding(status: str, remedy: str = "") -> Finding:
        subject = f"IPv{version}"
        return Finding("outgoing port 25", subject, status, text, "a greeting (220)", remedy)

    if state == "greets":
        return finding(OK)
    if state == "unknown":
        return finding(UNKNOWN, "if the host has no resolver, see /etc/resolv.conf")
    if state == "answers":
        return finding(WARNING, "see what the other server says; it may not trust the address")
    provider = "have the provider of the host open port 25 to the outside"
    if elsewhere:
        other = "ipv6" if version == "4" else "ipv4"
        return finding(WARNING, f"{provider}, or set inet_protocols to {other} in postfix_settings")
    return finding(
        CRITICAL, f'{provider}, or send all mail by a smarthost ("*" in mail_smarthosts)'
    )


def listeners(plan: Plan) -> Iterator[Finding]:
    """Check that no other program uses the ports of the mail server."""
    found: list[dict[str, Any]] | None = plan.host["listeners"]
    if found is None:
        yield Finding("port in use", "", UNKNOWN, "the host has no program ss")
        return
    for one in found:
        subject, program = str(one["port"]), one["program"]
        if program in REPLACED:
            text = f"{program}, which the run replaces by Postfix"
            yield Finding("port in use", subject, NOTE, text)
        else:
            remedy = f"stop and disable it, or remove its package: ss -ltnp 'sport = :{subject}'"
            yield Finding("port in use", subject, CRITICAL, program, "free", remedy)
    if not found:
        yield Finding("port in use", "", OK, "no other program uses the ports")


def clock(plan: Plan) -> Iterator[Finding]:
    """Check that the clock is right: TLS, DNSSEC, TSIG and one-time passwords depend on it."""
    offset: float = plan.host["offset"]
    if abs(offset) <= TOLERANCE:
        yield Finding("clock", "", OK, "agrees with that of the controller")
        return
    found = f"{abs(offset):.0f} s {'ahead of' if offset > 0 else 'behind'} that of the controller"
    remedy = "apt install systemd-timesyncd; timedatectl set-ntp true; or correct the controller's"
    yield Finding("clock", "", CRITICAL, found, f"within {TOLERANCE} s", remedy)


def memory(plan: Plan) -> Iterator[Finding]:
    """Check how much memory there is; ClamAV would need another 1.5 GB."""
    if total := plan.host["memory"]:
        yield _enough(plan, "memory", "", total, 512 * MB, GB, "rent a larger host")
    else:
        yield Finding("memory", "", UNKNOWN, "/proc/meminfo does not say")


def disk(plan: Plan) -> Iterator[Finding]:
    """Check the space for packages and mail."""
    for path, size in plan.host["free"].items():
        yield _enough(plan, "disk", path, size, 2 * GB, 5 * GB, f"make room at {path}")


def _enough(
    plan: Plan, check: str, subject: str, size: int, least: int, enough: int, remedy: str
) -> Finding:
    found = f"{size / GB:.1f} GB" + (" free" if check == "disk" else "")
    wanted = f"{enough // GB} GB"
    if size >= enough:
        return Finding(check, subject, OK, found)
    # A host that is set up has shown that it is enough; "pillarbox status" looks at it.
    severe = size < least and not plan.host["set_up"]
    return Finding(check, subject, CRITICAL if severe else WARNING, found, wanted, remedy)


def hosts_file(plan: Plan) -> Iterator[Finding]:
    """Check that the host does not take its own name for loopback, as Debian's installer has it."""
    if addresses := plan.host["loopback"]:
        found = f"{', '.join(addresses)} for {plan.hostname} in /etc/hosts"
        wanted = "its public addresses, or no entry"
        remedy = f"remove {plan.hostname} from that line of /etc/hosts"
        yield Finding("hosts file", "", WARNING, found, wanted, remedy)
    else:
        yield Finding("hosts file", "", OK, "no loopback address for the name")
