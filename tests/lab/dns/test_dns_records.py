# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module dns_records as Ansible runs it."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def at_bind(bind):
    return bind.service().arguments


def test_check_mode_predicts_what_the_run_does_and_the_next_run_changes_nothing(run, bind, at_bind):
    zone = bind.zone()
    at_bind["records"] = [
        {"name": zone, "type": "TXT", "values": ["v=spf1 mx -all"], "reason": "SPF"},
        {"name": f"_dmarc.{zone}", "type": "TXT", "state": "absent"},
    ]
    predicted = run(**at_bind, _ansible_check_mode=True, _ansible_diff=True)
    assert predicted["changed"] and predicted["updates_sent"] == 0
    done = run(**at_bind, _ansible_diff=True)
    assert (done["changed"], done["updates_sent"]) == (True, 1)
    assert done["diff"] == predicted["diff"] != []
    assert done["zones"][zone] == {**predicted["zones"][zone], "serial": 2}
    again = run(**at_bind)
    assert (again["changed"], again["updates_sent"], again["diff"]) == (False, 0, [])
    assert again["zones"][zone]["before"] == done["zones"][zone]["after"]


def test_a_later_call_may_be_left_out_if_its_records_are_published_too(run, bind, at_bind):
    zone = bind.zone()
    now = {"name": f"mx.{zone}", "type": "A", "values": ["192.0.2.1"]}
    later = {"name": zone, "type": "MX", "values": [f"10 mx.{zone}."]}
    first = {**at_bind, "records": [now], "later_text": json.dumps([later])}
    assert [run(**first, _ansible_check_mode=True)["settled"], run(**first)["settled"]] == [
        False
    ] * 2
    unpublished = run(**first)
    assert (unpublished["changed"], unpublished["settled"]) == (False, False)
    done = run(**at_bind, records=[later])
    assert done["changed"] and "settled" not in done
    again = run(**first)
    assert (again["changed"], again["settled"], again["updates_sent"]) == (False, True, 0)
    # What changes now may change the records of the later call, too.
    assert not run(**{**first, "records": [{**now, "values": ["192.0.2.2"]}]})["settled"]


def test_a_pending_record_is_a_predicted_change_and_otherwise_an_error(run, bind, at_bind):
    name = f"_25._tcp.mx.{bind.zone()}"
    at_bind["records"] = [{"name": name, "type": "TLSA", "pending": True}]
    predicted = run(**at_bind, _ansible_check_mode=True)
    assert predicted["changed"]
    assert predicted["diff"][0]["after"] == f"; {name} TLSA (value known once its key exists)\n"
    assert f"Record {name} TLSA has no value" in run(**at_bind)["msg"]


def test_the_secret_is_never_shown(run, bind, at_bind):
    at_bind["records"] = [{"name": bind.zone(), "type": "MX", "values": ["10 mx."]}]
    for secret in (at_bind["tsig_secret"], "d3Jvbmcgc2VjcmV0", "not base64"):
        at_bind["tsig_secret"] = secret
        assert secret not in json.dumps(run(**at_bind))
