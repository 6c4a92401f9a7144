"""What error would remain if the network saw perfectly: the same pipeline behind true points.

First, left and right of trunk, arms and legs are put in the order that the truth tells. Then the landmarks of
shoulders, elbows, wrists, hips, knees and ankles are replaced in the picture by the true projections; or in
space, at the depth that the truth has; then in both. With both, what remains is what the fit, the skeleton
and the filters cost, and what the two definitions of a joint differ by: the truth's hips are heads of bones,
or what annotators of pictures call hips. Face, hands and feet stay as they were seen.

With one of them, the network's own error in the other is added to that. Both errors are its own, and where
they do not depend on each other their squares add up: `Bounds.expected`.

What bounds the distance of standing feet from the floor is mostly the camera's tilt. So that distance is
measured with the true camera, too: its tilt and its focal length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hybrik_runner.blazepose.body import ALL_SIDES, LIMB_LANDMARKS, SIDES
from hybrik_runner.blazepose.landmarks import Landmarks
from hybrik_runner.estimator import Clip as Recording
from hybrik_runner.estimator import PoseEstimator
from hybrik_runner.poses import camera
from hybrik_runner.poses.sides import PARTS, exchanged
from hybrik_runner.poses.table import build
from popdanceset import media
from popdanceset.errors import InputError
from popdanceset.motion import floor
from popdanceset.schema import FPS
from popdanceset.settings import Settings
from popdanceset.skeleton import LIMB_JOINTS
from tests.referee.clips import Clip
from tests.referee.measures import column, deviation, errors

Floats = NDArray[np.float64]

_HIPS = [6, 7]


@dataclass(frozen=True)
class Bounds:
    """What bounds the error of a clip.

    Attributes:
        seen: PA-MPJPE of the estimator, mm.
        ordered: the same with left and right as the truth has them.
        flat: the same with true points in the picture.
        deep: the same with true depths in space, and the picture as it was seen.
        solid: the same with true points in picture and space.
        pixels: mean distance of the network's points, in order, from the true projections.
        share: the same as % of the body's size, the diagonal of the true points' box.
        depth: mean error of the network's points along the line of sight, from the hips' middle, mm.
        tilt: of the camera against the floor, degrees; `tilt_off`: how far from it the found one is.
        focal_length: as found, as a share of the true one.
        feet: mean distance of standing feet from the floor, mm.
        level_feet: the same if the camera is known.
    """

    seen: float
    ordered: float
    flat: float
    deep: float
    solid: float
    pixels: float
    share: float
    depth: float
    tilt: float
    tilt_off: float
    focal_length: float
    feet: float
    level_feet: float

    @property
    def ratio(self) -> float:
        """How many times as large the estimator's error is as with true points in the picture."""
        return self.seen / self.flat

    @property
    def expected(self) -> float:
        """PA-MPJPE, mm, if the network's errors in the picture and in depth were independent, and the fit
        added nothing to them but what it costs with true points."""
        return float(np.sqrt(max(self.flat**2 + self.deep**2 - self.solid**2, 0.0)))


def bounds(clip: Clip, estimator: PoseEstimator[Any, Any], settings: Settings) -> Bounds:
    """Measures a clip with a known camera.

    Raises:
        InputError: its camera or its truth is unknown, or the estimator does not see landmarks.
    """
    if clip.joints is None or clip.camera is None:
        raise InputError("the truth of this film has no camera", clip.film)
    recording = Recording[Any]()
    tracked = list(estimator.track(recording.recorded(media.frames(clip.film))))
    present = [detection for detection in tracked if detection is not None]
    predicted = iter(estimator.predict(present))
    seen = [None if detection is None else next(predicted) for detection in tracked]
    if not all(hasattr(detection, "landmarks") for detection in seen if detection is not None):
        raise InputError(f"{estimator.name} has no landmarks to replace", clip.film)
    times = np.array(recording.times, np.float64)
    joints = _at(clip.joints, times)
    in_camera = joints @ clip.camera.R.T + clip.camera.t
    projected = clip.camera.project(joints)
    metric = in_camera - in_camera[:, _HIPS].mean(1, keepdims=True)
    # The network describes a body as though the camera looked straight at it.
    x, y, z = clip.camera.R[:, 2].tolist()
    true_camera = camera.Calibration(recording.size, float(clip.camera.K[0, 0]), (x, y, z), True)
    metric = metric @ camera.towards(projected[:, _HIPS].mean(1), true_camera)
    found_camera = recording.calibration()

    def table(predictions: Sequence[Any], calibration: camera.Calibration = found_camera) -> pa.Table:
        poses = estimator.poses(times, calibration, predictions)
        built = build(clip.name, poses, estimator.name, settings).table
        assert built is not None
        return built

    def error(made: pa.Table) -> float:
        assert clip.joints is not None
        found = column(made, "joints3d", 24, 3)[:, list(LIMB_JOINTS)]
        count = min(len(found), len(clip.joints))
        return 1000 * float(errors(found[:count], clip.joints[:count]).mean())

    def feet_from_floor(made: pa.Table) -> float:
        scale = float(column(made, "smpl_scaling", 1)[0, 0])
        height = floor.heights(column(made, "smpl_trans", 3), column(made, "joints3d", 24, 3), scale)
        return 1000 * deviation(height, clip.contact)

    level_feet = feet_from_floor(table(seen, true_camera))
    as_seen = table(seen)

    ordered = [_ordered(d, projected[k], metric[k]) for k, d in enumerate(seen)]
    flat = [_replaced(d, projected[k], None) for k, d in enumerate(ordered)]
    deep = [_replaced(d, None, metric[k]) for k, d in enumerate(ordered)]
    solid = [_replaced(d, projected[k], metric[k]) for k, d in enumerate(ordered)]
    found = [k for k, detection in enumerate(seen) if detection is not None]
    image = np.array([ordered[k].landmarks.image[LIMB_LANDMARKS] for k in found])
    space = np.array([ordered[k].landmarks.metric[LIMB_LANDMARKS] for k in found])
    off = np.linalg.norm(image - projected[found], axis=2).mean(1)
    size = np.linalg.norm(np.ptp(projected[found], axis=1), axis=1)
    return Bounds(
        error(as_seen),
        *(error(table(predictions)) for predictions in (ordered, flat, deep, solid)),
        float(off.mean()),
        100 * float((off / size).mean()),
        1000 * float(np.abs(space[..., 2] - metric[found][..., 2]).mean()),
        float(np.degrees(np.arccos(-y))),
        float(np.degrees(np.arccos(np.clip(np.dot(found_camera.up or (0.0, -1.0, 0.0), (x, y, z)), -1, 1)))),
        found_camera.focal_length / true_camera.focal_length,
        feet_from_floor(as_seen),
        level_feet,
    )


def _ordered(detection: Any, pixels: Floats, metric: Floats) -> Any:
    """The detection whose sides are exchanged, part by part, where that brings them closer to the truth."""

    def ordered(landmarks: Landmarks) -> Landmarks:
        image = exchanged(landmarks.image[None], _crossed(landmarks.image, pixels), ALL_SIDES)[0]
        space = exchanged(landmarks.metric[None], _crossed(landmarks.metric, metric), ALL_SIDES)[0]
        return replace(landmarks, image=image, metric=space)

    return _changed(detection, ordered)


def _changed(detection: Any, change: Callable[[Landmarks], Landmarks]) -> Any:
    """The detection with other landmarks, those of a second look among them."""
    if detection is None:
        return None
    second = detection.second and change(detection.second)
    return replace(detection, landmarks=change(detection.landmarks), second=second)


def _crossed(points: Floats, truth: Floats) -> NDArray[np.bool_]:
    """(1, 3) which of trunk, arms and legs of points (33, …) are closer to the truth (12, …) exchanged."""
    place = {int(landmark): joint for joint, landmark in enumerate(LIMB_LANDMARKS)}
    flags = []
    for part in PARTS:
        pairs = [pair for pair in SIDES[part] if pair[0] in place]
        left, right = np.array(pairs).T
        true_left, true_right = (truth[[place[int(k)] for k in side]] for side in (left, right))

        def away(
            a: NDArray[np.int_], b: NDArray[np.int_], left: Floats = true_left, right: Floats = true_right
        ) -> float:
            return float(
                np.linalg.norm(points[a] - left, axis=1).sum()
                + np.linalg.norm(points[b] - right, axis=1).sum()
            )

        flags.append(away(right, left) < away(left, right))
    return np.array([flags])


def _replaced(detection: Any, pixels: Floats | None, metric: Floats | None) -> Any:
    """The detection with true limbs, in the picture, in space, or both; None: as seen. Without the picture,
    only the depths in space are the true ones."""

    def replaced(landmarks: Landmarks) -> Landmarks:
        image, space = landmarks.image.copy(), landmarks.metric.copy()
        if pixels is not None:
            image[LIMB_LANDMARKS] = pixels
            if metric is not None:
                space[LIMB_LANDMARKS] = metric
        elif metric is not None:
            space[LIMB_LANDMARKS, 2] = metric[:, 2]
        return replace(landmarks, image=image, metric=space)

    return _changed(detection, replaced)


def _at(joints: Floats, times: Floats) -> Floats:
    """True joints (n, 12, 3) at 30 fps, at other times (m,), m of them; the last ones hold beyond the end."""
    at = np.clip(times * FPS, 0, len(joints) - 1)
    low = np.minimum(at.astype(int), len(joints) - 2)
    share = (at - low)[:, None, None]
    return np.asarray((1 - share) * joints[low] + share * joints[low + 1])
