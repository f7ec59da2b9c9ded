# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import (
    generate_tls_key,
    private_pem,
    public_pem,
    spki_sha256,
)
from ansible_collections.pillarbox.mail.plugins.modules import tlsa_info

KEY = generate_tls_key("ecdsa")
OTHER = generate_tls_key("ecdsa")


def run(capsys: pytest.CaptureFixture[str], **options: Any) -> dict[str, Any]:
    args = {"host": "mx.example.org", "ports": [25], **options}
    with patch_module_args(args), pytest.raises(SystemExit):
        tlsa_info.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_pins_each_key_at_each_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "current").write_bytes(private_pem(KEY))
    (tmp_path / "next").write_bytes(private_pem(OTHER))
    (tmp_path / "same").write_text(public_pem(KEY.public_key()))
    result = run(
        capsys,
        path=[str(tmp_path / name) for name in ("current", "next", "same")],
        ports=[993, 25, 25],
        matching_types=[1],
    )
    digests = [spki_sha256(key.public_key()) for key in (KEY, OTHER)]
    assert result["records"] == [
        {"name": f"_{port}._tcp.mx.example.org", "type": "TLSA", "value": f"3 1 1 {digest}"}
        for port in (25, 993)
        for digest in sorted(digests)
    ]
    assert result["spki_sha256"] == [*digests, digests[0]]
    assert not result["changed"]


def test_publishes_both_digests_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, content=public_pem(KEY.public_key()), host="MX.müller.example")
    assert [record["value"][:6] for record in result["records"]] == ["3 1 1 ", "3 1 2 "]
    assert result["records"][0]["name"] == "_25._tcp.mx.xn--mller-kva.example"
    assert "matching_types" not in str(result.get("warnings"))


def test_warns_of_sha_512_alone(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, content=public_pem(KEY.public_key()), matching_types=[2])
    assert "add 1 to matching_types" in str(result["warnings"])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"path": ["/nowhere/key"]}, "/nowhere/key does not exist"),
        ({"path": ["/etc/hosts"]}, "/etc/hosts is not a readable certificate or key"),
        ({"content": "junk"}, "content is not a readable certificate or key"),
        ({"content": public_pem(KEY.public_key()), "usage": 2}, "content is a bare key, but usage"),
        ({"content": public_pem(KEY.public_key()), "ports": [0]}, "ports: 0 is not a port"),
        ({"content": public_pem(KEY.public_key()), "host": "mx"}, "mx is not fully qualified"),
        ({}, "one of the following is required: path, content"),
    ],
)
def test_says_what_is_wrong(
    options: dict[str, Any], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(capsys, **options)
    assert result["failed"]
    assert reason in result["msg"]
