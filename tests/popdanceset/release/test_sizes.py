"""Sizes of a test split."""

from __future__ import annotations

import pytest

from popdanceset.errors import SettingsError
from popdanceset.release.sizes import SplitSize, parse_size
from popdanceset.settings import Settings


@pytest.mark.parametrize(
    ("text", "size", "target"),
    [
        ("24clips", SplitSize(24, "clips"), 24),
        (" 1 clip ", SplitSize(1, "clips"), 1),
        ("355s", SplitSize(355, "s"), 10650),
        ("0.5 s", SplitSize(0.5, "s"), 15),
        ("0.05", SplitSize(0.05, "share"), 500),
        (".25", SplitSize(0.25, "share"), 2500),
        ("5%", SplitSize(0.05, "share"), 500),
        ("0", SplitSize(0, "share"), 0),
    ],
)
def test_forms(text: str, size: SplitSize, target: int) -> None:
    assert parse_size(text) == size
    assert size.target(clips=100, frames=10_000) == target
    assert Settings.load(overrides={"release": {"test_size": text}}).release.test_size == text
    assert parse_size(str(size)) == size


@pytest.mark.parametrize(
    "text", ["24", "1.5", "1e3s", "nan", "-5s", "24 dances", "1.5clips", "inf", "٣clips", "s"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a size"):
        parse_size(text)
    with pytest.raises(SettingsError, match="write 24clips, 355s or"):
        Settings.load(overrides={"release": {"test_size": text}})


def test_words() -> None:
    assert SplitSize(3, "clips").words(4) == "4 clips"
    assert SplitSize(0.1, "share").words(45) == "1.5 s"
