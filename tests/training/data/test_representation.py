"""Motion vectors and their scaler, against values of the published code and against scipy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation

from popdanceset.errors import InputError
from training.data.representation import (
    CONTACT,
    POSITION,
    ROTATION,
    MinMaxScaler,
    decode,
    encode,
    rotation_6d_to_matrix,
)


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict:
    return torch.load(shared / "golden/popdg/data_pipeline.pt", weights_only=False)


def published_window(golden: dict, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """5 s of a published pickle, rotated and shifted into the axes of a release."""
    clip_id, _, number = name.rpartition("_slice")
    clip = golden["source_pickles"][clip_id]
    rows = slice(15 * int(number), 15 * int(number) + 150)
    turn = Rotation.from_quat([-0.7071068, 0, 0, 0.7071068])
    position = turn.apply(clip["transl"][rows] * clip["pred_camera"][rows]) + np.array([0, -5, 1])
    poses = clip["pred_thetas"][rows].reshape(-1, 24, 3).astype(np.float64)
    poses[:, 0] = (turn * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
    return torch.tensor(poses, dtype=torch.float32), torch.tensor(position, dtype=torch.float32)


def test_windows_of_published_pickles_give_the_vectors_of_the_published_code(golden: dict) -> None:
    windows = [published_window(golden, name) for name in golden["train_slice_names"]]
    poses, translation = (torch.stack(parts) for parts in zip(*windows, strict=True))
    vectors = encode(poses, translation)
    expected = golden["train_pose_unnormalised"]
    torch.testing.assert_close(vectors[..., POSITION], expected[..., POSITION], atol=2e-6, rtol=0)
    torch.testing.assert_close(vectors[..., ROTATION], expected[..., ROTATION], atol=2e-6, rtol=0)
    assert torch.equal(vectors[..., CONTACT], expected[..., CONTACT])


def test_the_scaler_is_that_of_the_published_code(golden: dict) -> None:
    expected = golden["scaler"]
    vectors = golden["train_pose_unnormalised"]
    scaler = MinMaxScaler.fit(vectors)
    torch.testing.assert_close(scaler.minimum, expected["data_min_"], atol=2e-7, rtol=0)
    torch.testing.assert_close(scaler.maximum, expected["data_max_"], atol=2e-7, rtol=0)
    torch.testing.assert_close(scaler.range, expected["data_range_"], atol=2e-7, rtol=0)
    torch.testing.assert_close(scaler.scale(vectors), golden["train_pose_normalised"], atol=1e-4, rtol=0)
    windows = [published_window(golden, name) for name in golden["test_slice_names"]]
    test = torch.stack([encode(*window) for window in windows])
    torch.testing.assert_close(scaler.scale(test), golden["test_pose_normalised"], atol=1e-4, rtol=0)


@pytest.fixture
def motion() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    poses = Rotation.random(7 * 24, random_state=0).as_rotvec().reshape(7, 24, 3)
    return poses, random.normal(size=(7, 3))


def test_rotations_are_the_first_two_rows_of_the_matrix(motion: tuple[np.ndarray, np.ndarray]) -> None:
    poses, translation = motion
    vectors = encode(torch.tensor(poses), torch.tensor(translation))
    assert vectors.shape == (7, 156)
    rows = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix()[:, :2].reshape(7, 144)
    np.testing.assert_allclose(vectors[:, ROTATION], rows, atol=1e-12)
    np.testing.assert_array_equal(vectors[:, POSITION], translation)


def test_what_is_decoded_is_the_same_motion(motion: tuple[np.ndarray, np.ndarray]) -> None:
    poses, translation = motion
    decoded = decode(encode(torch.tensor(poses), torch.tensor(translation)))
    difference = Rotation.from_rotvec(poses.reshape(-1, 3)).inv() * Rotation.from_rotvec(
        decoded.poses.reshape(-1, 3)
    )
    assert difference.magnitude().max() < 1e-7
    np.testing.assert_array_equal(decoded.translation, translation)


def test_arbitrary_6d_vectors_become_rotations() -> None:
    matrices = rotation_6d_to_matrix(
        torch.randn(50, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    )
    identity = torch.eye(3, dtype=torch.float64).expand(50, 3, 3)
    torch.testing.assert_close(matrices @ matrices.mT, identity, atol=1e-12, rtol=0)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(50, dtype=torch.float64))


def test_contacts_are_joints_that_stay() -> None:
    poses = torch.zeros(4, 24, 3)
    translation = torch.tensor([[0.0, 0, 1], [0, 0, 1.009], [0, 0, 1.02], [0, 0, 1.02]])
    contacts = encode(poses, translation)[:, CONTACT]
    assert contacts.tolist() == [[1] * 9, [0] * 9, [1] * 9, [1] * 9]
    poses[1:, 18, 2] = 0.5  # the left elbow bends: only left wrist and hand move
    contacts = encode(poses, torch.zeros(4, 3))[:, CONTACT]
    assert contacts[0].tolist() == [1, 1, 1, 1, 1, 0, 1, 0, 1]


def test_constant_channels_become_minus_one_and_come_back() -> None:
    scaler = MinMaxScaler.fit([torch.tensor([[3.0, 0.0], [3.0, 4.0]])])
    scaled = scaler.scale(torch.tensor([[3.0, 1.0], [3.0, 9.0]]))
    assert scaled.tolist() == [[-1.0, -0.5], [-1.0, 1.0]]
    assert scaler.unscale(scaled).tolist() == [[3.0, 1.0], [3.0, 4.0]]


@given(hnp.arrays(np.float64, st.tuples(st.integers(2, 20), st.just(3)), elements=st.floats(-100, 100)))
def test_scaling_the_training_part_loses_nothing(values: np.ndarray) -> None:
    data = torch.tensor(values)
    scaler = MinMaxScaler.fit([data[:1], data[1:]])
    scaled = scaler.scale(data)
    assert scaled.abs().max() <= 1
    torch.testing.assert_close(scaler.unscale(scaled), data, atol=1e-10, rtol=0)


def test_a_saved_scaler_is_the_same(tmp_path: Path) -> None:
    scaler = MinMaxScaler.fit([torch.randn(9, 4, generator=torch.Generator().manual_seed(0))])
    scaler.save(tmp_path / "scaler.pt")
    loaded = MinMaxScaler.load(tmp_path / "scaler.pt").to("cpu")
    assert torch.equal(loaded.minimum, scaler.minimum)
    assert torch.equal(loaded.maximum, scaler.maximum)
    assert [file.name for file in tmp_path.iterdir()] == ["scaler.pt"]
    (tmp_path / "text.pt").write_text("no tensors")
    torch.save([1], tmp_path / "list.pt")
    for name in ("text.pt", "list.pt"):
        with pytest.raises(InputError, match=f"{name}: is not a saved scaler"):
            MinMaxScaler.load(tmp_path / name)
    with pytest.raises(InputError, match="not readable"):
        MinMaxScaler.load(tmp_path / "missing.pt")
    with pytest.raises(InputError, match="no data"):
        MinMaxScaler.fit([])
