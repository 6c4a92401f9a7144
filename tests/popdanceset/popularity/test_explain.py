from typing import Any

import pytest

from popdanceset.errors import InputError
from popdanceset.popularity.explain import explain
from popdanceset.popularity.model import PopularityModel
from popdanceset.popularity.normalise import LogNormaliser
from popdanceset.popularity.selection import judge
from popdanceset.schema import Reason
from popdanceset.settings import PopularitySettings
from tests.popdanceset.popularity.conftest import bvid, row, table

MODEL = PopularityModel(
    "made", {"view": 0.8, "like": 0.1}, 0.05, LogNormaliser({"view": 999_999, "like": 99}), "made up"
)


def test_shares_and_bias_add_up_to_pop() -> None:
    message = explain(bvid(2), table(row(1), row(2, view=999, like=9_999)), MODEL, PopularitySettings())
    assert [(s.name, s.normalised, s.share) for s in message.shares] == [
        ("view", pytest.approx(0.5), pytest.approx(0.4)),
        ("like", pytest.approx(2.0), pytest.approx(0.2)),
    ]
    assert message.pop == pytest.approx(0.65)
    text = str(message)
    assert "BV0000000002  dance 2" in text
    assert "counts of 2026-03-01T00:00:00+00:00" in text
    assert "above the founding sample's largest" in text.splitlines()[5]
    assert text.splitlines()[7].split() == ["Pop", "0.6500"]
    assert text.endswith("no   Pop 0.65 is above 0.85 (popularity.min_pop)\nrejected: low_popularity")


@pytest.mark.parametrize(
    ("changes", "settings", "reason", "message"),
    [
        ({}, {}, Reason.NONE, "views 900,000 are above the uploader's 10 followers"),
        ({}, {"min_views_per_follower": 0}, Reason.NONE, "Pop 0.893899 is above 0.85"),
        ({"follower": None}, {}, Reason.FOLLOWERS_UNKNOWN, "no   the uploader's followers are known"),
        (
            {"follower": 600_000},
            {"min_views_per_follower": 1.5},
            Reason.VIEWS_NOT_ABOVE_FOLLOWERS,
            "no   views 900,000 are above 1.5 times the uploader's 600,000 followers",
        ),
        ({"like": None}, {}, Reason.COUNTS_MISSING, "no   the counts are known: not likes"),
        ({"state": "gone"}, {}, Reason.NOT_PUBLIC, "no   the video is public: it is gone"),
        ({"view": 0, "like": 0}, {}, Reason.LOW_POPULARITY, "no   Pop 0.05 is above 0.85"),
    ],
)
def test_the_rule_that_decides_is_reported(
    changes: dict[str, Any], settings: dict[str, Any], reason: Reason, message: str
) -> None:
    videos = table(row(1, **{"view": 900_000, "like": 9, **changes}))
    chosen = PopularitySettings(**settings)
    found = explain(bvid(1), videos, MODEL, chosen)
    assert found.reason is reason is Reason(judge(videos, MODEL, chosen)["reason"][0].as_py())
    assert all(rule.kept for rule in found.rules[:-1])
    assert found.rules[-1].kept == (reason is Reason.NONE)
    assert message in str(found)


def test_an_unknown_video_is_reported() -> None:
    with pytest.raises(InputError, match="no statistics of BV0000000009"):
        explain(bvid(9), table(row(1)), MODEL, PopularitySettings())


def test_a_hostile_title_stays_on_its_line() -> None:
    message = explain(bvid(1), table(row(1, title="a\x1b[31m\nb")), MODEL, PopularitySettings())
    assert str(message).splitlines()[0] == "BV0000000001  a [31m b"
