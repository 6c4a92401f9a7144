"""Estimators are found by name."""

from __future__ import annotations

import pytest

from hybrik_runner.estimator import load_estimator
from popdanceset.errors import SettingsError
from popdanceset.settings import Settings


def test_an_unknown_estimator_names_the_known_ones() -> None:
    settings = Settings.load(overrides={"pose": {"estimator": "clairvoyant"}})
    with pytest.raises(SettingsError, match=r"clairvoyant.*installed: .*blazepose"):
        load_estimator(settings)
