"""BlazePose as a pose estimator: track the dancer, smooth the landmarks, lay the SMPL skeleton along them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose import assets, body
from hybrik_runner.blazepose.census import Census
from hybrik_runner.blazepose.coco import LANDMARKS as COCO_LANDMARKS
from hybrik_runner.blazepose.detector import Detector
from hybrik_runner.blazepose.inverse_kinematics import bending, hinged, inverse_kinematics
from hybrik_runner.blazepose.landmarks import Landmarker, Landmarks, Region
from hybrik_runner.blazepose.people import People, load_detector
from hybrik_runner.blazepose.tracker import Tracker
from hybrik_runner.estimator import PoseEstimator, Poses
from hybrik_runner.poses import camera
from hybrik_runner.poses.forward_kinematics import forward_kinematics, global_rotations
from hybrik_runner.poses.one_euro import one_euro
from hybrik_runner.poses.smoothing import smooth
from popdanceset.skeleton import LIMB_JOINTS

if TYPE_CHECKING:
    from popdanceset.media import Frame
    from popdanceset.settings import Settings

NAME = f"blazepose-full-{assets.VERSION}"

Floats = NDArray[np.float64]

_SEEN = 0.5

# Cut-off at rest (Hz) and its growth with speed, as MediaPipe's own pipeline filters picture points (speed
# in body sizes a second) and metric points (m/s) (pose_landmark_filtering.pbtxt of its later releases).
_PICTURE_FILTER = (0.05, 80.0)
_METRIC_FILTER = (0.1, 40.0)

# Seconds. Bending planes of nearly straight limbs waver; a wide window over them moves no joint.
_TWIST_SIGMA = 0.12

_AGREEMENT = np.radians(20)

SCORE_LANDMARKS: tuple[tuple[int, ...], ...] = (
    (23, 24), (23,), (24,), (23, 24), (25,), (26,), (11, 12, 23, 24), (27,), (28,), (11, 12), (31,), (32,),
    (11, 12), (11,), (12,), (7, 8), (11,), (12,), (13,), (14,), (15,), (16,), (17, 19), (18, 20),
    (0, 7, 8), (17, 19, 21), (18, 20, 22), (29, 31), (30, 32),
)  # fmt: skip
"""Landmarks whose mean visibility is the confidence of each of the 24 SMPL joints and 5 leaves."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The dancer in one picture; for BlazePose both view and sight, for its network is the tracker too.

    Attributes:
        landmarks: of the dancer.
        people: how many dancers were counted in this picture; None: nobody counted.
    """

    landmarks: Landmarks
    people: int | None = None


class BlazePose(PoseEstimator[Seen, Seen]):
    """The embedded default estimator. Each picture's landmarks tell where to look in the next one, so that
    its network runs in `track`, one thread a clip; there is nothing left to predict.

    Args:
        detector: finds the dancer in a whole picture.
        landmarker: finds the landmarks in a region.
        people: counts dancers now and then; None: nobody does.
        count_seconds: time between two counts.
    """

    name = NAME

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker,
        people: People | None = None,
        count_seconds: float = 4.0,
    ) -> None:
        self._detector, self._landmarker = detector, landmarker
        self._people, self._count_seconds = people, count_seconds

    def follower(self) -> Tracker:
        """Follows one dancer, picture by picture: `follower(frame)` gives landmarks, or None."""
        return Tracker(self._detector, self._landmarker)

    def census(self) -> Census:
        """Counts the dancers of a clip."""
        return Census(self._people, self._count_seconds)

    def track(self, frames: Iterable[Frame]) -> Iterator[Seen | None]:
        """As `PoseEstimator.track`: landmarks are what is seen, and where to look next."""
        follower, census = self.follower(), self.census()
        for frame in frames:
            landmarks = follower(frame)
            yield None if landmarks is None else Seen(landmarks, census(frame))

    def predict(self, views: Sequence[Seen]) -> Sequence[Seen]:
        """The views themselves."""
        return views

    def poses(self, times: Floats, size: tuple[int, int], sights: Sequence[Seen | None]) -> Poses:
        """As `PoseEstimator.poses`."""
        found = np.array([sight is not None for sight in sights], bool)
        seen = [sight for sight in sights if sight is not None]
        return replace(
            poses(times, found, [sight.landmarks for sight in seen], size),
            people=Census.median(sight.people for sight in seen),
        )


def load_estimator(settings: Settings) -> BlazePose:
    """The estimator of entry-point group `hybrik_runner.estimators`, its model files fetched if need be.

    Raises:
        AssetError: the model files or the runtime are missing and cannot be had.
    """
    folder = assets.ensure(settings)
    return BlazePose(
        Detector(folder / assets.DETECTOR.name),
        Landmarker(folder / assets.LANDMARKS.name),
        load_detector(settings),
        settings.pose.count_seconds,
    )


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
    rotations = inverse_kinematics(
        laid.joints,
        laid.head,
        laid.hands,
        twist_filter=lambda twist: smooth(twist, times[found], _TWIST_SIGMA),
    )
    joints = forward_kinematics(rotations, scaling)
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
        observed=observed(laid, rotations, visibility),
        unfiltered=unfiltered,
    )


def boxes(picture: Floats, size: tuple[int, int], margin: float = 0.1) -> Floats:
    """(n, 4) x0 y0 x1 y1 round landmarks (n, 33, 2), with a share of their extent as margin."""
    low, high = picture.min(1), picture.max(1)
    room = margin * (high - low).max(1, keepdims=True)
    corners = np.concatenate([low - room, high + room], axis=1)
    cut: Floats = np.clip(corners, 0, [*size, *size])
    return cut


def observed(laid: body.Body, rotations: Floats, visibility: Floats) -> NDArray[np.bool_]:
    """Which rotations landmarks determine, twist included.

    Root and chest: four landmarks each. Head: nose and ears. Hands (the wrists' rotations): wrist, little and
    forefinger. Shoulders where the elbow is bent. Hips and knees where the knee is bent or the toes are seen,
    the knee being a hinge. Nothing of that counts where a joint's range of motion overruled what was seen.
    Nothing else is: spine, neck, elbows and collars have their share of what is known between them, ankles
    have swing but no twist, fingers and toes have nothing.

    Args:
        laid: the skeleton of n pictures.
        rotations: (n, 24, 3, 3) parent-relative, from it.
        visibility: (n, 33) of BlazePose's landmarks.

    Returns:
        (n, 24)
    """
    seen = visibility > _SEEN
    bent = bending(laid.joints) > 0.5
    hinges, turns = hinged(laid.joints, rotations), global_rotations(rotations)
    result = np.zeros((len(seen), 24), bool)
    result[:, 0] = seen[:, [*body.HIPS, *body.SHOULDERS]].all(1)
    result[:, 9] = result[:, 0]
    result[:, 15] = seen[:, [body.NOSE, *body.EARS]].all(1) & _agree(turns[:, 15], laid.head)
    for side in (0, 1):
        hand = [body.ELBOWS[side], body.WRISTS[side], body.LITTLE_FINGERS[side], body.FOREFINGERS[side]]
        arm = [body.SHOULDERS[side], body.ELBOWS[side], body.WRISTS[side]]
        leg = [body.HIPS[side], body.KNEES[side], body.ANKLES[side]]
        result[:, 16 + side] = seen[:, arm].all(1) & bent[:, side] & hinges[:, side]
        result[:, 20 + side] = seen[:, hand].all(1) & _agree(turns[:, 20 + side], laid.hands[:, side])
        shown = np.where(bent[:, 2 + side], hinges[:, 2 + side], seen[:, body.TOES[side]])
        result[:, 1 + side] = seen[:, leg].all(1) & shown
        result[:, 4 + side] = result[:, 1 + side]
    return result


def _agree(found: Floats, wanted: Floats) -> NDArray[np.bool_]:
    """(n,) whether rotations (n, 3, 3) differ by less than the twists' filter may make of it."""
    cosine = ((found * wanted).sum((1, 2)) - 1) / 2
    return np.asarray(cosine > np.cos(_AGREEMENT))


def _filtered(raw: _Track, times: Floats, sides: Floats) -> _Track:
    """Landmarks calmed by One-Euro filters that run both ways."""
    return _Track(
        one_euro(raw.picture, times, *_PICTURE_FILTER, units=sides),
        one_euro(raw.metric, times, *_METRIC_FILTER),
    )


def _in_camera(track: _Track, size: tuple[int, int]) -> Floats:
    """(n, 33, 3) landmarks from the middle of the hips, metres, in the camera's own axes."""
    turn = camera.towards(track.picture[:, body.HIPS].mean(1), size)
    return body.sharpen(np.einsum("nab,nkb->nka", turn, track.metric), track.picture, size)
