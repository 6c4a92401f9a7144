"""Where a camera saw joints, compared with OpenCV's projection, and its columns."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from popdanceset.motion.camera import Camera
from popdanceset.schema import VERDICTS
from popdanceset.tables import from_rows

SIZE = (1280, 720)
TILTED = Rotation.from_euler("xz", [-70, 10], degrees=True).as_matrix()
CAMERA = Camera(SIZE, 900.0, "lines", TILTED)
VERDICT = {
    "clip_id": "BV1_Clip_1", "bvid": "BV1", "frames": 1, "detected": 1,
    "jitter_before": 0.0, "jitter_after": 0.0, "estimator": "fake 1",
    "accepted": True, "reason": "", "note": "",
}  # fmt: skip


def test_joints_are_seen_where_opencv_projects_them() -> None:
    random = np.random.default_rng(0)
    joints, root = random.normal(0, 0.5, (5, 24, 3)), random.normal([0, 0, 4], 0.3, (5, 3))
    matrix = np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]])
    world_to_camera, _ = cv2.Rodrigues(TILTED.T)
    expected = [
        cv2.projectPoints(own, world_to_camera, place, matrix, None)[0][:, 0]
        for own, place in zip(joints, root, strict=True)
    ]
    np.testing.assert_allclose(CAMERA.project(joints, root), expected, atol=1e-9)


def test_a_row_states_it() -> None:
    (row,) = from_rows([VERDICT | CAMERA.columns()], VERDICTS).to_pylist()
    found = Camera.of_row(row)
    assert found is not None
    assert (found.size, found.focal_length, found.focal_length_from) == (SIZE, 900.0, "lines")
    np.testing.assert_allclose(found.to_world, TILTED, atol=1e-7)


@pytest.mark.parametrize("column", CAMERA.columns())
def test_it_is_known_as_a_whole_or_not_at_all(column: str) -> None:
    (row,) = from_rows([VERDICT | CAMERA.columns()], VERDICTS).to_pylist()
    assert Camera.of_row(row | {column: None}) is None
