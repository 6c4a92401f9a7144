"""HybrIK as a pose estimator: boxes from BlazePose, crops, the network in batches, and its camera in ours.

HybrIK assumes a focal length of 1000 pixels of its 256 pixel crop, whatever the crop shows: f · side / 256 of
the clip's pixels, another one for every box. Its distances are carried over to the one focal length that
`hybrik_runner.poses.camera` assumes for the clip; sideways nothing changes. So a dancer who comes closer does
so in the pose table as well.

`pose.hybrik_published` repeats two slips of the published code (`hybrik_runner.hybrik.network.HybrIK`).
Without them, the recorded outputs of the official network (`hybrik_runner.hybrik.check`, recipe weights) are
met all the same on the runs without flip test; with it they differ by the flip test's shift alone: in the
right half of the mirrored heat maps the published code shows one column in place of fifteen. That is a slip
and no choice, so it is not repeated by default.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose.census import Census
from hybrik_runner.blazepose.estimator import BlazePose
from hybrik_runner.blazepose.estimator import boxes as around
from hybrik_runner.blazepose.estimator import load_estimator as load_blazepose
from hybrik_runner.estimator import PoseEstimator, Poses
from hybrik_runner.hybrik import assets, crop
from hybrik_runner.hybrik.boxes import boxes
from hybrik_runner.poses import camera
from hybrik_runner.poses.forward_kinematics import forward_kinematics
from hybrik_runner.running.batching import Halving, fitting, free_memory
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS

if TYPE_CHECKING:
    import torch

    from hybrik_runner.hybrik.engine import Engine
    from hybrik_runner.hybrik.network import HybrIK, Result
    from popdanceset.media import Frame
    from popdanceset.settings import Settings

Floats = NDArray[np.float64]

COCO_FROM_H36M = (11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3)
"""Human3.6M's number of COCO's shoulders, elbows, wrists, hips, knees and ankles, each left then right."""

FACE_VERTICES = (332, 2800, 6260, 583, 4071)
"""SMPL vertices that stand for COCO's nose, eyes and ears, left before right: those that the package smplx
of SMPL's authors names (its `vertex_ids.py`)."""

_LIMBS = (4, 5, 7, 8, 18, 19, 20, 21)
_LIMB_LENGTHS = np.linalg.norm(SMPL_OFFSETS[list(_LIMBS)], axis=1)
_LEAST_SIDE = 8.0
"""Pixels. Of a smaller box a crop shows nothing."""

_MOST_ON_CPU, _MOST_ON_GPU = 2, 128
"""Pictures at a time beyond which nothing becomes faster: with the flip test a batch is twice that."""

_ON_CPU = (64 << 20, 64 << 20)
"""Bytes of any batch and of each picture, flip test included, beside the network itself: about twice what was
measured, 34 MB for one picture and 108 MB for four."""


@dataclass(frozen=True, slots=True)
class Crop:
    """What the network is told of a picture.

    Attributes:
        picture: (256, 256, 3) uint8 RGB, the square scaled.
        square: (4,) x0 y0 x1 y1 that it shows, pixels of the clip.
        centre: (2,) of the clip's picture, pixels.
        box: (4,) x0 y0 x1 y1 of the dancer, pixels.
        people: how many dancers were counted; None: nobody counted.
    """

    picture: NDArray[np.uint8]
    square: Floats
    centre: Floats
    box: Floats
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What HybrIK says of one crop; float64, metres, the camera's axes as in `network.Result`.

    Attributes:
        rotations: (24, 3, 3) parent-relative; the root's leads to the camera's axes.
        betas: (10,) shape.
        phi: (23, 2) cosine and sine of the twists.
        uvd: (29, 3) joints in the square.
        joints_29: (29, 3) as predicted, relative to the root.
        joints_24: (24, 3) of the posed body, relative to its root.
        joints_17: (17, 3) Human3.6M's, relative to their root.
        coco: (17, 3) COCO's joints of the posed body, relative to SMPL's root.
        scale: weak-perspective scale as predicted.
        cam_scale: the same, refined.
        cam_root: (3,) the root before HybrIK's own camera.
        scores: (29,) maxima of the heat maps.
        crop: what it was told.
    """

    rotations: Floats
    betas: Floats
    phi: Floats
    uvd: Floats
    joints_29: Floats
    joints_24: Floats
    joints_17: Floats
    coco: Floats
    scale: Floats
    cam_scale: Floats
    cam_root: Floats
    scores: Floats
    crop: Crop


class HybrIKEstimator(PoseEstimator[Crop, Sight]):
    """HybrIK on one device.

    Args:
        network: with weights, in evaluation mode.
        engine: runs it.
        follower: finds the boxes.
        flip: whether to average with the mirrored picture.
        box_every: of how many pictures the follower looks at one.
        batch: pictures the network takes at a time; halved when memory is used up.
        padded: whether smaller batches are filled up: a compiled graph is one for batches of one size.
    """

    def __init__(
        self,
        network: HybrIK,
        engine: Engine,
        follower: BlazePose,
        *,
        flip: bool = True,
        box_every: int = 1,
        batch: int = 4,
        padded: bool = False,
    ) -> None:
        self.name = f"hybrik-{network.backbone}" + ("-flip" if flip else "")
        self._network, self._engine, self._follower = network, engine, follower
        self._flip, self._box_every, self._padded = flip, box_every, padded
        self._halving: Halving[Crop, Sight | None] = Halving(self._see, batch)

    @property
    def batch(self) -> int:
        """Pictures the network takes at a time."""
        return self._halving.size

    @property
    def lanes(self) -> int:
        """As many as the engine shares its device among."""
        return self._engine.lanes

    def track(self, frames: Iterable[Frame]) -> Iterator[Crop | None]:
        """As `PoseEstimator.track`: boxes by BlazePose, cut out."""
        follow, census = self._follower.follower(), self._follower.census()
        counts: dict[float, int] = {}

        def look(frame: Frame) -> Floats | None:
            found = follow(frame)
            if found is None:
                return None
            if (count := census(frame)) is not None:
                counts[frame.time] = count
            height, width = frame.image.shape[:2]
            box: Floats = around(found.picture[None], (width, height))[0]
            return box

        for frame, box in boxes(frames, look, self._box_every):
            yield None if box is None else cut(frame, box, counts.pop(frame.time, None))

    def predict(self, views: Sequence[Crop]) -> list[Sight | None]:
        """As `PoseEstimator.predict`. None where a number is none, or the camera's scale not positive.

        Raises:
            AssetError: not even one picture fits the memory.
        """
        return self._halving(views)

    def _see(self, views: Sequence[Crop]) -> list[Sight | None]:
        import torch

        from hybrik_runner.hybrik.heads import box_offset

        count = len(views)
        shown = [*views, *[views[-1]] * (self._halving.size - count)] if self._padded else views
        with torch.inference_mode(), self._engine.lane():
            pictures = torch.from_numpy(np.stack([view.picture for view in shown]))
            seen = self._engine.predict(pictures, flip=self._flip)
            squares = torch.from_numpy(np.stack([view.square for view in shown]).astype(np.float32))
            centres = torch.from_numpy(np.stack([view.centre for view in shown]).astype(np.float32))
            usable = seen.usable()
            offset = box_offset(squares, centres).to(usable.device)
            result = self._network.fit(seen.where(usable), offset)
            return sights(result, views, usable.cpu().numpy())

    def poses(self, times: Floats, size: tuple[int, int], sights: Sequence[Sight | None]) -> Poses:
        """As `PoseEstimator.poses`."""
        return poses(times, size, sights)


def cut(frame: Frame, box: Floats, people: int | None = None) -> Crop | None:
    """What the network is told of a picture and a box (4,); None if the box is too small to show anything."""
    if not np.isfinite(box).all() or (box[2:] - box[:2]).max() < _LEAST_SIDE:
        return None
    square = crop.enlarge(box[None])[0]
    height, width = frame.image.shape[:2]
    return Crop(crop.cut(frame.image, square), square, np.array([width / 2, height / 2]), box, people)


def sights(
    result: Result, views: Sequence[Crop], usable: NDArray[np.bool_] | None = None
) -> list[Sight | None]:
    """One sight a view, of the first rows of a result.

    Args:
        result: of at least as many rows.
        views: what the network was told.
        usable: (rows,) of `Prediction.usable`; None: all are.

    Returns:
        None where the prediction or the body that was found for it is of no use.
    """
    import torch

    from hybrik_runner.hybrik.heads import LEAST_SCALE

    face = result.vertices[:, list(FACE_VERTICES)]
    coco = torch.cat([face, result.joints_17[:, list(COCO_FROM_H36M)]], 1) + result.pelvis[:, None]
    columns = {
        "rotations": result.rotations, "betas": result.betas, "phi": result.phi, "uvd": result.uvd,
        "joints_29": result.joints_29, "joints_24": result.joints_24, "joints_17": result.joints_17,
        "coco": coco, "scale": result.scale, "cam_scale": result.cam_scale, "cam_root": result.cam_root,
        "scores": result.maxima,
    }  # fmt: skip
    # One copy from the device, not a dozen.
    flat = torch.cat([values.flatten(1) for values in columns.values()], 1).double().cpu().numpy()
    sound = np.isfinite(flat).all(1)
    if usable is not None:
        sound &= usable
    shapes = [tuple(values.shape[1:]) for values in columns.values()]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    given: list[Sight | None] = []
    for row, view, good in zip(flat, views, sound, strict=False):
        parts = [part.reshape(shape) for part, shape in zip(np.split(row, ends), shapes, strict=True)]
        sight = Sight(crop=view, **dict(zip(columns, parts, strict=True)))
        before_camera = sight.cam_scale[0] > LEAST_SCALE and sight.cam_root[2] > 0
        given.append(sight if good and before_camera else None)
    return given


def poses(times: Floats, size: tuple[int, int], sights: Sequence[Sight | None]) -> Poses:
    """Poses of a clip from HybrIK's answers.

    The skeleton's scale is the median over the clip and over the limb bones of their lengths in the posed
    body. COCO's limbs are Human3.6M's joints of the posed body, its face SMPL's vertices; in the picture they
    are where HybrIK's own camera shows them. Scores are the maxima of the heat maps. Twists are predicted, so
    that every rotation counts as observed.

    Args:
        times: (m,) seconds of all pictures.
        size: width and height of the pictures, pixels.
        sights: m of them.
    """
    found = np.array([sight is not None for sight in sights], bool)
    seen = [sight for sight in sights if sight is not None]
    people = Census.median(sight.crop.people for sight in seen)
    if not seen:
        return Poses.none(times, size, people)
    rotations = np.stack([sight.rotations for sight in seen])
    rotations[:, 0] = camera.to_world(rotations[:, 0].swapaxes(1, 2)).swapaxes(1, 2)
    joints = np.stack([sight.joints_24 for sight in seen])
    parents = [SMPL_PARENTS[joint] for joint in _LIMBS]
    lengths = np.linalg.norm(joints[:, _LIMBS] - joints[:, parents], axis=2)
    scaling = float(np.clip(np.median(lengths / _LIMB_LENGTHS), 0.3, 3.0))

    coco = np.stack([sight.coco for sight in seen])
    root = np.stack([sight.cam_root for sight in seen])
    square = np.stack([sight.crop.square for sight in seen])
    bbox = np.stack([sight.crop.box for sight in seen])
    centre = np.stack([sight.crop.centre for sight in seen])
    side = square[:, 2] - square[:, 0]
    focal = _focal_lengths(side)
    placed = coco + root[:, None]
    distance = np.concatenate([root[:, :2], root[:, 2:] * (camera.focal_length(size) / focal)[:, None]], 1)
    return Poses(
        times=times,
        found=found,
        size=size,
        scaling=scaling,
        rotations=rotations,
        cam_root=distance,
        coco3d=camera.to_world(coco),
        coco2d=centre[:, None] + focal[:, None, None] * placed[..., :2] / placed[..., 2:],
        scores=np.stack([sight.scores for sight in seen]),
        camera=_weak_perspective(np.array([s.cam_scale[0] for s in seen]), root, side, centre, bbox),
        bbox=bbox,
        observed=np.ones((len(seen), 24), bool),
        unfiltered=forward_kinematics(rotations, scaling),
        people=people,
    )


def _focal_lengths(side: Floats) -> Floats:
    """(n,) HybrIK's focal lengths in pixels of the clip, of squares with sides (n,)."""
    focal, size = 1000.0, 256.0  # as `heads.FOCAL` and `heads.SIZE`, which would bring torch along
    return focal / size * side


def _weak_perspective(scale: Floats, root: Floats, side: Floats, centre: Floats, bbox: Floats) -> Floats:
    """HybrIK's weak perspective, a metre being `scale` sides of its square, in the terms of the pose table.

    Args:
        scale: (n,) refined.
        root: (n, 3) before HybrIK's camera.
        side: (n,) of the squares, pixels.
        centre: (n, 2) of the pictures, pixels.
        bbox: (n, 4) of the dancer, pixels.

    Returns:
        (n, 3) as `camera.weak_perspective`.
    """
    middle = (bbox[:, :2] + bbox[:, 2:]) / 2
    half = (bbox[:, 2:] - bbox[:, :2]).max(1) / 2
    metre = side * scale
    shown = centre + (_focal_lengths(side) / root[:, 2])[:, None] * root[:, :2]
    return np.column_stack([metre / half, (shown - middle) / metre[:, None]])


def load_estimator(settings: Settings) -> HybrIKEstimator:
    """The estimator of entry-point group `hybrik_runner.estimators`, on the first of `pose.devices`.

    Raises:
        AssetError: torch, weights, the body or BlazePose's files are missing or not what they should be.
        SettingsError: there is no such device.
    """
    network = assets.load_network(settings)
    from hybrik_runner.hybrik import heads, twist_swing
    from hybrik_runner.hybrik.engine import Engine, device, number_type

    pose = settings.pose
    if pose.hybrik_published:
        network.shift, network.slack = heads.PUBLISHED_SHIFT, twist_swing.PUBLISHED_SLACK
    where = device(pose.devices)
    kind = number_type(pose.precision, where)
    engine = Engine(network, where, kind, compiled=pose.compile, lanes=lanes(where))
    return HybrIKEstimator(
        network,
        engine,
        load_blazepose(settings),
        flip=pose.flip_test,
        box_every=pose.box_every,
        batch=pose.batch_size or batch_size(engine, where, flip=pose.flip_test),
        padded=pose.compile,
    )


def lanes(where: torch.device) -> int:
    """How many threads share a device. On a processor each has a core and memory for its batch; on a GPU one
    puts a batch together while the other's is calculated."""
    import torch

    if where.type != "cpu":
        return 2
    return fitting(free_memory(), 0, sum(_ON_CPU), torch.get_num_threads())


def batch_size(engine: Engine, where: torch.device, *, flip: bool) -> int:
    """How many pictures fit the device's memory: on a GPU by trial of one and of two."""
    if where.type != "cuda":
        return fitting(free_memory() // engine.lanes, *_ON_CPU, _MOST_ON_CPU)
    import torch

    peaks = []
    for count in (1, 2):
        torch.cuda.reset_peak_memory_stats(where)
        blank = torch.zeros(count, crop.SIDE, crop.SIDE, 3, dtype=torch.uint8)
        with torch.inference_mode():
            engine.predict(blank, flip=flip)
        peaks.append(torch.cuda.max_memory_allocated(where) - torch.cuda.memory_allocated(where))
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(where)
    per_picture = peaks[1] - peaks[0]
    # Each of the lanes has a batch on the device.
    return fitting(free // engine.lanes, peaks[0] - per_picture, per_picture, _MOST_ON_GPU)
