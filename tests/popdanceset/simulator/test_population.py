"""The synthetic dance section has the shape of a real one with every seed."""

import re
from collections import Counter
from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from popdanceset.errors import InputError
from popdanceset.simulator.population import RATES, aged, population, with_partners
from popdanceset.simulator.records import CHINA, SECTIONS, Counts, SimulatedVideo

DAY = date(2026, 3, 1)
MIDPOINTS = {"favorite": 0.0245, "danmaku": 0.0075, "view": 0.806, "like": 0.092, "share": 0.023}
BIAS = 0.0443  # midpoints of the intervals in Table 6 and the bias of Eq. 1, POPDG


def column(videos: list[SimulatedVideo], name: str) -> np.ndarray:
    return np.array([getattr(video.counts, name) for video in videos], dtype=float)


def pop(videos: list[SimulatedVideo], reference: list[SimulatedVideo]) -> np.ndarray:
    """Eq. 1 with the interval midpoints; counts normalised by the reference's maxima."""
    return BIAS + sum(
        weight * np.log1p(column(videos, name)) / np.log1p(column(reference, name).max())
        for name, weight in MIDPOINTS.items()
    )


def famous(videos: list[SimulatedVideo]) -> np.ndarray:
    return np.array([video.counts.view <= video.follower for video in videos])


def test_the_same_seed_gives_the_same_section() -> None:
    assert population(50, 7, DAY) == population(50, 7, DAY)
    assert population(50, 7, DAY) != population(50, 8, DAY)


def test_the_day_moves_only_the_publication() -> None:
    first, second = population(30, 1, DAY), population(30, 1, date(2026, 3, 11))
    assert [v.bvid for v in first] == [v.bvid for v in second]
    assert {b.pubdate - a.pubdate for a, b in zip(first, second, strict=True)} == {10 * 86_400}
    days = [datetime.fromtimestamp(v.pubdate, CHINA).date() for v in first]
    assert date(2026, 2, 1) <= min(days) <= max(days) < DAY


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 300), seed=st.integers(0, 2**32))
def test_every_section_is_well_formed(n: int, seed: int) -> None:
    videos = population(n, seed, DAY)
    assert len(videos) == len({v.bvid for v in videos}) == len({v.aid for v in videos}) == n
    assert all(re.fullmatch("BV1[1-9A-HJ-NP-Za-km-z]{9}", v.bvid) for v in videos)
    assert all(0 <= count <= v.counts.view for v in videos for count in v.counts)
    assert all(v.section in SECTIONS and v.duration > 0 and v.title and v.tags for v in videos)
    by_uploader = {v.mid: (v.follower, v.author) for v in videos}
    assert all(by_uploader[v.mid] == (v.follower, v.author) for v in videos)
    assert len(set(by_uploader.values())) == len(by_uploader)


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_heavy_tailed_and_go_together(seed: int) -> None:
    videos = population(400, seed, DAY)
    views = column(videos, "view")
    assert 200 < views.max() / np.median(views) < 2000  # two to three orders of magnitude
    assert views.mean() > 8 * np.median(views)
    for name, (rate, _) in RATES.items():
        counts = column(videos, name)
        assert spearmanr(views, counts).statistic > 0.75
        assert np.median(counts[views > 10_000] / views[views > 10_000]) == pytest.approx(rate, rel=0.35)
    followers = np.array([v.follower for v in videos])
    assert 0.35 < spearmanr(views, followers).statistic < 0.85
    assert max(Counter(v.mid for v in videos).values()) >= 5


@pytest.mark.parametrize("seed", range(10))
def test_a_few_per_cent_are_popular(seed: int) -> None:
    videos = population(400, seed, DAY)
    accepted = pop(videos, videos) > 0.85
    assert 12 <= accepted.sum() <= 17
    assert (accepted & ~famous(videos)).sum() >= 8


def test_the_demonstration_section_meets_both_rules() -> None:
    videos = population(400, 0, DAY)
    references = [videos] + [
        [videos[i] for i in np.random.default_rng(draw).choice(400, 100, replace=False)] for draw in range(10)
    ]
    for reference in references:
        accepted = pop(videos, reference) > 0.85
        assert 12 <= accepted.sum() <= 20
        assert 2 <= (accepted & famous(videos)).sum() <= 4
        assert (accepted & ~famous(videos)).sum() >= 10  # every medium and mode occurs


def test_large_sections_keep_the_shape() -> None:
    videos = population(5000, 3, DAY)
    accepted = pop(videos, videos) > 0.85
    assert 0.01 < accepted.mean() < 0.06
    assert 0.05 < famous(videos)[accepted].mean() < 0.5


def test_time_passes() -> None:
    young, old = (
        SimulatedVideo(
            "BV1", 1, 1, 1, "up", 5, "t", (), SECTIONS[0], 1, pubdate, 10, Counts(1000, 1, 2, 30, 15, 5, 50)
        )
        for pubdate in (100 * 86_400, 80 * 86_400)
    )
    later_young, later_old = aged([young, old], 7.0)
    # attention after one day 1 - exp(-1/7), after eight 1 - exp(-8/7); an old video hardly grows
    assert later_young.counts.view == round(1000 * (1 - np.exp(-8 / 7)) / (1 - np.exp(-1 / 7)))
    assert 1000 < later_old.counts.view < 1050
    assert aged([], 3) == []
    assert aged([young], 0) == [young]


@pytest.mark.parametrize(("n", "seed", "said"), [(0, 0, "empty"), (-3, 0, "empty"), (5, -1, "negative")])
def test_nonsense_is_refused(n: int, seed: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        population(n, seed)


def test_joint_uploads_change_no_verdict() -> None:
    videos = population(400, seed=0)
    joint = with_partners(videos)
    followers = {video.mid: video.follower for video in videos}
    assert sum(bool(video.staff) for video in joint) > 10
    for before, after in zip(videos, joint, strict=True):
        assert replace(after, staff=()) == before
        together = sum(followers[each.mid] for each in after.staff) or after.follower
        assert (after.counts.view > together) == (before.counts.view > before.follower)
