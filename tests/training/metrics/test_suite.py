"""The whole suite: on golden motions, on small sets, and on sets that lack something."""

from __future__ import annotations

import dataclasses
import json
from itertools import permutations
from types import ModuleType

import numpy as np
import pytest

from popdanceset.errors import InputError
from training.metrics.catalogue import METRICS, OF_SETS, PER_CLIP, RELEASED_ONLY
from training.metrics.clip import Clip
from training.metrics.compare import compare
from training.metrics.measure import measure
from training.metrics.pfc import pfc
from training.metrics.suite import evaluate_set


@pytest.fixture(scope="module")
def sets(plain: ModuleType) -> tuple[list[Clip], list[Clip]]:
    """Eight real dances and six generated ones, 80 frames, two to each music."""
    real, generated = (
        [
            Clip(f"{name}{number}", joints, 30.0, np.arange(5, 80, 12), f"music {number // 2}")
            for number, joints in enumerate(plain.dances(count, 80, seed))
        ]
        for name, count, seed in (("real", 8, 1), ("made", 6, 2))
    )
    return real, generated


def replaced(clips: list[Clip], **changes: object) -> list[Clip]:
    return [dataclasses.replace(clip, **changes) for clip in clips]


def finite(result) -> bool:
    numbers = [(n.value, n.low, n.high) for n in result.numbers.values()]
    scores = [score.value for clip in result.clips for score in clip.scores.values()]
    return bool(np.isfinite(numbers).all() and np.isfinite(scores).all())


def test_every_number_has_an_interval_and_a_name(sets) -> None:
    for mode, keys in (("corrected", {*PER_CLIP, *OF_SETS}), ("released", set(METRICS))):
        result = evaluate_set(*sets, mode, bootstrap=30)
        assert set(result.numbers) == keys
        assert finite(result)
        assert all(number.low <= number.value <= number.high for number in result.numbers.values())
    assert set(METRICS) == {*PER_CLIP, *OF_SETS, *RELEASED_ONLY}


def test_means_are_over_clips(sets) -> None:
    result = evaluate_set(*sets, bootstrap=30)
    expected = np.mean([pfc(clip.joints, 30.0).value for clip in sets[1]])
    assert result.numbers["PFC"].value == pytest.approx(expected)
    assert [clip.name for clip in result.clips] == [clip.name for clip in sets[1]]
    assert result.clips[0].kinetic.shape == (72,)
    assert result.clips[0].geometric.shape == (32,)


def test_the_protocol_describes_the_run(sets) -> None:
    protocol = json.loads(json.dumps(evaluate_set(*sets, "released", seed=5, bootstrap=30).protocol))
    assert protocol["mode"] == "released"
    assert protocol["axes"] == "metres, z up, features take y for up"
    assert protocol["seed"] == 5
    assert protocol["fps"] == {"real": [30.0], "generated": [30.0]}
    assert protocol["motions"] == {"real": 8, "generated": 6}
    assert protocol["frames"]["real"] == {"least": 80, "median": 80.0, "most": 80}
    assert protocol["beats"]["divisor"] == 24
    assert set(protocol["versions"]) == {"popdanceset", "python", "numpy", "scipy"}


def test_the_same_seed_gives_the_same_result(sets) -> None:
    one, same, other = (evaluate_set(*sets, seed=seed, bootstrap=30).numbers for seed in (1, 1, 2))
    assert one == same
    assert one["FID_k"].low != other["FID_k"].low
    assert one["FID_k"].value == other["FID_k"].value


def test_the_ground_truths_own_row(sets) -> None:
    real, _ = sets
    numbers = evaluate_set(real, real, bootstrap=30).numbers
    assert numbers["FID_k"].value == 0
    assert numbers["FID_g_infinity"].flag == "the real set against itself"
    assert numbers["Div_k"].value > 0


def test_sets_are_measured_once_and_compared_often(sets) -> None:
    real, generated = (measure(clips) for clips in sets)
    assert compare(real, generated, 3, 30).numbers == evaluate_set(*sets, seed=3, bootstrap=30).numbers
    with pytest.raises(InputError, match="sets measured as corrected and released"):
        compare(real, measure(sets[1], "released"))


def test_dances_to_the_same_music(sets) -> None:
    numbers = evaluate_set(*sets, bootstrap=30).numbers
    assert numbers["multimodality_k"].value > 0
    assert 0 < numbers["music_diversity_k"].low < numbers["music_diversity_k"].value
    unnamed = evaluate_set(sets[0], replaced(sets[1], music_id=None), bootstrap=30).numbers
    assert unnamed["multimodality_g"].flag == "music not named"


def test_music_and_motion_are_compared_over_their_common_length(sets) -> None:
    real, generated = sets
    short = replaced(generated, music_frames=40)
    cut = [
        dataclasses.replace(
            clip, joints=clip.joints[:40], music_beats=clip.music_beats[clip.music_beats < 40]
        )
        for clip in generated
    ]
    both = [evaluate_set(real, clips, bootstrap=0).numbers for clips in (short, cut)]
    for key in ("BAS", "BAS_music", "beat_hit_rate", "beat_hit_rate_music", "beat_coverage"):
        assert both[0][key].value == both[1][key].value
    assert evaluate_set(real, replaced(generated, music_frames=1), bootstrap=0).numbers["BAS"].flag


def test_clips_without_music_are_left_out_of_means_over_music(sets) -> None:
    real, generated = sets
    some = replaced(generated[:2], music_beats=None) + generated[2:]
    without, all_of = (
        evaluate_set(real, clips, bootstrap=30).numbers["BAS"] for clips in (some, generated[2:])
    )
    assert without.value == pytest.approx(all_of.value)
    assert without.flag == "no music: 2 of 6 clips left out"
    silent = evaluate_set(real, replaced(generated, music_beats=np.array([], dtype=int)), bootstrap=30)
    assert silent.numbers["BAS"].value == 0
    assert silent.numbers["BAS"].flag == "no music beats: 6 of 6 clips left out"
    released = evaluate_set(real, replaced(generated, music_beats=None), "released", bootstrap=30)
    assert released.numbers["BAS"].flag.startswith("no music: 6 of 6 clips left out")


def test_a_still_dancer_is_measured(sets) -> None:
    real, _ = sets
    still = [dataclasses.replace(real[0], name="still", joints=np.tile(real[0].joints[:1], (80, 1, 1)))]
    for mode in ("corrected", "released"):
        result = evaluate_set(real, still, mode, bootstrap=30)
        assert finite(result)
        assert result.numbers["PFC"].value == 0
        assert "motionless root: 1 of 1 clips" in result.numbers["PFC"].flag
        assert "no motion beats: 1 of 1 clips" in result.numbers["BAS"].flag


def test_one_clip_has_defined_numbers(sets) -> None:
    real, generated = sets
    for first, second in ((real, generated[:1]), (real[:1], generated), (real[:1], generated[:1])):
        result = evaluate_set(first, second, bootstrap=30)
        assert finite(result)
        assert "one motion has no covariance" in result.numbers["FID_k"].flag
    assert result.numbers["Div_k"].flag == "one motion only: no pairs"
    assert result.numbers["PFC"].flag == "no interval from one clip"


def test_different_frame_rates_give_a_warning(sets, caplog) -> None:
    real, generated = sets
    result = evaluate_set(real, replaced(generated, fps=60.0), bootstrap=0)
    assert "real motions have [30.0] frames a second, generated ones [60.0]" in caplog.text
    assert result.protocol["fps"] == {"real": [30.0], "generated": [60.0]}
    mixed = replaced(generated[:2], fps=60.0) + generated[2:]
    np.testing.assert_array_equal(
        np.concatenate([measure(mixed[:2]).kinetic, measure(mixed[2:]).kinetic]), measure(mixed).kinetic
    )


def test_bad_sets_get_one_line(sets) -> None:
    real, generated = sets
    with pytest.raises(InputError, match="a set without motions has no metrics"):
        evaluate_set(real, [])
    with pytest.raises(InputError, match="made0: several motions have this name"):
        evaluate_set(real, [*generated, generated[0]])
    with pytest.raises(InputError, match="mode is 'right'"):
        evaluate_set(real, generated, "right")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="short: 2 frames are too few, 4 are needed"):
        Clip("short", np.zeros((2, 24, 3)), 30.0)
    with pytest.raises(InputError, match=r"flat: joints are \(frames, 24, 3\), not \(9, 72\)"):
        Clip("flat", np.zeros((9, 72)), 30.0)
    with pytest.raises(InputError, match="all: joints of one clip are"):
        Clip("all", np.zeros((2, 9, 24, 3)), 30.0)


def test_the_released_codes_numbers_of_sets(golden, expected) -> None:
    real, generated = golden["real"], golden["generated"]
    for part, result in (
        ("real", evaluate_set(real, real, "released", bootstrap=0)),
        ("generated", evaluate_set(real, generated, "released", bootstrap=0)),
    ):
        numbers, answers = result.numbers, expected[part]
        assert numbers["PFC"].value == pytest.approx(answers["PFC"], rel=1e-6)
        assert numbers["PBC"].value == pytest.approx(answers["PBC"], rel=1e-6)
        for key, protocol in (
            ("BAS", "beat_align_music_truncated_150"),
            ("BAS_equal_length", "beat_align_300"),
        ):
            # Sums in single precision depend, in their last bits, on the order in which a folder lists its
            # files: some order gives the very numbers.
            divided = answers[protocol]["printed_value_unrounded_sum_over_24"]
            mean = answers[protocol]["mean_over_files"]
            scores = [np.float32(clip.scores[key].value) for clip in result.clips]
            totals = {sum(order, np.float32(0)) for order in permutations(scores)}
            assert divided in {float(total / np.float32(24)) for total in totals}
            assert mean in {float(total / np.float32(6)) for total in totals}
            assert numbers[key].value == pytest.approx(divided, rel=2.5e-7)
            assert numbers[f"{key}_clip_mean"].value == pytest.approx(mean, rel=2.5e-7)
            assert f"{numbers[key].value:.3f}" == answers[protocol]["printed"][-5:]
    for letter, name in (("k", "kinetic"), ("g", "geometric")):
        assert numbers[f"FID_{letter}"].value == pytest.approx(expected[f"FID_{letter}"], rel=1e-6)
        assert numbers[f"Div_{letter}"].value == pytest.approx(expected[f"Dist_{letter}"], rel=1e-6)
        control = result.protocol["standardisation"][name]
        assert control["real_mean_sum"] == pytest.approx(expected[f"real_mean_sum_{letter}"], rel=1e-6)
        assert control["real_std_sum"] == pytest.approx(expected[f"real_std_sum_{letter}"], rel=1e-6)
        spread = expected[f"Dist_{letter}_unnormalised"]
        assert control["unstandardised_diversity"] == pytest.approx(spread, rel=1e-6)
    truth = evaluate_set(real, real, "released", bootstrap=0).numbers
    for letter in "kg":
        assert truth[f"Div_{letter}"].value == pytest.approx(expected[f"GT_Dist_{letter}"], rel=1e-6)
        # The released matrix root leaves −1e-5 here; a set's distance from itself is 0.
        assert truth[f"FID_{letter}"].value == pytest.approx(expected[f"GT_FID_{letter}"], abs=2e-5)
