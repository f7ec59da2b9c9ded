# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as Ansible runs it, without a name server; for tests with one see tests/lab/dns."""

from __future__ import annotations

import json
import re
import stat

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.module_utils._records.mail import mail_records
from ansible_collections.pillarbox.mail.plugins.modules import dns_records


@pytest.fixture
def run(capsys):
    def run_module(**arguments):
        with patch_module_args(arguments), pytest.raises(SystemExit):
            dns_records.main()
        return json.loads(capsys.readouterr().out)

    return run_module


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


def test_a_changed_ttl_changes_one_line_of_the_file_and_a_check_tells_it(run, tmp_path):
    mx = {"name": "example.org", "type": "MX", "values": ["10 mx.example.org."]}
    spf = {"name": "example.org", "type": "TXT", "values": ["v=spf1 mx -all"]}
    arguments = {"provider": "zonefile", "path": str(tmp_path), "_ansible_diff": True}
    run(**arguments, records=[mx, spf])
    before = (tmp_path / "example.org.zone").read_text()
    predicted = run(**arguments, records=[{**mx, "ttl": 60}, spf], _ansible_check_mode=True)
    assert (tmp_path / "example.org.zone").read_text() == before
    done = run(**arguments, records=[{**mx, "ttl": 60}, spf])
    assert done["diff"] == predicted["diff"] != []
    after = (tmp_path / "example.org.zone").read_text()
    assert set(before.splitlines()) ^ set(after.splitlines()) == {
        "@ 3600 IN MX 10 mx.example.org.",
        "@ 60 IN MX 10 mx.example.org.",
    }


def test_takes_the_text_of_the_filter_for_the_list_and_does_not_repeat_it(run, tmp_path):
    settings = {"hostname": "mx.example.org", "domains": {"example.org": {}}}
    arguments = {"provider": "zonefile", "path": str(tmp_path)}
    assert run(**arguments, records=mail_records(settings))["changed"]

    done = run(**arguments, records_text=json.dumps(mail_records(settings)))

    assert not done["changed"]
    assert "DMARC" not in str(done["invocation"])


@pytest.mark.parametrize(
    "text",
    [
        "not JSON",
        "{}",
        '["MX"]',
        '[{"name": "example.org"}]',
        '[{"name": "example.org", "type": "A", "state": "Present"}]',
        '[{"name": "example.org", "type": "A", "ttl": "300"}]',
        '[{"name": "example.org", "type": "A", "values": [5]}]',
        '[{"name": "example.org", "type": "A", "address": "192.0.2.1"}]',
    ],
)
def test_a_text_that_is_no_list_of_records_is_refused(run, tmp_path, text):
    failed = run(provider="zonefile", path=str(tmp_path), records_text=text)
    assert "records_text is not the output of the filter mail_records" in failed["msg"]


def test_a_missing_dnspython_is_reported(run, monkeypatch):
    monkeypatch.setattr(dns_records, "HAS_DNSPYTHON", False)
    failed = run(provider="zonefile", path="/nowhere", records=[])
    assert "import the required Python library (dnspython >= 2.3)" in failed["msg"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
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
