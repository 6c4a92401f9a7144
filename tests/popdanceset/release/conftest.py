"""A store that is ready to be published, and the release made from it."""

from __future__ import annotations

import datetime
from pathlib import Path
from types import ModuleType

import pytest

from popdanceset.release.writer import PublishSummary, publish
from popdanceset.settings import Settings
from popdanceset.store import Store

DAY = datetime.date(2026, 1, 2)


@pytest.fixture
def day() -> datetime.date:
    return DAY


@pytest.fixture
def ready(store: Store, synthetic: ModuleType) -> Store:
    """Four clips of three videos; two share a video, one has no audio."""
    clips = [
        synthetic.clip_row("BV1_Clip_10", 60, "m1"),
        synthetic.clip_row("BV1_Clip_2", 170, "m1"),
        synthetic.clip_row("BV2_Clip_1", 400, "m2", genre="kpop", dancer_id="8"),
        synthetic.clip_row("BV3_Clip_1", 45, "m3", music_path=""),
    ]
    synthetic.fill_store(store, "weekly", clips)
    return store


@pytest.fixture
def published(ready: Store, settings: Settings) -> PublishSummary:
    return publish(settings, ready, "weekly", day=DAY)


@pytest.fixture
def folder(published: PublishSummary, settings: Settings) -> Path:
    """The folder of the release."""
    return Path(settings.store, published.path)
