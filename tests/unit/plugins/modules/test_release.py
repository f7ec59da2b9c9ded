# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.modules import release


def archive(*files: tuple[str, str, int]) -> bytes:
    """Return a gzipped tar archive of files, each with name, content and mode."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content, mode in files:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            tar.addfile(member, io.BytesIO(content.encode()))
    return buffer.getvalue()


ONE = archive(
    ("tool-1/tool", "one", 0o775), ("tool-1/api/dns.sh", "dns", 0o664), ("tool-1/old", "", 0o644)
)
TWO = archive(("tool-2/tool", "two", 0o755))


@dataclass
class Host:
    root: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def link(self) -> Path:
        return self.root / "bin/tool"

    def offers(self, content: bytes) -> None:
        (self.root / "tool.tar.gz").write_bytes(content)

    def run(self, wanted: bytes, state: str = "present", check: bool = False) -> Any:
        args = {
            "name": "tool",
            "url": f"file://{self.root}/tool.tar.gz",
            "sha256": hashlib.sha256(wanted).hexdigest(),
            "directory": str(self.root / "lib"),
            "bin": str(self.root / "bin"),
            "state": state,
            "_ansible_check_mode": check,
        }
        with patch_module_args(args), pytest.raises(SystemExit):
            release.main()
        return json.loads(self.capsys.readouterr().out)

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*"))


@pytest.fixture
def host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Host:
    (tmp_path / "bin").mkdir()
    return Host(tmp_path, capsys)


def test_the_program_is_there_with_all_its_files(host: Host) -> None:
    host.offers(ONE)

    result = host.run(ONE)

    assert result["changed"] is True
    assert host.link.read_text() == "one"
    home = host.link.resolve().parent
    assert result["path"] == str(home / "tool")
    assert (home / "api/dns.sh").read_text() == "dns"
    assert stat.S_IMODE((home / "tool").stat().st_mode) == 0o755
    assert stat.S_IMODE((home / "api/dns.sh").stat().st_mode) == 0o644


def test_what_is_installed_is_not_fetched_again(host: Host) -> None:
    host.offers(ONE)
    host.run(ONE)
    (host.root / "tool.tar.gz").unlink()

    assert host.run(ONE)["changed"] is False
    assert host.run(ONE, check=True)["changed"] is False


def test_a_check_predicts_without_fetching(host: Host) -> None:
    before = host.files()

    result = host.run(ONE, check=True)

    assert result["changed"] is True
    assert str(host.link) in result["diff"]["after"]
    assert host.files() == before


@pytest.mark.parametrize("installed", [False, True])
def test_an_archive_with_another_checksum_changes_nothing(host: Host, installed: bool) -> None:
    if installed:
        host.offers(ONE)
        host.run(ONE)
    host.offers(archive(("tool-2/tool", "evil", 0o755)))
    before = host.files()

    result = host.run(TWO)

    assert result["failed"] is True and "not the expected release" in result["msg"]
    assert host.files() == before


def test_an_archive_that_cannot_be_fetched_is_reported_with_the_remedy(host: Host) -> None:
    result = host.run(ONE)

    assert "cannot be downloaded" in result["msg"] and "file://" in result["msg"]


def test_a_new_release_takes_the_place_of_the_old_one(host: Host) -> None:
    host.offers(ONE)
    host.run(ONE)
    host.offers(TWO)

    assert host.run(TWO)["changed"] is True

    assert host.link.read_text() == "two"
    assert len(list((host.root / "lib/tool").iterdir())) == 1


@pytest.mark.parametrize("broken", ["link", "program"])
def test_removed_files_are_restored(host: Host, broken: str) -> None:
    host.offers(ONE)
    host.run(ONE)
    if broken == "link":
        host.link.unlink()
    else:
        host.link.resolve().unlink()

    assert host.run(ONE)["changed"] is True

    assert host.link.read_text() == "one"


def test_absent_removes_the_program_and_leaves_a_program_of_others(host: Host) -> None:
    host.offers(ONE)
    host.run(ONE)
    assert host.run(ONE, "absent", check=True)["changed"] is True
    assert host.link.exists()

    assert host.run(ONE, "absent")["changed"] is True

    assert not host.link.is_symlink() and not (host.root / "lib/tool").exists()
    os.symlink("/usr/share/tool", host.link)
    assert host.run(ONE, "absent")["changed"] is False
    assert host.link.is_symlink()


def test_a_program_of_others_is_not_replaced(host: Host) -> None:
    host.offers(ONE)
    host.link.write_text("the operator's own")

    result = host.run(ONE)

    assert "was not installed by this module" in result["msg"]
    assert host.link.read_text() == "the operator's own"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (archive(("tool-1/../../evil", "", 0o644)), "outside of it"),
        (archive(("tool-1//etc/evil", "", 0o644)), "outside of it"),
        (archive(("tool-1/README", "", 0o644)), "no program tool"),
        (archive(("tool-1/tool", "", 0o644)), "no program tool"),
        (b"no archive", "gzip"),
    ],
    ids=["beside", "at the root", "other files", "no program", "no archive"],
)
def test_an_archive_that_does_not_fit_changes_nothing(
    host: Host, content: bytes, expected: str
) -> None:
    host.offers(content)

    assert expected in host.run(content)["msg"]

    assert not host.link.exists()
    assert list((host.root / "lib/tool").iterdir()) == []
