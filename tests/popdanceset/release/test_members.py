"""Which clips are published, by score and tier, and what their rows state about quality."""

from __future__ import annotations

from types import ModuleType

import pytest

from popdanceset.errors import InputError
from popdanceset.release.members import ReleaseVideos, members
from popdanceset.store import Store

VIDEOS = ReleaseVideos("weekly", {"BV1": 0.9, "BV2": 0.9, "BV3": 0.9}, {})
MEASURED = {"contact": 0.9, "skate_after": 0.5, "skating_after": 0.3, "penetration": 0.01, "floating": 0.01}


@pytest.fixture
def graded(store: Store, synthetic: ModuleType) -> Store:
    """One clip of each tier."""
    synthetic.fill_store(
        store, "weekly", [synthetic.clip_row(f"BV{n}_Clip_1", 45, f"m{n}") for n in (1, 2, 3)]
    )
    synthetic.add_poses(store, "BV1_Clip_1", 45, **MEASURED)
    synthetic.add_poses(store, "BV2_Clip_1", 45, **MEASURED | {"skate_after": 1.2})
    synthetic.add_poses(store, "BV3_Clip_1", 45, **MEASURED, verdict="review")
    return store


def test_rows_state_the_numbers_and_the_tier(graded: Store) -> None:
    rows = {row["clip_id"]: row for row in members(graded, VIDEOS).clips}
    assert [rows[f"BV{n}_Clip_1"]["tier"] for n in (1, 2, 3)] == ["A", "B", "C"]
    row = rows["BV2_Clip_1"]
    names = ("skate", "skating", "penetration", "floating", "jitter", "mean_score", "verdict")
    assert [row[name] for name in names] == [1.2, 0.3, 0.01, 0.01, 1.0, 0.8, "accept"]


def test_rows_state_the_camera_where_it_is_known(store: Store, synthetic: ModuleType) -> None:
    synthetic.fill_store(store, "weekly", [synthetic.clip_row(f"BV{n}_Clip_1", 45) for n in (1, 2)])
    synthetic.add_poses(store, "BV2_Clip_1", 45, **dict.fromkeys(synthetic.CAMERA))
    known, unknown = members(store, VIDEOS).clips
    assert known.items() >= synthetic.CAMERA.items()
    # A column without a value is left out: rows are hashed, and older verdicts say the same as before.
    assert not synthetic.CAMERA.keys() & unknown.keys()


@pytest.mark.parametrize(("tier", "left"), [("A", 2), ("B", 1), ("C", 0)])
def test_lower_tiers_are_left_out(graded: Store, tier: str, left: int) -> None:
    found = members(graded, VIDEOS, min_tier=tier)
    assert len(found.clips) == 3 - left
    assert found.left_out == ({f"tier below {tier}": left} if left else {})


def test_if_no_clip_reaches_the_tier_nothing_is_published(store: Store, synthetic: ModuleType) -> None:
    synthetic.fill_store(store, "weekly", [synthetic.clip_row("BV1_Clip_1", 45)])  # no numbers of its feet
    with pytest.raises(InputError, match="1 tier below A"):
        members(store, VIDEOS, min_tier="A")
