"""Where the database of a store is, and which clips there are to review."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from popdanceset.errors import InputError
from popdanceset.review.in_store import clip_ids, database_path
from popdanceset.settings import Settings
from popdanceset.store import Store


def test_the_database_is_in_a_store_that_is_a_folder(store: Store, settings: Settings) -> None:
    assert database_path(store) == Path(settings.store, "review/decisions.sqlite")
    assert database_path(Store("memory://x"), Path("other")) == Path("other")
    with pytest.raises(InputError, match="give --database FILE"):
        database_path(Store("memory://x"))


def test_accepted_clips(store: Store, synthetic: ModuleType) -> None:
    ids = ["BV1aaaaaaaa1_Clip_1", "BV1aaaaaaaa2_Clip_1"]
    synthetic.fill_store(store, "weekly", [synthetic.clip_row(each, 45) for each in ids])
    assert clip_ids(store) == ids
    assert clip_ids(store, {"BV1aaaaaaaa2"}) == ids[1:]
    assert clip_ids(store, ()) == []
