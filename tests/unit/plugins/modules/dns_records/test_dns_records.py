"""The module as Ansible runs it."""

from __future__ import annotations

import json
import re
import stat

import pytest


@pytest.fixture
def at_bind(bind):
    return {
        "provider": "rfc2136",
        "server": "127.0.0.1",
        "port": bind.port,
        "tsig_name": "record-set.",
        "tsig_secret": "c2VjcmV0IG9mIHRoZSByZWNvcmQgc2V0IGtleQ==",
        "wait": False,
    }


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


def test_writes_a_file_per_zone(run, tmp_path):
    arguments = {
        "provider": "zonefile",
        "path": str(tmp_path / "zones"),
        "records": [
            {"name": "example.org", "type": "MX", "values": ["10 mx.example.net"]},
            {"name": "_25._tcp.mx.example.net", "type": "TLSA", "values": ["3 1 1 " + "ab" * 32]},
        ],
    }
    assert run(**arguments, _ansible_check_mode=True)["changed"]
    assert not (tmp_path / "zones").exists()
    done = run(**arguments)
    assert (done["changed"], done["updates_sent"]) == (True, 2)
    path = tmp_path / "zones" / "example.org.zone"
    assert done["zones"]["example.org"]["path"] == str(path)
    assert "@ 3600 IN MX 10 mx.example.net.\n" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert not run(**arguments)["changed"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"provider": "rfc2136"}, "missing: server"),
        ({"provider": "zonefile"}, "missing: path"),
        ({"provider": "rfc2136", "server": "a", "tsig_name": "k."}, "required together: tsig_name"),
        ({"provider": "zonefile", "path": "/dev/null/x"}, "/dev/null/x.*cannot be read"),
    ],
)
def test_options_that_do_not_fit_are_named(run, arguments, message):
    records = [{"name": "example.org", "type": "A", "values": ["192.0.2.1"]}]
    failed = run(**arguments, records=records)
    assert failed["failed"]
    assert re.search(message, failed["msg"])
