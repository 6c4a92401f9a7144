"""The training clip nearest to a dance, and when a dance is a copy."""

from __future__ import annotations

import numpy as np
import pytest

from popdanceset.errors import InputError
from training.metrics.nearest import (
    SIZE,
    Threshold,
    TrainingClip,
    TrainingSet,
    postures,
    video_of,
)
from training.motion.sides import OTHER_SIDE

FPS = 30.0


@pytest.fixture(scope="module")
def clips(plain) -> list[TrainingClip]:
    """Twelve clips of 150 frames; each is of its own video."""
    return [
        TrainingClip(f"BV{number}_Clip_1", joints.astype(float), frozenset({f"BV{number}"}))
        for number, joints in enumerate(plain.dances(12, 150, seed=3))
    ]


@pytest.fixture(scope="module")
def known(clips) -> TrainingSet:
    return TrainingSet(clips, FPS)


def moved(joints: np.ndarray, degrees: float, to: tuple[float, float, float], size: float) -> np.ndarray:
    """The same dance by a dancer of another size, elsewhere, who faces another way."""
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    return size * joints @ np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]]) + to


def test_a_copy_is_found_wherever_it_stands_and_however_it_faces(clips, known) -> None:
    copy = moved(clips[5].joints[37:127], 117, (3.0, -2.0, 0.4), 1.13)
    found = known.nearest("copy", copy)
    assert found.clip == "BV5_Clip_1"
    assert found.distance == pytest.approx(0, abs=0.02)  # float32 of squared differences, cm
    assert found.clip_at - found.at == pytest.approx(37 / FPS)
    assert not found.mirrored


def test_a_mirrored_copy_is_found(clips, known) -> None:
    found = known.nearest("mirrored", clips[2].joints[:, OTHER_SIDE] * [1, -1, 1])
    assert (found.clip, found.mirrored) == ("BV2_Clip_1", True)
    assert found.distance == pytest.approx(0, abs=0.02)


def test_a_dance_of_two_clips_is_found_too(clips, known) -> None:
    stitched = np.concatenate([clips[1].joints[:75], clips[6].joints[30:105]])
    whole = known.nearest("new", clips[1].joints[::-1])
    found = known.nearest("stitched", stitched)
    assert found.closest == pytest.approx(0, abs=0.02)
    assert found.distance < whole.distance / 2


def test_the_distance_by_plain_loops(clips) -> None:
    """Every window of the dance against every window of every clip and its mirror image, pose by pose."""
    dance = clips[0].joints[:75]
    others = clips[1:4]
    found = TrainingSet(others, FPS).nearest("dance", dance)

    def faced(pose: np.ndarray) -> np.ndarray:
        bones = sum(
            np.linalg.norm(pose[child] - pose[parent])
            for child, parent in zip(range(1, 24), _PARENTS, strict=True)
        )
        across = pose[1] - pose[2] + pose[16] - pose[17]
        x = np.array([across[0], across[1], 0]) / np.hypot(across[0], across[1])
        axes = np.array([x, [-x[1], x[0], 0], [0, 0, 1]])
        return (pose - pose[0]) @ axes.T * SIZE / bones

    def standing(joints: np.ndarray) -> np.ndarray:
        return np.stack([faced(pose) for pose in joints])[:, 1:]

    ours = standing(dance)
    nearest = []
    for start in range(0, 75 - 3 * 19, 15):
        window = ours[start : start + 60 : 3]
        best = np.inf
        for clip in others:
            theirs = standing(clip.joints)
            mirrored = standing(clip.joints[:, OTHER_SIDE] * [-1, 1, 1])
            for image in (theirs, mirrored):
                for at in range(150 - 57):
                    off = np.linalg.norm(window - image[at : at + 58 : 3], axis=-1)
                    best = min(best, np.sqrt((off**2).mean()))
        nearest.append(100 * best)
    assert found.distance == pytest.approx(np.mean(nearest), rel=1e-4)
    assert found.closest == pytest.approx(min(nearest), rel=1e-4)


_PARENTS = (0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)


def test_the_threshold_lies_between_copies_and_other_dances(plain, clips, known) -> None:
    threshold = known.threshold(90)
    distances = [known.nearest(c.name, c.joints[:90], c.related).distance for c in clips]
    assert threshold == Threshold(pytest.approx(np.median(distances) / 2), 12, 0)
    noisy = clips[4].joints[:90] + np.random.default_rng(0).normal(size=(90, 24, 3)) * 0.002
    assert known.nearest("noisy copy", noisy).distance < threshold.distance / 2
    others = plain.dances(5, 150, seed=99).astype(float)
    assert min(known.nearest("other", other).distance for other in others) > threshold.distance


def test_related_clips_do_not_set_the_threshold(clips) -> None:
    """A clip that is twice in the training set, as two parts of one video, is no standard for copies."""
    twin = TrainingClip("BV0_Clip_2", clips[0].joints + np.array([1.0, 0, 0]), frozenset({"BV0"}))
    assert TrainingSet([*clips, twin], FPS).threshold(90).within == 0
    stranger = TrainingClip("BV99_Clip_1", twin.joints, frozenset({"BV99"}))
    assert TrainingSet([*clips, stranger], FPS).threshold(90).within == 2
    same = [TrainingClip(clip.name, clip.joints, frozenset({"song"})) for clip in clips]
    assert TrainingSet(same, FPS).threshold(90) == Threshold(None, 0)


def test_clips_that_are_too_short_are_never_found(clips) -> None:
    short = TrainingSet([TrainingClip("short", clips[0].joints[:30])], FPS)
    assert short.nearest("dance", clips[0].joints) is None
    assert short.nearest("shorter", clips[0].joints[:30]).distance == pytest.approx(0, abs=0.02)


def test_postures_keep_shape_only(clips) -> None:
    joints = clips[0].joints
    np.testing.assert_allclose(
        postures(moved(joints, 200, (1.0, 1.0, 1.0), 0.9)), postures(joints), atol=1e-6
    )
    np.testing.assert_allclose(
        postures(joints, mirrored=True), postures(joints[:, OTHER_SIDE] * [-1, 1, 1]), atol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "video"),
    [("BV127rv7uvwJ_Clip_12", "BV127rv7uvwJ"), ("BV1_p2_Clip_1", "BV1_p2"), ("gBR_sBM_c01", "gBR_sBM_c01")],
)
def test_the_video_of_a_clip(name, video) -> None:
    assert video_of(name) == video


def test_an_empty_training_set_is_an_error() -> None:
    with pytest.raises(InputError, match="there are no training clips"):
        TrainingSet([], FPS)
