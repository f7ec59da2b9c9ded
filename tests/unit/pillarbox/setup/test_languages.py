# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The languages of the page, and which one a client gets."""

from __future__ import annotations

import re

import pytest

from pillarbox.setup.languages import DEFAULT, LANGUAGES, preferred, texts


def shape(value: object) -> list[str]:
    """What is filled in and marked up in a text. Lists may differ in what they stress."""
    if isinstance(value, list):
        return ["text"] * len(value)
    return sorted(re.findall(r"\{\w+\}|<[a-z]+", str(value)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_languages_have_the_same_texts(language: str) -> None:
    expected, found = (
        {name: shape(value) for name, value in vars(texts(each)).items()}
        for each in (DEFAULT, language)
    )
    assert found == expected
    assert ["text"] * 3 in expected.values() and ["{domain}"] in expected.values()


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("fr, en;q=0.3, de;q=0.8", "de"),
        ("fr", "en"),
        ("de;q=0", "en"),
        ("DE", "de"),
        ("*", "en"),
        ("de;q=x, <script>", "en"),
        (",".join(["x"] * 10_000), "en"),
    ],
)
def test_a_client_gets_the_language_that_it_prefers(accepted: str, language: str) -> None:
    assert preferred(accepted) == language
