"""BlazePose as a pose estimator: track the dancer, smooth the landmarks, lay the SMPL skeleton along them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrik_runner import camera, kinematics
from hybrik_runner.blazepose import assets, body
from hybrik_runner.blazepose.coco import LANDMARKS as COCO_LANDMARKS
from hybrik_runner.blazepose.detector import Detector
from hybrik_runner.blazepose.landmarks import Landmarker, Landmarks, Region
from hybrik_runner.estimator import Poses
from hybrik_runner.one_euro import OneEuro, one_euro
from hybrik_runner.smoothing import smooth
from popdanceset.skeleton import LIMB_JOINTS

if TYPE_CHECKING:
    from popdanceset.media import Frame
    from popdanceset.settings import Settings

NAME = f"blazepose-full-{assets.VERSION}"

Floats = NDArray[np.float64]

_LEAST_PRESENCE = 0.5
_SEEN = 0.5

# Cut-off at rest (Hz) and its growth with speed, as MediaPipe's own pipeline filters picture points (speed
# in body sizes a second), metric points (m/s) and the crop (pose_landmark_filtering.pbtxt of its later
# releases).
_PICTURE_FILTER = (0.05, 80.0)
_METRIC_FILTER = (0.1, 40.0)
_CROP_FILTER = (0.01, 10.0)

# Seconds. Bending planes of nearly straight limbs waver; a wide window over them moves no joint.
_TWIST_SIGMA = 0.12

SCORE_LANDMARKS: tuple[tuple[int, ...], ...] = (
    (23, 24), (23,), (24,), (23, 24), (25,), (26,), (11, 12, 23, 24), (27,), (28,), (11, 12), (31,), (32,),
    (11, 12), (11,), (12,), (7, 8), (11,), (12,), (13,), (14,), (15,), (16,), (17, 19), (18, 20),
    (0, 7, 8), (17, 19, 21), (18, 20, 22), (29, 31), (30, 32),
)  # fmt: skip
"""Landmarks whose mean visibility is the confidence of each of the 24 SMPL joints and 5 leaves."""


class BlazePose:
    """The embedded default estimator.

    Args:
        detector: finds the dancer in a whole picture.
        landmarker: finds the landmarks in a region.
    """

    name = NAME

    def __init__(self, detector: Detector, landmarker: Landmarker) -> None:
        self._detector, self._landmarker = detector, landmarker

    def estimate(self, frames: Iterable[Frame]) -> Poses:
        """As `PoseEstimator.estimate`."""
        tracker = _Tracker(self._detector, self._landmarker)
        times, seen, size = [], [], (0, 0)
        for frame in frames:
            times.append(frame.time)
            size = (frame.image.shape[1], frame.image.shape[0])
            seen.append(tracker(frame))
        found = np.array([s is not None for s in seen], bool)
        return poses(np.array(times, np.float64), found, [s for s in seen if s is not None], size)


def load_estimator(settings: Settings) -> BlazePose:
    """The estimator of entry-point group `hybrik_runner.estimators`, its model files fetched if need be.

    Raises:
        AssetError: the model files or the runtime are missing and cannot be had.
    """
    folder = assets.ensure(settings)
    return BlazePose(Detector(folder / assets.DETECTOR.name), Landmarker(folder / assets.LANDMARKS.name))


class _Tracker:
    """Follows one dancer: each picture's landmarks say where to look in the next one."""

    def __init__(self, detector: Detector, landmarker: Landmarker) -> None:
        self._detector, self._landmarker = detector, landmarker
        self._body: Floats | None = None
        self._filter = OneEuro(*_CROP_FILTER)
        self._last: Floats | None = None

    def __call__(self, frame: Frame) -> Landmarks | None:
        found = self._look(frame, self._body) if self._body is not None else None
        if found is None:
            self._filter = OneEuro(*_CROP_FILTER)
            detected = self._detect(frame)
            found = self._look(frame, detected) if detected is not None else None
            # Landmarks know the body's circle better than the detector does: worth a second look.
            found = self._look(frame, found.body) if found is not None else None
        self._body = None
        if found is not None:
            unit = Region.of_body(*found.body).side
            self._body = self._last = self._filter(found.body, frame.time, max(unit, 1.0))
        return found

    def _look(self, frame: Frame, body: Floats) -> Landmarks | None:
        region = Region.of_body(*body)
        if not np.isfinite(region.side) or region.side < 1:
            return None
        found = self._landmarker(frame.image, region)
        numbers = (found.picture, found.metric, found.visibility, found.body)
        if found.presence < _LEAST_PRESENCE or not all(np.isfinite(n).all() for n in numbers):
            return None
        return found

    def _detect(self, frame: Frame) -> Floats | None:
        people = self._detector(frame.image)
        if not len(people):
            return None
        # Somebody else may walk in while the dancer is lost: the nearest to the last place is taken.
        last = people.centre[0] if self._last is None else self._last[0]
        nearest = int(np.linalg.norm(people.centre - last, axis=1).argmin())
        return np.stack([people.centre[nearest], people.rim[nearest]])


@dataclass(frozen=True, slots=True)
class _Track:
    """Landmarks of a clip: `picture` (n, 33, 2) pixels, `metric` (n, 33, 3) camera axes."""

    picture: Floats
    metric: Floats


def poses(times: Floats, found: NDArray[np.bool_], seen: list[Landmarks], size: tuple[int, int]) -> Poses:
    """Poses from the landmarks of a clip.

    Args:
        times: (m,) seconds of all pictures.
        found: (m,) in which of them the dancer was found.
        seen: the landmarks in those, n of them.
        size: width and height of the pictures.
    """
    if not seen:
        return Poses.none(times, size)
    raw = _Track(np.array([s.picture for s in seen]), np.array([s.metric for s in seen]))
    sides = np.array([Region.of_body(*s.body).side for s in seen])
    calm = _filtered(raw, times[found], sides)

    points = _in_camera(calm, size)
    scaling = body.skeleton_scale(points)
    laid = body.lay(camera.to_world(points), scaling)
    rotations = kinematics.inverse(
        laid.joints, laid.head, calm=lambda twist: smooth(twist, times[found], _TWIST_SIGMA)
    )
    joints = kinematics.forward(rotations, scaling)
    unfiltered = body.lay(camera.to_world(_in_camera(raw, size)), scaling).joints

    visibility = np.array([s.visibility for s in seen])
    limbs = list(LIMB_JOINTS)
    in_camera = camera.to_camera(joints[:, limbs])
    trust = np.maximum(visibility[:, body.LIMB_LANDMARKS], 0.05)
    cam_root = camera.locate(in_camera, calm.picture[:, body.LIMB_LANDMARKS], trust, size)

    coco2d = calm.picture[:, COCO_LANDMARKS]
    coco3d = camera.to_world(points[:, COCO_LANDMARKS]) + joints[:, [1, 2]].mean(1, keepdims=True)
    bbox = boxes(calm.picture, size)
    return Poses(
        times=times,
        found=found,
        size=size,
        scaling=scaling,
        rotations=rotations,
        cam_root=cam_root,
        coco3d=coco3d,
        coco2d=coco2d,
        scores=np.stack([visibility[:, list(chosen)].mean(1) for chosen in SCORE_LANDMARKS], axis=1),
        camera=camera.weak_perspective(camera.to_camera(coco3d), coco2d, bbox),
        bbox=bbox,
        observed=observed(joints, visibility),
        unfiltered=unfiltered,
    )


def boxes(picture: Floats, size: tuple[int, int], margin: float = 0.1) -> Floats:
    """(n, 4) x0 y0 x1 y1 round landmarks (n, 33, 2), with a share of their extent as margin."""
    low, high = picture.min(1), picture.max(1)
    room = margin * (high - low).max(1, keepdims=True)
    corners = np.concatenate([low - room, high + room], axis=1)
    cut: Floats = np.clip(corners, 0, [*size, *size])
    return cut


def observed(joints: Floats, visibility: Floats) -> NDArray[np.bool_]:
    """Which rotations landmarks determine, twist included.

    Root, chest and head: three landmarks each. Shoulders where the elbow is bent. Hips and knees where the
    knee is bent or the toes are seen, the knee being a hinge. Nothing else: spine, neck and collars are
    shared out, forearms, wrists and ankles have swing but no twist, hands and toes have nothing.

    Args:
        joints: (n, 24, 3).
        visibility: (n, 33) of BlazePose's landmarks.

    Returns:
        (n, 24)
    """
    seen = visibility > _SEEN
    bent = kinematics.bending(joints) > 0.5
    result = np.zeros((len(joints), 24), bool)
    result[:, 0] = seen[:, [*body.HIPS, *body.SHOULDERS]].all(1)
    result[:, 9] = result[:, 0]
    result[:, 15] = seen[:, [body.NOSE, *body.EARS]].all(1)
    for side in (0, 1):
        arm = [body.SHOULDERS[side], body.ELBOWS[side], body.WRISTS[side]]
        leg = [body.HIPS[side], body.KNEES[side], body.ANKLES[side]]
        result[:, 16 + side] = seen[:, arm].all(1) & bent[:, side]
        result[:, 1 + side] = seen[:, leg].all(1) & (bent[:, 2 + side] | seen[:, body.TOES[side]])
        result[:, 4 + side] = result[:, 1 + side]
    return result


def _filtered(raw: _Track, times: Floats, sides: Floats) -> _Track:
    """Landmarks calmed by One-Euro filters that run both ways."""
    return _Track(
        one_euro(raw.picture, times, *_PICTURE_FILTER, units=sides),
        one_euro(raw.metric, times, *_METRIC_FILTER),
    )


def _in_camera(track: _Track, size: tuple[int, int]) -> Floats:
    """(n, 33, 3) landmarks from the middle of the hips, metres, in the camera's own axes."""
    points = body.sharpen(track.metric, track.picture)
    turn = camera.towards(track.picture[:, body.HIPS].mean(1), size)
    turned: Floats = np.einsum("nab,nkb->nka", turn, points)
    return turned
