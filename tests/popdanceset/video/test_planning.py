"""Planning divides a video into clips and rejected spans, each second once."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from popdanceset.commands import with_values
from popdanceset.schema import Reason
from popdanceset.settings import Settings
from popdanceset.video.measures import measure
from popdanceset.video.planning import Known, Span, divided, is_divided, pauses, plan
from popdanceset.video.screening.report import (
    CameraMotion,
    Dancers,
    Overlays,
    Panels,
    Picture,
    Screening,
    Shake,
)

FPS = 30.0
FRAME = 1 / FPS
SEEN = (0.9,) * 12
HIDDEN = (*(0.9,) * 8, *(0.1,) * 4)  # knees and ankles
BEYOND = (*(0.9,) * 10, None, None)  # ankles


def screened(
    duration: float,
    cuts: tuple[float, ...] = (),
    *,
    transitions: tuple[tuple[float, float], ...] = (),
    shaky: tuple[float, float] = (0.0, 0.0),
    count: Any = lambda time: 1,
    whole: Any = None,
    second: Any = lambda time: 0.9,
    size: Any = lambda time: 0.7,
    track: Any = lambda time: 1,
    shake: float | None = 0.0002,
    pan: Any = lambda time: 0.01,
    zoom: Any = lambda time: 0.01,
    change: Any = lambda time: 40.0,
    contrast: Any = lambda time: 120.0,
    seam: Any = lambda time: 0.0,
    limbs: Any = lambda time: SEEN,
    twin: Any = lambda time: 0.4,
) -> Screening:
    """A report: jitter of 0.01 within `shaky`, else `shake`; everything else by functions of time."""
    times = tuple(i / 10 for i in range(int(duration * 10)))
    looks = tuple(i / 2 for i in range(int(duration * 2)))
    counts = tuple(count(t) for t in looks)
    wholes = tuple((whole or count)(t) for t in looks)
    jitter = tuple(0.01 if shaky[0] <= t < shaky[1] else shake for t in times)
    return Screening(
        duration,
        FPS,
        cuts,
        transitions,
        Shake(times, jitter),
        CameraMotion(times, tuple(map(pan, times)), tuple(map(zoom, times))),
        Picture(times, tuple(map(change, times)), tuple(map(contrast, times))),
        Overlays((0.0, 0.0, 0.0, 0.0)),
        Panels(looks, tuple(map(seam, looks))),
        Dancers(
            looks,
            counts,
            wholes,
            tuple(min(1, w) for w in wholes),
            tuple(size(t) if n else 0.0 for t, n in zip(looks, counts, strict=True)),
            tuple(second(t) if n > 1 else 0.0 for t, n in zip(looks, counts, strict=True)),
            tuple(track(t) if n else 0 for t, n in zip(looks, counts, strict=True)),
            tuple(limbs(t) if n else None for t, n in zip(looks, counts, strict=True)),
            tuple(twin(t) if n > 1 else 0.0 for t, n in zip(looks, counts, strict=True)),
        ),
    )


def outline(spans: list[Span]) -> list[tuple[float, float, str]]:
    return [(round(s.start, 3), round(s.end, 3), s.reason.value) for s in spans]


@pytest.fixture
def settings() -> Settings:
    return Settings()


def test_one_good_shot_is_one_clip(settings: Settings) -> None:
    (span,) = plan(screened(10.0), settings)
    assert (span.start, span.end, span.accepted, span.number) == (0.0, 10.0, True, 1)
    assert (span.measures["dancers"], span.measures["visibility"]) == (1.0, 1.0)
    assert span.measures["shake"] == pytest.approx(0.0002)


def test_clips_keep_a_picture_off_the_cut(settings: Settings) -> None:
    spans = plan(screened(12.0, (6.0,)), settings)
    assert [s.number for s in spans] == [1, 0, 2]
    assert outline(spans) == [
        (0.0, round(6 - FRAME, 3), ""),
        (round(6 - FRAME, 3), round(6 + FRAME, 3), "camera_cuts"),
        (round(6 + FRAME, 3), 12.0, ""),
    ]


def test_many_cuts_leave_one_rejected_span(settings: Settings) -> None:
    spans = plan(screened(9.0, tuple(float(t) for t in range(1, 9))), settings)
    assert outline(spans) == [(0.0, 9.0, "camera_cuts")]


def test_a_short_shot_between_clips_is_blamed_on_the_cuts(settings: Settings) -> None:
    spans = plan(screened(14.0, (5.0, 7.0)), settings)
    assert outline(spans) == [
        (0.0, round(5 - FRAME, 3), ""),
        (round(5 - FRAME, 3), round(7 + FRAME, 3), "camera_cuts"),
        (round(7 + FRAME, 3), 14.0, ""),
    ]


def test_a_short_video_is_too_short_whatever_its_cuts(settings: Settings) -> None:
    assert outline(plan(screened(3.0), settings)) == [(0.0, 3.0, "too_short")]
    assert outline(plan(screened(3.0, (1.5,)), settings))[0][2] == "too_short"


def test_shake_rejects_its_shot_only(settings: Settings) -> None:
    spans = plan(screened(12.0, (6.0,), shaky=(6.0, 12.0)), settings)
    assert outline(spans) == [(0.0, round(6 - FRAME, 3), ""), (round(6 - FRAME, 3), 12.0, "camera_shake")]
    assert spans[1].measures["shake"] == pytest.approx(0.01, rel=0.05)


def test_shake_that_looks_like_cuts_is_still_shake(settings: Settings) -> None:
    spans = plan(screened(9.0, (2.0, 4.0, 7.0), shaky=(0.0, 9.0)), settings)
    assert outline(spans) == [(0.0, 9.0, "camera_shake")]


def test_shake_that_nobody_can_measure_does_not_reject(settings: Settings) -> None:
    (span,) = plan(screened(8.0, shake=None), settings)
    assert span.accepted
    assert span.measures["shake"] is None


def test_a_picture_in_parts_is_blamed_before_what_its_parts_show(settings: Settings) -> None:
    seams = screened(8.0, count=lambda t: 2, whole=lambda t: 0, seam=lambda t: 1.0)
    twins = screened(8.0, count=lambda t: 2, twin=lambda t: 0.97 if t % 2 else 0.6)
    for divided_picture in (seams, twins):
        assert outline(plan(divided_picture, settings)) == [(0.0, 8.0, "split_screen")]
    half = screened(16.0, seam=lambda t: 1.0 if t >= 8 else 0.0)
    (clip, rest) = plan(half, settings)
    assert (clip.accepted, rest.reason) == (True, "split_screen")
    assert clip.end == pytest.approx(8.0, abs=0.5)
    assert (clip.measures["seam"], rest.measures["seam"]) == (0.0, 1.0)


def test_two_who_dance_alike_are_several_dancers(settings: Settings) -> None:
    alike = screened(8.0, count=lambda t: 2, twin=lambda t: 0.7)
    assert outline(plan(alike, settings)) == [(0.0, 8.0, "several_dancers")]


def test_hidden_limbs_are_occlusion(settings: Settings) -> None:
    (span,) = plan(screened(8.0, limbs=lambda t: HIDDEN), settings)
    assert (span.reason, span.measures["limbs"], span.measures["occlusion"]) == ("occluded", 0.0, 1.0)
    before = screened(16.0, limbs=lambda t: HIDDEN if t >= 8 else SEEN)
    clip, rest = plan(before, settings)
    assert (clip.accepted, rest.reason) == (True, "occluded")
    assert clip.end == pytest.approx(8.0, abs=1.0)


def test_limbs_may_be_hidden_now_and_then(settings: Settings) -> None:
    (span,) = plan(screened(10.0, limbs=lambda t: HIDDEN if t % 2 == 0 else SEEN), settings)
    assert (span.accepted, span.measures["occlusion"], span.measures["limbs"]) == (True, 0.25, 0.75)


def test_one_hidden_limb_is_not_occlusion_but_is_not_all_limbs(settings: Settings) -> None:
    arm = (*SEEN[:4], 0.2, *SEEN[5:])
    (span,) = plan(screened(10.0, limbs=lambda t: arm if t % 2 == 0 else SEEN), settings)
    assert (span.accepted, span.measures["occlusion"], span.measures["limbs"]) == (True, 0.0, 0.75)
    (span,) = plan(screened(10.0, limbs=lambda t: arm), settings)
    assert (span.accepted, span.measures["limbs"]) == (False, 0.0)
    assert span.reason == "occluded"


def test_limbs_behind_the_own_body_are_not_hidden(settings: Settings) -> None:
    """A player seen from behind or from the side is in full view, whatever his hands do."""
    from_behind = (*(0.9,) * 4, 0.1, 0.1, *(0.9,) * 6)
    plain = screened(10.0, limbs=lambda t: from_behind)
    (span,) = plan(plain, settings)
    assert (span.reason, span.measures["occlusion"]) == ("occluded", 1.0)
    for behind, reason, occlusion in (
        ((*(False,) * 4, True, True, *(False,) * 6), "", 0.0),
        ((False,) * 12, "occluded", 1.0),
    ):
        dancers = replace(plain.dancers, behind=(behind,) * len(plain.dancers.time))
        (span,) = plan(replace(plain, dancers=dancers), settings)
        assert (span.reason, span.measures["occlusion"]) == (reason, occlusion)


def test_limbs_beyond_the_picture_are_not_whole_body(settings: Settings) -> None:
    (span,) = plan(screened(8.0, limbs=lambda t: BEYOND), settings)
    assert (span.reason, span.measures["visibility"], span.measures["limbs"]) == ("not_whole", 0.0, 0.0)


def test_a_detector_without_limbs_leaves_them_unknown(settings: Settings) -> None:
    (span,) = plan(screened(8.0, limbs=lambda t: None), settings)
    assert (span.accepted, span.measures["limbs"], span.measures["occlusion"]) == (True, None, None)


def test_people_decide(settings: Settings) -> None:
    assert outline(plan(screened(8.0, count=lambda t: 0), settings)) == [(0.0, 8.0, "no_dancer")]
    assert outline(plan(screened(8.0, count=lambda t: 2), settings)) == [(0.0, 8.0, "several_dancers")]
    half_body = screened(8.0, whole=lambda t: 0)
    assert outline(plan(half_body, settings)) == [(0.0, 8.0, "not_whole")]
    assert outline(plan(screened(8.0, size=lambda t: 0.1), settings)) == [(0.0, 8.0, "too_small")]
    second_comes = screened(8.0, count=lambda t: 1 + (t >= 3))
    assert outline(plan(second_comes, settings)) == [(0.0, 8.0, "several_dancers")]
    passer_by = screened(8.0, count=lambda t: 2, second=lambda t: 0.4)
    assert plan(passer_by, settings)[0].accepted


def test_the_longest_good_span_is_kept(settings: Settings) -> None:
    """Samples at 6.0 s and later show two people; each sample holds for a quarter of a second around."""
    second_comes = screened(12.0, count=lambda t: 1 + (t >= 6))
    assert outline(plan(second_comes, settings)) == [(0.0, 5.8, ""), (5.8, 12.0, "several_dancers")]
    both_ends = screened(12.0, count=lambda t: int(3 <= t < 9))
    assert [s.reason for s in plan(both_ends, settings)] == ["no_dancer", "", "no_dancer"]


def test_another_dancer_is_another_clip(settings: Settings) -> None:
    relay = screened(14.0, track=lambda t: 1 if t < 8 else 2)
    spans = plan(relay, settings)
    assert [s.reason for s in spans] == ["", "several_dancers"]
    assert spans[0].end == pytest.approx(7.8)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"pan": lambda t: 0.5}, "camera_pan"),
        ({"zoom": lambda t: 0.5}, "camera_zoom"),
        ({"change": lambda t: 0.5}, "still_picture"),
        ({"contrast": lambda t: 2.0, "count": lambda t: 0}, "blank_picture"),
    ],
)
def test_each_rule_has_its_reason(settings: Settings, fault: dict[str, Any], reason: str) -> None:
    assert outline(plan(screened(8.0, **fault), settings)) == [(0.0, 8.0, reason)]


def test_a_rest_is_not_a_still(settings: Settings) -> None:
    (span,) = plan(screened(10.0, change=lambda t: 0.5 if 4 <= t < 6 else 40.0), settings)
    assert span.accepted
    assert span.measures["stillness"] == pytest.approx(0.2)


def test_a_pan_that_begins_is_not_blamed_on_shake(settings: Settings) -> None:
    spans = plan(screened(8.0, shake=0.01, pan=lambda t: 0.5), settings)
    assert outline(spans) == [(0.0, 8.0, "camera_pan")]
    shaken = plan(screened(8.0, shake=0.05, pan=lambda t: 0.5), settings)
    assert outline(shaken) == [(0.0, 8.0, "camera_shake")]


def test_clips_keep_off_transitions(settings: Settings) -> None:
    spans = plan(screened(12.0, transitions=((5.5, 6.5),)), settings)
    assert outline(spans) == [
        (0.0, round(5.5 - FRAME, 3), ""),
        (round(5.5 - FRAME, 3), round(6.5 + FRAME, 3), "camera_cuts"),
        (round(6.5 + FRAME, 3), 12.0, ""),
    ]


def test_a_dancer_missed_now_and_then_is_forgiven(settings: Settings) -> None:
    (span,) = plan(screened(10.0, count=lambda t: 0 if t == 5 else 1), settings)
    assert span.accepted
    assert span.measures["visibility"] == 0.95


def test_long_shots_are_divided_evenly(settings: Settings) -> None:
    spans = plan(screened(150.0), settings)
    assert outline(spans) == [(0.0, 50.0, ""), (50.0, 100.0, ""), (100.0, 150.0, "")]
    assert [s.number for s in spans] == [1, 2, 3]
    assert len(plan(screened(60.0), settings)) == 1


def test_each_part_of_a_long_shot_is_judged_by_itself(settings: Settings) -> None:
    spans = plan(screened(100.0, count=lambda t: 1 if t < 50 else 2), settings)
    assert outline(spans) == [(0.0, 49.8, ""), (49.8, 100.0, "several_dancers")]


def test_clips_are_divided_at_moments_within_reach(settings: Settings) -> None:
    spans = plan(screened(100.0), settings, moments=[10.0, 47.0, 58.0])
    assert outline(spans) == [(0.0, 47.0, ""), (47.0, 100.0, "")]
    assert is_divided(spans)
    assert not is_divided(plan(screened(12.0, (6.0,)), settings))


@hypothesis_settings(max_examples=100, deadline=None)
@given(
    length=st.floats(1, 500),
    longest=st.floats(5, 60),
    moments=st.lists(st.floats(0, 500), max_size=40),
)
def test_no_part_is_longer_than_allowed(length: float, longest: float, moments: list[float]) -> None:
    edges = divided(0.0, length, longest, moments)
    parts = [b - a for a, b in pairwise(edges)]
    assert max(parts) <= longest + 1e-6
    assert len(parts) == max(1, -int(-(length / longest - 1e-6) // 1))
    assert min(parts) >= 0.5 * length / len(parts)


def test_pauses_are_where_least_moves() -> None:
    report = screened(10.0, change=lambda t: 5.0 if abs(t - 4.0) < 0.01 else 40.0 + t)
    assert 3.75 in [pytest.approx(t) for t in pauses(report)]


def test_clips_keep_their_numbers(settings: Settings) -> None:
    known = [Known(4, 0.0, 5.9), Known(2, 6.1, 9.0)]
    spans = plan(screened(12.0, (6.0,)), settings, known=known)
    assert [s.number for s in spans] == [4, 0, 5], "the second one shares less than 80 % with its old self"


@hypothesis_settings(max_examples=100, deadline=None)
@given(
    shares=st.lists(st.floats(0.02, 0.98), max_size=6, unique=True),
    moved=st.floats(-0.3, 0.3),
    retired=st.integers(0, 9),
)
def test_small_changes_keep_numbers_and_no_number_comes_twice(
    shares: list[float], moved: float, retired: int
) -> None:
    """A later plan of the same video with all cuts moved a little."""
    settings = Settings()
    cuts = sorted(60 * share for share in shares)
    first = [s for s in plan(screened(60.0, tuple(cuts)), settings) if s.accepted]
    known = [Known(s.number, s.start, s.end) for s in first] + [Known(90 + retired, 0.0, 0.1)]
    again = plan(screened(60.0, tuple(cuts)), settings, known=known)
    assert [s.number for s in again if s.accepted] == [s.number for s in first]
    later = plan(screened(60.0, tuple(max(0.1, c + moved) for c in cuts)), settings, known=known)
    numbers = [s.number for s in later if s.accepted]
    assert len(set(numbers)) == len(numbers)
    for span in (s for s in later if s.accepted):
        same = [
            k.number
            for k in known
            if min(k.end, span.end) - max(k.start, span.start)
            >= 0.8 * max(k.end - k.start, span.end - span.start)
        ]
        assert span.number == same[0] if same else span.number > 90 + retired


def test_of_two_numbers_the_most_alike_is_kept(settings: Settings) -> None:
    """A retired clip lies there too; planned again, a clip is always recognised as what it is."""
    known = [Known(1, 0.0, 9.0), Known(2, 0.5, 8.0), Known(3, 0.0, 8.0)]
    (span,) = plan(screened(8.0), settings, known=known)
    assert span.number == 3


def test_thresholds_come_from_the_settings(settings: Settings) -> None:
    strict = with_values(settings, "screening", max_shake=0.0001)
    assert plan(screened(8.0), strict)[0].reason == "camera_shake"
    long_only = with_values(settings, "clips", min_seconds=9.0)
    assert plan(screened(8.0), long_only)[0].reason is Reason.TOO_SHORT


def test_measures_of_a_span_without_samples_are_unknown() -> None:
    found = measure(screened(8.0), 0.01, 0.05, Settings().screening)
    assert (found["shake"], found["dancers"], found["visibility"]) == (None, None, None)


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    duration=st.floats(0.5, 200),
    shares=st.lists(st.floats(0.001, 0.999), max_size=12, unique=True),
    people=st.lists(st.integers(0, 2), min_size=1, max_size=7),
    shaky=st.tuples(st.floats(0, 200), st.floats(0, 200)),
)
def test_every_second_is_in_one_span(
    duration: float, shares: list[float], people: list[int], shaky: tuple[float, float]
) -> None:
    settings = Settings()
    cuts = tuple(sorted(share * duration for share in shares))
    report = screened(duration, cuts, shaky=shaky, count=lambda t: people[int(t / 10) % len(people)])
    spans = plan(report, settings)
    assert spans[0].start == 0.0
    assert spans[-1].end == duration
    assert all(a.end == b.start for a, b in pairwise(spans))
    assert all(s.end > s.start for s in spans)
    accepted = [s for s in spans if s.accepted]
    assert [s.number for s in accepted] == list(range(1, len(accepted) + 1))
    assert all(s.number == 0 for s in spans if not s.accepted)
    for span in accepted:
        assert settings.clips.min_seconds - 1e-5 <= span.end - span.start
        assert span.end - span.start <= settings.clips.max_seconds + 1e-5
        assert not any(span.start - FRAME / 2 < cut < span.end + FRAME / 2 for cut in cuts)
    for a, b in pairwise(spans):
        assert a.reason != b.reason or a.accepted
