"""The skeletons: trees, mirrored sides, offsets as in published joint positions, and colours of the sides."""

import itertools
import pickle

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from popdanceset import skeleton
from popdanceset.skeleton import (
    COCO_BONES,
    COCO_JOINTS,
    FOOT_JOINTS,
    LEFT_COLOUR,
    LIMB_JOINTS,
    MIDDLE_COLOUR,
    RIGHT_COLOUR,
    SMPL_BONES,
    SMPL_JOINTS,
    SMPL_OFFSETS,
    SMPL_PARENTS,
    bone_colour,
)


def rest_positions():
    positions = np.zeros((24, 3))
    for joint in range(1, 24):
        positions[joint] = positions[SMPL_PARENTS[joint]] + SMPL_OFFSETS[joint]
    return positions


def test_the_tree_has_one_root_and_parents_come_first():
    assert len(SMPL_JOINTS) == len(set(SMPL_JOINTS)) == len(SMPL_PARENTS) == len(SMPL_OFFSETS) == 24
    assert SMPL_PARENTS[0] == -1
    assert all(0 <= parent < joint for joint, parent in enumerate(SMPL_PARENTS[1:], start=1))
    assert sorted(child for _, child in SMPL_BONES) == list(range(1, 24))


def test_levels_hold_every_joint_once_below_its_parent():
    levels = skeleton.levels()

    assert sorted(joint for level in levels for joint in level) == list(range(24))
    assert levels[0] == [0]
    for above, level in itertools.pairwise(levels):
        assert {SMPL_PARENTS[joint] for joint in level} <= set(above)
    assert len(levels) == 9  # root, three of the spine, collar, shoulder, elbow, wrist, hand


@pytest.mark.parametrize(("names", "pairs"), [(SMPL_JOINTS, 9), (COCO_JOINTS, 8)], ids=["smpl", "coco"])
def test_sides_come_in_pairs(names, pairs):
    lefts = {name.removeprefix("left_") for name in names if name.startswith("left_")} or {
        name[1:] for name in names if name[0] == "l"
    }
    rights = {name.removeprefix("right_") for name in names if name.startswith("right_")} or {
        name[1:] for name in names if name[0] == "r" and name != "root"
    }
    assert lefts == rights
    assert len(lefts) == pairs


def test_the_rest_pose_is_a_standing_person():
    at = dict(zip(SMPL_JOINTS, rest_positions(), strict=True))

    assert at["head"][1] > at["neck"][1] > at["chest"][1] > at["root"][1] > at["lknee"][1] > at["lankle"][1]
    assert all(
        at["l" + part][0] > 0 > at["r" + part][0] for part in ("hip", "shoulder", "elbow", "wrist", "hand")
    )
    assert all(at[side + "toes"][2] > at[side + "ankle"][2] for side in "lr")  # the front is +z
    mirrored = np.array([-1, 1, 1])
    for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
        np.testing.assert_allclose(at["l" + part], at["r" + part] * mirrored, atol=0.04)
    assert 1.4 < at["head"][1] - at["ltoes"][1] < 1.6  # joints only: the top of the head is above


def test_the_offsets_are_those_of_published_joint_positions(shared):
    """Chained rotations of a motion, on our offsets, give the positions the released POPDG code computed."""
    file = shared / "golden" / "metrics" / "real" / "test_BVtest000000_Clip_1.pkl"
    motion = pickle.loads(file.read_bytes())  # noqa: S301 - our own golden file
    local = Rotation.from_rotvec(np.reshape(motion["smpl_poses"], (-1, 3))).as_matrix().reshape(-1, 24, 3, 3)
    turned, position = local.copy(), np.zeros(local.shape[:3])
    position[:, 0] = motion["smpl_trans"]
    for parent, child in SMPL_BONES:
        turned[:, child] = turned[:, parent] @ local[:, child]
        position[:, child] = position[:, parent] + turned[:, parent] @ SMPL_OFFSETS[child]

    np.testing.assert_allclose(position, np.reshape(motion["full_pose"], position.shape), atol=2e-6)


def test_named_joints():
    assert [SMPL_JOINTS[joint] for joint in LIMB_JOINTS] == [
        side + part for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in "lr"
    ]
    assert {SMPL_JOINTS[joint] for joint in FOOT_JOINTS} == {"lankle", "rankle", "ltoes", "rtoes"}


def test_coco_bones_connect_all_joints_and_never_cross_sides_below_the_hips():
    assert len(COCO_JOINTS) == 17
    reached = {0}
    for _ in COCO_BONES:
        reached |= {joint for bone in COCO_BONES if set(bone) & reached for joint in bone}
    assert reached == set(range(17))
    for a, b in COCO_BONES:
        sides = {COCO_JOINTS[j].split("_")[0] for j in (a, b)}
        if {"left", "right"} == sides:
            assert (COCO_JOINTS[a], COCO_JOINTS[b]) in {
                ("left_shoulder", "right_shoulder"),
                ("left_hip", "right_hip"),
            }


@pytest.mark.parametrize(
    ("names", "colour"),
    [
        (("left_hip", "left_knee"), LEFT_COLOUR),
        (("right_hip", "right_knee"), RIGHT_COLOUR),
        (("left_hip", "right_hip"), MIDDLE_COLOUR),
        (("nose", "left_eye"), LEFT_COLOUR),
        (("nose",), MIDDLE_COLOUR),
        (("lknee", "lankle"), LEFT_COLOUR),
        (("root", "rhip"), RIGHT_COLOUR),
        (("root", "belly"), MIDDLE_COLOUR),
        (("rtoes",), RIGHT_COLOUR),
    ],
)
def test_colour_of_a_bone(names, colour):
    assert bone_colour(*names) == colour


def test_the_left_is_orange_and_the_right_is_blue():
    red, green, blue = LEFT_COLOUR
    assert red > green > blue
    assert RIGHT_COLOUR[2] > RIGHT_COLOUR[1] > RIGHT_COLOUR[0]
