"""What the flows share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.states import Failed

from flows.conduct import batches, load, worth_retrying
from popdanceset.errors import (
    DamagedError,
    InputError,
    RefusedError,
    SettingsError,
    StoreError,
    TransferError,
)


@given(st.lists(st.integers(), max_size=40), st.integers(1, 9))
def test_batches_lose_nothing_and_keep_the_order(items: list[int], size: int) -> None:
    made = batches(items, size)
    assert [item for batch in made for item in batch] == items
    assert all(1 <= len(batch) <= size for batch in made)
    assert all(len(batch) == size for batch in made[:-1])


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (TransferError("the connection broke"), True),
        (StoreError("out of reach"), True),
        (RefusedError("stay away"), False),
        (DamagedError("a preview"), False),
        (InputError("no such file"), False),
        (ValueError("a fault in the code"), False),
    ],
)
def test_only_what_may_heal_by_itself_is_tried_again(error: Exception, again: bool) -> None:
    state = Failed(data=error)
    assert worth_retrying(None, None, state) is again  # type: ignore[arg-type]


def test_flow_parameters_are_settings_by_their_names() -> None:
    assert load({"crawl": {"max_videos": 7}}).crawl.max_videos == 7
    assert load(None).crawl.max_videos == load({}).crawl.max_videos
    with pytest.raises(SettingsError, match="max_video"):
        load({"crawl": {"max_video": 7}})
