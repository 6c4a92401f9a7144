"""The capsules fit the skeleton: symmetric, joined to each other, in proportion to it."""

from __future__ import annotations

import numpy as np
import pytest

from popdanceset.motion.body.capsules import CAPSULES, ENDS, PAIRS, RADII, body_scale, capsule_ends
from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.skeleton import LEFT_COLOUR, RIGHT_COLOUR, SMPL_JOINTS, SMPL_OFFSETS


def rest() -> np.ndarray:
    return forward_kinematics(np.tile(np.eye(3), (1, 24, 1, 1)))


def test_ends_are_weighted_sums_of_joints() -> None:
    joints = np.random.default_rng(0).normal(size=(3, 24, 3))
    ends = capsule_ends(joints)
    assert ends.shape == (3, len(CAPSULES), 2, 3)
    for number, capsule in enumerate(CAPSULES):
        for which, weights in enumerate((capsule.start, capsule.end)):
            expected = sum(w * joints[:, SMPL_JOINTS.index(joint)] for joint, w in weights.items())
            np.testing.assert_allclose(ends[:, number, which], expected, atol=1e-12)
    np.testing.assert_allclose(capsule_ends(joints[0]), ends[0])
    np.testing.assert_allclose(ENDS.sum(-1), 1)  # so that the body moves with its joints


def test_names_are_unique_and_known() -> None:
    names = [capsule.name for capsule in CAPSULES]
    assert len(set(names)) == len(names)
    assert {beside for capsule in CAPSULES for beside in capsule.beside} <= set(names)


def test_left_and_right_are_mirror_images() -> None:
    pairs = {frozenset((CAPSULES[a].name, CAPSULES[b].name)) for a, b in PAIRS}
    swapped = {frozenset(mirrored(name) for name in pair) for pair in pairs}
    assert swapped == pairs
    ends = dict(zip((capsule.name for capsule in CAPSULES), capsule_ends(rest())[0], strict=True))
    for name, segment in ends.items():
        # The mean body itself is not quite symmetric.
        np.testing.assert_allclose(ends[mirrored(name)], segment * [-1, 1, 1], atol=0.025)
    for capsule in CAPSULES:
        twin = next(c for c in CAPSULES if c.name == mirrored(capsule.name))
        assert twin.radius == capsule.radius
        assert (capsule.colour == LEFT_COLOUR) == (twin.colour == RIGHT_COLOUR)


def mirrored(name: str) -> str:
    return {"_l": name[:-1] + "r", "_r": name[:-1] + "l"}.get(name[-2:], name)


def test_the_body_has_the_height_of_an_adult_and_stands_on_its_soles() -> None:
    ends = capsule_ends(rest())[0]
    top = (ends[..., 1] + RADII[:, None]).max()
    bottom = (ends[..., 1] - RADII[:, None]).min()
    assert 1.7 < top - bottom < 1.85
    toes = rest()[0, 10, 1]
    assert 0.01 < toes - bottom < 0.035  # the sole lies some 20 mm below the balls of the feet


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.3])
def test_scale(scale: float) -> None:
    assert body_scale(scale * rest()) == pytest.approx(scale)
    assert np.linalg.norm(SMPL_OFFSETS[1:], axis=1).sum() > 1
