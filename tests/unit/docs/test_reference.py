# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference in docs/reference/ says what the sources say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from ..paths import ROOT
from ..settings import SETTINGS


def write() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write", ROOT / "docs/reference/write.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES: dict[Path, str] = write().pages()
TEXTS = {page.name: text for page, text in PAGES.items()}
# As the site and the repository make them of headings.
ANCHORS = {
    name: {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for name, text in TEXTS.items()
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_up_to_date(page: Path) -> None:
    assert page.read_text() == PAGES[page], "run bin/docs reference"


def test_each_setting_has_its_section() -> None:
    settings = {name for options in SETTINGS.values() for name in options}
    assert settings <= ANCHORS["settings.md"]


@pytest.mark.parametrize("name", TEXTS)
def test_each_link_leads_somewhere(name: str) -> None:
    found = re.findall(r"\]\(([\w./-]+)(?:#([\w-]+))?\)", TEXTS[name])
    assert found or name == "filters.md"
    for page, anchor in found:
        assert (ROOT / "docs/reference" / page).exists(), page
        assert not anchor or anchor in ANCHORS[page], f"{page}#{anchor}"


@pytest.mark.parametrize("name", TEXTS)
def test_no_markup_is_left_over(name: str) -> None:
    assert not re.search(r"\b(O|RV|[CVPMBIE])\([^)]", TEXTS[name])
    assert "ERROR" not in TEXTS[name]
