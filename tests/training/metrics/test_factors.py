"""The same dances under other protocols: each choice moves the numbers as its definition says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from popdanceset.errors import InputError
from training.metrics.clip import Clip
from training.metrics.factors import (
    NUMBERS,
    OURS,
    RELEASED_SETUP,
    WHOLE,
    Setup,
    moved,
    numbers,
    together,
    variants,
    without,
)
from training.metrics.suite import evaluate_set


@pytest.fixture(scope="module")
def sets(plain) -> tuple[list[Clip], list[Clip]]:
    """Eight real and six generated dances of 3 s with music."""
    real, generated = (
        [
            Clip(f"{name}{number}", joints.astype(float), 30.0, np.arange(5, 90, 12), music_frames=90)
            for number, joints in enumerate(plain.dances(count, 90, seed))
        ]
        for name, count, seed in (("real", 8, 1), ("made", 6, 2))
    )
    return real, generated


def turned(clips: list[Clip]) -> list[Clip]:
    """The same dances with y up."""
    to_y = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    return [dataclasses.replace(clip, joints=clip.joints @ to_y.T) for clip in clips]


def test_ours_are_the_numbers_of_the_suite(sets) -> None:
    real, generated = sets
    of_made, of_real = (evaluate_set(real, some, bootstrap=0).numbers for some in (generated, real))
    expected = {key: (of_made if key[:3] in ("FID", "Div") else of_real)[key].value for key in NUMBERS}
    assert numbers(real, generated) == pytest.approx(expected, rel=1e-9)


def test_the_released_code_as_a_whole(golden, expected) -> None:
    """All its choices at once give what it printed, but for single precision."""
    found = numbers(golden["real"], golden["generated"], RELEASED_SETUP)
    assert found["FID_k"] == pytest.approx(expected["FID_k"], rel=1e-3)
    assert found["Div_k"] == pytest.approx(expected["Dist_k"], rel=1e-4)
    beats = expected["real"]["beat_align_music_truncated_150"]
    assert found["BAS"] == pytest.approx(beats["printed_value_unrounded_sum_over_24"], rel=1e-6)
    assert found["PFC"] == pytest.approx(expected["real"]["PFC"], rel=1e-4)


def test_dances_with_y_up_need_metrics_with_y_up(sets) -> None:
    ours = numbers(*sets)
    again = numbers(*map(turned, sets), Setup(up="y"))
    assert again == pytest.approx(ours, rel=1e-6)
    features = numbers(*map(turned, sets), Setup(feature_up=1), keys=("FID_k", "Div_g"))
    assert features == pytest.approx({key: ours[key] for key in features}, rel=1e-6)


def test_a_constant_time_step_cancels_in_standardised_kinetic_features(sets) -> None:
    ours = numbers(*sets)
    wrong = numbers(*sets, Setup(feature_steps=(1 / 60, 1 / 120)))
    assert wrong["FID_k"] == pytest.approx(ours["FID_k"], rel=1e-6)
    assert wrong["FID_g"] != pytest.approx(ours["FID_g"], rel=1e-3)  # its predicates compare with thresholds


def test_rates(sets) -> None:
    ours = numbers(*sets)
    fast = numbers(*sets, Setup(assumed_fps=60.0))
    assert fast["jitter"] == pytest.approx(8 * ours["jitter"])  # cube of the rate
    assert fast["PFC"] == pytest.approx(4 * ours["PFC"])  # two displacements
    double, per_frame = (numbers(*sets, Setup(fps=60.0, per_frame=value))["PFC"] for value in (False, True))
    assert double == pytest.approx(4 * per_frame)
    assert double == pytest.approx(ours["PFC"], rel=0.1)
    assert numbers(*sets, Setup(fps=30.0)) == pytest.approx(ours, rel=1e-6)


def test_beats_by_hand(sets) -> None:
    real, generated = sets
    scores = [clip.scores["BAS"].value for clip in evaluate_set(real, real, bootstrap=0).clips]
    over_music = [clip.scores["BAS_music"].value for clip in evaluate_set(real, real, bootstrap=0).clips]
    assert numbers(real, generated, Setup(divisor=24))["BAS"] == pytest.approx(sum(scores) / 24)
    assert numbers(real, generated, Setup(direction="music"))["BAS"] == pytest.approx(np.mean(over_music))
    silent = [dataclasses.replace(clip, music_beats=None) for clip in real]
    assert numbers(silent, generated)["BAS"] is None


@pytest.mark.parametrize("height", [0.025, 0.1])
def test_contact_heights_by_plain_loops(sets, height) -> None:
    real, generated = sets
    ratios = []
    for clip in real:
        toes = clip.joints[:, [10, 11]]
        floor = np.median(clip.joints[..., 2].min(axis=1))
        steps = np.linalg.norm(np.diff(toes[..., :2], axis=0), axis=-1) * 30
        count = 0
        for frame in range(len(steps)):
            around = [min(max(frame + d, 0), len(steps) - 1) for d in range(-4, 4)]
            skates = [
                max(toes[frame, foot, 2], toes[frame + 1, foot, 2]) < floor + height
                and steps[frame, foot] > 0.5
                and np.mean(steps[around, foot]) > 0.5
                for foot in (0, 1)
            ]
            count += any(skates)
        ratios.append(count / len(steps))
    found = numbers(real, generated, Setup(contact_height=height))["foot_skate_ratio"]
    assert found == pytest.approx(np.mean(ratios))


def test_floors_by_hand(sets) -> None:
    real, generated = sets
    on = [
        dataclasses.replace(c, joints=c.joints - [0, 0, np.median(c.joints[..., 2].min(axis=1))])
        for c in real
    ]
    ours = numbers(real, generated)["foot_skate_ratio"]
    assert numbers(on, generated, Setup(ground="zero"))["foot_skate_ratio"] == pytest.approx(ours)
    lowest = numbers(real, generated, Setup(ground="lowest joint of the clip"))["foot_skate_ratio"]
    assert lowest <= ours  # fewer toes are near the lowest point


def test_without_a_model_one_half_meets_the_other(sets) -> None:
    real, _ = sets
    halves = numbers(real[::2], real[1::2])
    whole = numbers(real, real)
    assert [whole[key] for key in NUMBERS[:4]] == pytest.approx([halves[key] for key in NUMBERS[:4]])
    short = real[:2]
    with pytest.raises(InputError, match="1 real and 1 generated dances have no distance"):
        numbers(short, short)


def test_cuts_and_shares(sets) -> None:
    real, generated = sets
    cut = [[dataclasses.replace(c, joints=c.joints[:60]) for c in some] for some in sets]
    assert numbers(*sets, Setup(seconds=2.0)) == pytest.approx(numbers(*cut), rel=1e-9)
    assert numbers(*sets, Setup(share=0.5)) == numbers(real, generated[::2])
    mixed = numbers(real, generated, Setup(seconds=2.0), OURS)
    assert mixed["FID_k"] == pytest.approx(numbers(real, cut[1])["FID_k"])
    assert mixed["PFC"] == numbers(*sets)["PFC"]


def test_every_variant_changes_a_number(sets) -> None:
    ours = numbers(*sets)
    found = moved(*sets)
    unmoved = [
        one.variant.title
        for one in found
        if all(one.numbers[key] == pytest.approx(ours[key], rel=1e-9) for key in NUMBERS)
    ]
    # The dances have 90 frames, and none of them pauses that early.
    assert unmoved == ["motion cut at 300 frames, music at 150", "no motion beat before frame 11"]
    assert found[-1].variant.factor == WHOLE
    titles = [(v.factor, v.title) for v in variants(10.0, 30.0)]
    assert len(titles) == len(set(titles))


def test_protocols_are_combined_choice_by_choice() -> None:
    assert together([Setup(up="y"), Setup(fps=60.0, up="z"), Setup(share=0.5)]) == Setup(
        up="y", fps=60.0, share=0.5
    )
    assert together([]) == OURS
    assert without(RELEASED_SETUP, Setup(divisor=3)) == dataclasses.replace(RELEASED_SETUP, divisor=None)
    assert without(RELEASED_SETUP, RELEASED_SETUP) == OURS
