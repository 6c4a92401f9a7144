"""BlazePose as a pose estimator: track the dancer, filter the landmarks, fit the SMPL skeleton along them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose import assets, body
from hybrik_runner.blazepose.body import ALL_SIDES, SIDES
from hybrik_runner.blazepose.census import Census
from hybrik_runner.blazepose.coco import LANDMARKS as COCO_LANDMARKS
from hybrik_runner.blazepose.detector import Detector
from hybrik_runner.blazepose.facing import backwards, upright
from hybrik_runner.blazepose.inverse_kinematics import bending, hinged, inverse_kinematics
from hybrik_runner.blazepose.landmarks import Landmarker, Landmarks, Region
from hybrik_runner.blazepose.people import People, load_detector
from hybrik_runner.blazepose.tracker import Tracker
from hybrik_runner.blazepose.variants import FULL, HEAVY, Variant
from hybrik_runner.estimator import PoseEstimator, Poses
from hybrik_runner.poses import camera, sides
from hybrik_runner.poses.labelling import labelling
from hybrik_runner.poses.one_euro import one_euro
from hybrik_runner.poses.smoothing import smooth
from popdanceset.motion.forward_kinematics import forward_kinematics, global_rotations
from popdanceset.skeleton import LIMB_JOINTS

if TYPE_CHECKING:
    from hybrik_runner.poses.camera import Calibration
    from popdanceset.media import Frame
    from popdanceset.settings import Settings

Floats = NDArray[np.float64]

_SEEN = 0.5

# Seconds. Bending planes of nearly straight limbs are noisy; a wide window over the twists moves no joint.
_TWIST_SIGMA = 0.12

_BODY_SIDE = 2.5
"""Metres that the side of the body's square is long, about: the unit of landmarks in the picture."""

_AGREEMENT = np.radians(20)

SCORE_LANDMARKS: tuple[tuple[int, ...], ...] = (
    (23, 24), (23,), (24,), (23, 24), (25,), (26,), (11, 12, 23, 24), (27,), (28,), (11, 12), (31,), (32,),
    (11, 12), (11,), (12,), (7, 8), (11,), (12,), (13,), (14,), (15,), (16,), (17, 19), (18, 20),
    (0, 7, 8), (17, 19, 21), (18, 20, 22), (29, 31), (30, 32),
)  # fmt: skip
"""Landmarks whose mean visibility is the confidence of each of the 24 SMPL joints and 5 leaves."""


@dataclass(frozen=True, slots=True)
class Detection:
    """The dancer in one frame. For BlazePose it is detection and prediction at once, since its network is the
    tracker too.

    Attributes:
        landmarks: landmarks of the dancer.
        people: how many dancers were counted in this frame; None: nobody counted.
        met: whether somebody else may be taken for the dancer from here on.
        second: landmarks that the heavy network found in the same frame (`hybrik_runner.blazepose.auto`);
            None: it did not look.
    """

    landmarks: Landmarks
    people: int | None = None
    met: bool = False
    second: Landmarks | None = None


class BlazePose(PoseEstimator[Detection, Detection]):
    """The embedded default estimator. Each frame's landmarks determine where to look in the next one, so its
    network runs in `track`, one thread for each clip; nothing is left for `predict`.

    Args:
        detector: finds the dancer in a whole frame.
        landmarker: finds the landmarks in a region.
        people: counts dancers now and then; None: nobody does.
        count_seconds: seconds between two counts.
        variant: which network the landmarker runs.
    """

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker,
        people: People | None = None,
        count_seconds: float = 4.0,
        variant: Variant = FULL,
    ) -> None:
        self.name, self._variant = variant.name, variant
        self._detector, self._landmarker = detector, landmarker
        self._people, self._count_seconds = people, count_seconds

    def tracker(self) -> Tracker:
        """Returns a tracker for one clip: `tracker(frame)` returns landmarks or None, frame by frame."""
        return Tracker(self._detector, self._landmarker)

    def census(self) -> Census:
        """Returns a counter of dancers for one clip."""
        return Census(self._people, self._count_seconds)

    def track(self, frames: Iterable[Frame]) -> Iterator[Detection | None]:
        """As `PoseEstimator.track`."""
        return (detection for _, detection in self.detections(frames))

    def detections(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detection | None]]:
        """Yields each frame of a clip with what was found in it."""
        tracker, census = self.tracker(), self.census()
        for frame in frames:
            landmarks = tracker(frame)
            yield frame, None if landmarks is None else Detection(landmarks, census(frame), tracker.met)

    def predict(self, detections: Sequence[Detection]) -> Sequence[Detection]:
        """Returns the detections themselves."""
        return detections

    def poses(
        self, times: Floats, calibration: Calibration, predictions: Sequence[Detection | None]
    ) -> Poses:
        """As `PoseEstimator.poses`."""
        found = np.array([detection is not None for detection in predictions], bool)
        seen = [detection for detection in predictions if detection is not None]
        return replace(
            poses(times, found, [detection.landmarks for detection in seen], calibration, self._variant),
            people=Census.median(detection.people for detection in seen),
            meetings=tuple(times[found][[detection.met for detection in seen]].tolist()),
        )


def load_estimator(settings: Settings) -> BlazePose:
    """Loads estimator `blazepose` of entry-point group `hybrik_runner.estimators`; fetches its model files if
    they are missing.

    Raises:
        AssetError: the model files or the runtime are missing and cannot be fetched.
    """
    return _load(settings, FULL)


def load_heavy(settings: Settings) -> BlazePose:
    """Loads estimator `blazepose-heavy`, as `load_estimator`."""
    return _load(settings, HEAVY)


def _load(settings: Settings, variant: Variant) -> BlazePose:
    folder = assets.ensure(settings, (*assets.ASSETS, variant.asset))
    return BlazePose(
        Detector(folder / assets.DETECTOR.name),
        Landmarker(folder / variant.asset.name, depths=variant.depths),
        load_detector(settings),
        settings.pose.count_seconds,
        variant,
    )


@dataclass(frozen=True, slots=True)
class _Track:
    """Landmarks of a clip: `image` (n, 33, 2) pixels, `metric` (n, 33, 3) camera axes."""

    image: Floats
    metric: Floats


def poses(
    times: Floats,
    found: NDArray[np.bool_],
    seen: list[Landmarks],
    calibration: Calibration,
    variant: Variant = FULL,
) -> Poses:
    """Assembles poses from the landmarks of a clip.

    Args:
        times: (m,) seconds of all frames.
        found: (m,) in which of them the dancer was found.
        seen: the landmarks in those, n of them.
        calibration: of the frames.
        variant: the network that found them.
    """
    if not seen:
        return Poses.none(times, calibration)
    raw = _Track(np.array([s.image for s in seen]), np.array([s.metric for s in seen]))
    sizes = np.array([Region.of_body(*s.body).side for s in seen])
    visibility = np.array([s.visibility for s in seen])
    raw, in_picture, exchanged, reversed_depths = _in_order(raw, times[found], sizes, visibility.mean(1))
    visibility = sides.exchanged(visibility, in_picture, ALL_SIDES)
    filtered = _filtered(raw, times[found], sizes, variant)

    points = _in_camera(filtered, calibration)
    scaling = body.skeleton_scale(points)
    skeleton = body.fit_skeleton(camera.to_world(points), scaling)
    rotations = inverse_kinematics(
        skeleton.joints,
        skeleton.head,
        skeleton.hands,
        twist_filter=lambda twist: smooth(twist, times[found], _TWIST_SIGMA),
    )
    joints = forward_kinematics(rotations, scaling)
    unfiltered_joints3d = body.fit_skeleton(camera.to_world(_in_camera(raw, calibration)), scaling).joints

    limbs = list(LIMB_JOINTS)
    in_camera = camera.to_camera(joints[:, limbs])
    weights = np.maximum(visibility[:, body.LIMB_LANDMARKS], 0.05)
    cam_root = camera.locate(in_camera, filtered.image[:, body.LIMB_LANDMARKS], weights, calibration)

    keypoints2d = filtered.image[:, COCO_LANDMARKS]
    keypoints3d = camera.to_world(points[:, COCO_LANDMARKS]) + joints[:, [1, 2]].mean(1, keepdims=True)
    bbox = boxes(filtered.image, calibration.size)
    return Poses(
        times=times,
        found=found,
        calibration=calibration,
        scaling=scaling,
        rotations=rotations,
        cam_root=cam_root,
        keypoints3d=keypoints3d,
        keypoints2d=keypoints2d,
        scores=np.stack([visibility[:, list(chosen)].mean(1) for chosen in SCORE_LANDMARKS], axis=1),
        camera=camera.weak_perspective(camera.to_camera(keypoints3d), keypoints2d, bbox),
        bbox=bbox,
        observed=observed(skeleton, rotations, visibility),
        unfiltered_joints3d=unfiltered_joints3d,
        exchanged=tuple(times[found][exchanged].tolist()),
        depth_reversed=tuple(times[found][reversed_depths].tolist()),
    )


def _in_order(
    raw: _Track, times: Floats, sizes: Floats, scores: Floats
) -> tuple[_Track, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Puts exchanged landmarks back: those of picture and space together over the whole clip, then each alone
    by its neighbours, for the network has a head for each. Also returns the flags of the picture (n, 3), in
    which frames (n,) there were any, and in which of them depths were reversed too."""
    unit = _BODY_SIDE / sizes[:, None, None]
    both, reversed_depths = labelling(
        raw.metric, raw.image * unit, times, SIDES, scores, backwards, upright(raw.metric, times)
    )
    # Legs or arms alone that are exchanged in the picture are as often right in space: putting back those of
    # a rendered kick took its error from 128 to 141 mm.
    both &= both.all(1, keepdims=True)
    image = sides.exchanged(raw.image, both, ALL_SIDES)
    metric = sides.exchanged(raw.metric, both, ALL_SIDES)
    metric[reversed_depths, :, 2] *= -1
    image_only = sides.exchanges(image * unit, times, SIDES)
    metric_only = sides.exchanges(metric, times, SIDES)
    track = _Track(
        sides.exchanged(image, image_only, ALL_SIDES), sides.exchanged(metric, metric_only, ALL_SIDES)
    )
    in_picture = both ^ image_only
    exchanged = np.asarray((in_picture | (both ^ metric_only)).any(1))
    return track, in_picture, exchanged, reversed_depths


def boxes(image: Floats, size: tuple[int, int], margin: float = 0.1) -> Floats:
    """Returns boxes (n, 4) x0 y0 x1 y1 round landmarks (n, 33, 2), with a share of their extent as margin."""
    low, high = image.min(1), image.max(1)
    room = margin * (high - low).max(1, keepdims=True)
    corners = np.concatenate([low - room, high + room], axis=1)
    cut: Floats = np.clip(corners, 0, [*size, *size])
    return cut


def observed(skeleton: body.Body, rotations: Floats, visibility: Floats) -> NDArray[np.bool_]:
    """Returns which rotations the landmarks determine, twist included.

    Root and chest: four landmarks each. Head: nose and ears. Hands (the wrists' rotations): wrist, little and
    forefinger. Shoulders where the elbow is bent. Hips and knees where the knee is bent or the toes are seen,
    the knee being a hinge. None of these counts where a joint's range of motion overruled what was seen.
    No other rotation is determined: spine, neck, elbows and collars only share what is known between their
        ends,
    ankles have a swing but no twist, fingers and toes have nothing.

    Args:
        skeleton: of n frames.
        rotations: (n, 24, 3, 3) parent-relative, of that skeleton.
        visibility: (n, 33) of BlazePose's landmarks.

    Returns:
        (n, 24)
    """
    seen = visibility > _SEEN
    bent = bending(skeleton.joints) > 0.5
    hinges, turns = hinged(skeleton.joints, rotations), global_rotations(rotations)
    result = np.zeros((len(seen), 24), bool)
    result[:, 0] = seen[:, [*body.HIPS, *body.SHOULDERS]].all(1)
    result[:, 9] = result[:, 0]
    result[:, 15] = seen[:, [body.NOSE, *body.EARS]].all(1) & _agree(turns[:, 15], skeleton.head)
    for side in (0, 1):
        hand = [body.ELBOWS[side], body.WRISTS[side], body.LITTLE_FINGERS[side], body.FOREFINGERS[side]]
        arm = [body.SHOULDERS[side], body.ELBOWS[side], body.WRISTS[side]]
        leg = [body.HIPS[side], body.KNEES[side], body.ANKLES[side]]
        result[:, 16 + side] = seen[:, arm].all(1) & bent[:, side] & hinges[:, side]
        result[:, 20 + side] = seen[:, hand].all(1) & _agree(turns[:, 20 + side], skeleton.hands[:, side])
        shown = np.where(bent[:, 2 + side], hinges[:, 2 + side], seen[:, body.TOES[side]])
        result[:, 1 + side] = seen[:, leg].all(1) & shown
        result[:, 4 + side] = result[:, 1 + side]
    return result


def _agree(found: Floats, wanted: Floats) -> NDArray[np.bool_]:
    """(n,) whether rotations (n, 3, 3) differ by less than the filter of twists may change them."""
    cosine = ((found * wanted).sum((1, 2)) - 1) / 2
    return np.asarray(cosine > np.cos(_AGREEMENT))


def _filtered(raw: _Track, times: Floats, sides: Floats, variant: Variant) -> _Track:
    """Filters landmarks by One-Euro filters that run both ways."""
    return _Track(
        one_euro(raw.image, times, *variant.image_filter, units=sides),
        one_euro(raw.metric, times, *variant.metric_filter),
    )


def _in_camera(track: _Track, calibration: Calibration) -> Floats:
    """(n, 33, 3) landmarks from the middle of the hips, metres, in the camera's own axes."""
    turn = camera.towards(track.image[:, body.HIPS].mean(1), calibration)
    return body.sharpen(np.einsum("nab,nkb->nka", turn, track.metric), track.image, calibration)
