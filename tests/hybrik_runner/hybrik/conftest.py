"""A body with SMPL's layout, and one network for all tests: it takes a second and 300 MB to build."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from hybrik_runner.hybrik import smpl_file
from hybrik_runner.hybrik.network import HybrIK
from hybrik_runner.hybrik.smpl import LEAF_VERTICES
from hybrik_runner.hybrik.twist_swing import PARENTS
from popdanceset.skeleton import SMPL_OFFSETS


def rest_skeleton() -> np.ndarray:
    """(29, 3) the mean SMPL skeleton; leaves 8 cm on in the direction of the bone before."""
    bones = np.concatenate([np.asarray(SMPL_OFFSETS, float), np.zeros((5, 3))])
    for leaf in range(24, 29):
        before = bones[PARENTS[leaf]]
        bones[leaf] = 0.08 * before / np.linalg.norm(before)
    joints = np.zeros((29, 3))
    for joint in range(1, 29):
        joints[joint] = joints[PARENTS[joint]] + bones[joint]
    return joints


def model(count: int = smpl_file.VERTICES) -> dict[str, np.ndarray]:
    """Entries of a body file. Vertex j < 24 lies in joint j and belongs to it alone."""
    random, joints = np.random.default_rng(5), rest_skeleton()
    owners = np.concatenate([np.arange(24), random.integers(0, 24, count - 24)])
    owners[list(LEAF_VERTICES)] = PARENTS[24:]
    vertices = joints[owners] + 0.05 * random.normal(size=(count, 3))
    vertices[:24] = joints[:24]
    vertices[list(LEAF_VERTICES)] = joints[24:]
    weights = np.zeros((count, 24))
    weights[np.arange(count), owners] = 1
    parents = np.array([2**32 - 1, *PARENTS[1:24]])
    return {
        "v_template": vertices,
        "shapedirs": np.zeros((count, 3, 10)),
        "posedirs": np.zeros((count, 3, 207)),
        "J_regressor": np.eye(24, count),
        "weights": weights,
        "kintree_table": np.stack([parents, np.arange(24)]).astype(np.uint32),
        "f": np.zeros((13776, 3), np.uint32),
    }


@pytest.fixture(scope="session")
def rest() -> torch.Tensor:
    """(29, 3) the resting skeleton in double precision."""
    return torch.from_numpy(rest_skeleton())


@pytest.fixture(scope="session")
def body_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of body files of our own."""
    folder = tmp_path_factory.mktemp("smpl")
    (folder / smpl_file.BODY_FILE).write_bytes(pickle.dumps(model()))
    np.save(folder / smpl_file.REGRESSOR_FILE, np.eye(17, smpl_file.VERTICES))
    np.save(folder / smpl_file.MEAN_SHAPE_FILE, np.linspace(-0.1, 0.1, 10))
    return folder


@pytest.fixture(scope="session")
def network(body_folder: Path) -> HybrIK:
    """The network with arbitrary weights."""
    torch.manual_seed(0)
    return HybrIK(smpl_file.read(body_folder)).eval()
