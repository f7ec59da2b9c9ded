# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All kinds of name servers and services, accessed by Ansible's module and by other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import moto
import ovh as ovh_package
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import (
    Record,
    parse_records,
)
from ansible_collections.pillarbox.mail.plugins.modules import dns_records
from moto.route53.models import Route53Backend

from tests.lab.dns import apis, fake_ovh, services
from tests.lab.dns import bind as bind_servers
from tests.lab.dns.services import Service


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Return a function that runs the module as Ansible does, from arguments to result."""

    def run_module(**arguments: Any) -> dict[str, Any]:
        with patch_module_args(arguments), pytest.raises(SystemExit):
            dns_records.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run_module


@pytest.fixture
def records() -> Callable[..., list[Record]]:
    """Return a function that makes Records of (name, type, values, other suboptions)."""
    defaults = {"ttl": 3600, "state": "present", "reason": "", "level": None, "pending": False}

    def make(*items: tuple[Any, ...]) -> list[Record]:
        return parse_records(
            {**defaults, "name": name, "type": rdtype, "values": values, **dict(*more)}
            for name, rdtype, values, *more in items
        )

    return make


@pytest.fixture(scope="session")
def bind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bind_servers.Bind]:
    directories = tmp_path_factory.mktemp("primary"), tmp_path_factory.mktemp("secondary")
    with bind_servers.bind(*directories) as servers:
        yield servers


@pytest.fixture(scope="session")
def knot_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.Knot]:
    with services.knot(tmp_path_factory.mktemp("knot"), 20) as server:
        yield server


@pytest.fixture(scope="session")
def powerdns_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apis.PowerDns]:
    zones = (f"p{number}.example.org" for number in range(10**6))
    with apis.powerdns(tmp_path_factory.mktemp("powerdns"), zones) as server:
        yield server


@pytest.fixture
def knot(knot_server: services.Knot) -> Service:
    return knot_server.service()


@pytest.fixture
def powerdns(powerdns_server: apis.PowerDns) -> Service:
    return powerdns_server.service()


@pytest.fixture
def route53(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    writes: list[Any] = []
    change = Route53Backend.change_resource_record_sets

    def counted(*arguments: Any) -> Any:
        writes.append(arguments)
        return change(*arguments)

    monkeypatch.setattr(Route53Backend, "change_resource_record_sets", counted)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with moto.mock_aws():
        yield apis.route53("r.example.org", lambda: len(writes))


@pytest.fixture
def ovh_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_ovh.Ovh]:
    with fake_ovh.running() as api:
        monkeypatch.setitem(ovh_package.client.ENDPOINTS, "ovh-eu", api.url)
        yield api


@pytest.fixture
def ovh(ovh_api: fake_ovh.Ovh) -> Service:
    return apis.ovh(ovh_api, "o.example.org")
