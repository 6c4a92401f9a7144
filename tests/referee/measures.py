"""A pose table against the truth."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hybrik_runner.poses.table import calibration_of
from popdanceset import media
from popdanceset.errors import InputError
from popdanceset.motion import floor
from popdanceset.motion.accuracy import acceleration_error, procrustes, root_translation_error
from popdanceset.rotations.arrays import nearest_rotation
from popdanceset.schema import FPS
from popdanceset.skeleton import FOOT_JOINTS, LIMB_JOINTS
from tests.referee.clips import Clip

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_HIPS = [6, 7]
_EXCHANGES = {
    "arms": (2, 4),
    "legs": (8, 10),
    "arms and legs": (2, 4, 8, 10),
    "shoulders and arms": (0, 2, 4),
    "hips and legs": (6, 8, 10),
    "everything": (0, 2, 4, 6, 8, 10),
}
"""First joints of the pairs that are exchanged together, in the order of `LIMB_JOINTS`."""
_COCO_ANKLES = [15, 16]
_SLIDING = 0.3  # m/s
_RATIO, _METRES = 0.8, 0.010
"""A frame is exchanged if the error with left and right of the truth exchanged is at most this share of what
it is otherwise, and lower by at least these metres, in the mean of all twelve joints. Ten millimetres of that
mean are 30 mm of each elbow, wrist, knee and ankle of arms or legs that are exchanged."""


@dataclass(frozen=True)
class Score:
    """What a pose table achieves on a clip; NaN where the truth is unknown.

    Attributes:
        error: PA-MPJPE of the twelve limb joints, mm.
        exchanged: share of the frames with left and right exchanged (`exchanged_frames`), %.
        acceleration: acceleration error of the limb joints about the hips, m/s²; the table is turned as a
            whole clip into the truth's axes.
        skating: share of the feet on the floor that skate (`popdanceset.motion.floor.Footing`), %. It counts
            feet that swing low over the floor, so that the truth itself skates.
        gliding: share of the feet on the floor whose ankles move that fast in the picture itself, %: they
            glide or swing low, and do not stand.
        sliding: share of the truly standing feet of which neither ankle nor toe is slower than 0.3 m/s (one
            centimetre a frame, as others count sliding), without a contact's first and last frame, %.
        deviation: mean distance of a standing foot from the floor, up or down, mm. Feet stand where the truth
            says so, else where the table's own lowest points rest.
        rte: root translation error after rigid alignment, % of the path of the hips' middle.
        found: share of the frames in which the dancer was found, %.
        speed: frames per second from file to parquet.
    """

    error: float
    exchanged: float
    acceleration: float
    skating: float
    gliding: float
    sliding: float
    deviation: float
    rte: float
    found: float
    speed: float


NOTHING = {f.name: float("nan") for f in fields(Score)}
"""Figures of which none is known."""


def score(clip: Clip, table: pa.Table | None, report: dict[str, Any]) -> Score:
    """Returns the figures of a clip.

    Args:
        table: pose table (schema FRAMES); None if nobody was found, and then there are no figures of poses.
        report: what `extract_file` reported of it.

    Raises:
        InputError: table and truth differ in length by more than two frames.
    """
    figures = NOTHING | {
        "found": 100.0 * report["found"] / max(report["pictures"], 1),
        "speed": float(report.get("pictures_per_second", np.nan)),
    }
    if table is None:
        return Score(**figures)
    relative, root = column(table, "joints3d", 24, 3), column(table, "smpl_trans", 3)
    scale = float(column(table, "smpl_scaling", 1)[0, 0])
    film = media.probe(clip.film)
    figures |= {
        "skating": 100 * floor.footing(root, relative, scale, FPS).skating,
        "gliding": 100 * gliding(table, (film.width, film.height)),
        "sliding": 100 * sliding((relative + root[:, None])[:, FOOT_JOINTS], clip.contact),
        "deviation": 1000 * deviation(floor.heights(root, relative, scale), clip.contact),
    }
    if clip.joints is not None:
        count = min(len(clip.joints), len(root))
        if abs(len(clip.joints) - len(root)) > 2:
            raise InputError(f"{len(root)} rows for {len(clip.joints)} frames of truth", clip.film)
        truth = clip.joints[:count]
        joints = relative[:count, list(LIMB_JOINTS)]
        figures |= {
            "error": 1000 * float(errors(joints, truth).mean()),
            "exchanged": 100 * float(exchanged_frames(joints, truth).mean()),
            "acceleration": acceleration_about_hips(joints, truth),
            "rte": 100 * root_translation_error(_hips(joints + root[:count, None]), _hips(truth)),
        }
    return Score(**figures)


def score_of_truth(clip: Clip) -> Score:
    """Returns the figures of the truth itself that need no other truth: what its own feet do."""
    figures = dict(NOTHING)
    if clip.feet is not None:
        joints = np.zeros((len(clip.feet), 24, 3))
        joints[:, FOOT_JOINTS] = clip.feet
        # `floor` counts from the heights that SMPL's joints have in a flat foot.
        joints[:, FOOT_JOINTS, 2] -= floor.heights(np.zeros((1, 3)), np.zeros((1, 24, 3)), 1.0)
        figures |= {
            "skating": 100 * floor.footing(np.zeros((len(joints), 3)), joints, 1.0, FPS).skating,
            "sliding": 100 * sliding(clip.feet, clip.contact),
            "deviation": 1000 * deviation(clip.feet[..., 2], clip.contact),
        }
    return Score(**figures)


def column(table: pa.Table, name: str, *shape: int) -> Floats:
    """Returns a column of fixed-size lists as an array (n, …)."""
    values = table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(values, np.float64).reshape(-1, *shape)


def errors(joints: Floats, truth: Floats) -> Floats:
    """(n,) mean distance of joints (n, k, 3) from the truth after Procrustes alignment, frame by frame."""
    distances: Floats = np.linalg.norm(procrustes(joints, truth) - truth, axis=2).mean(1)
    return distances


def exchanged_frames(joints: Floats, truth: Floats) -> Flags:
    """Returns in which frames (n,) left and right are exchanged.

    Each way of `_EXCHANGES` is tried on the truth: pairs of arms, of legs, both, with shoulders or hips, or
    all. The body is aligned anew for each of them, so that a trunk that was seen the right way round decides
    about its limbs, and a body that was seen as its own mirror image counts too. Where limbs lie together,
    exchanging them changes little, and the frame is not counted.

    Args:
        joints, truth: (n, 12, 3) in the order of `LIMB_JOINTS`.
    """
    seen = errors(joints, truth)
    best = np.full_like(seen, np.inf)
    for pairs in _EXCHANGES.values():
        order = np.arange(12)
        for left in pairs:
            order[[left, left + 1]] = left + 1, left
        best = np.minimum(best, errors(joints, truth[:, order]))
    found: Flags = (best <= _RATIO * seen) & (seen - best >= _METRES)
    return found


def acceleration_about_hips(joints: Floats, truth: Floats) -> float:
    """Acceleration error of joints (n, 12, 3) about the hips' middle, m/s², one rotation for the clip."""
    about = [points - _hips(points)[:, None] for points in (joints, truth)]
    turn = nearest_rotation(np.einsum("nka,nkb->ab", about[1], about[0])[None])[0]
    return acceleration_error(about[0] @ turn.T, about[1], FPS)


def gliding(table: pa.Table, size: tuple[int, int]) -> float:
    """Returns the share of feet on the floor that are faster than 0.5 m/s in the picture itself, at the
    distance of the body; NaN if none is on the floor.

    Args:
        table: pose table.
        size: width and height of the film, pixels.
    """
    ankles = column(table, "coco_keypoints2d", 17, 2)[:, _COCO_ANKLES]
    metre = calibration_of(table, size).focal_length / column(table, "cam_root", 3)[:, 2:]
    speed = np.linalg.norm(np.gradient(ankles, 1 / FPS, axis=0), axis=2) / metre
    root, joints = column(table, "smpl_trans", 3), column(table, "joints3d", 24, 3)
    on = floor.on_floor(floor.heights(root, joints, float(column(table, "smpl_scaling", 1)[0, 0])))
    return float((speed[on] > floor.SKATING).mean()) if on.any() else float("nan")


def sliding(feet: Floats, contact: Flags | None) -> float:
    """Returns the share of standing feet that slide; NaN if none is known to stand.

    Args:
        feet: (n, 4, 3) of `FOOT_JOINTS`, metres.
        contact: (n, 2) which feet stand; None: unknown.
    """
    if contact is None:
        return float("nan")
    count = min(len(contact), len(feet))
    inside = contact[:count].copy()
    inside[1:] &= contact[: count - 1]
    inside[:-1] &= contact[1:count]
    speed = np.linalg.norm(np.gradient(feet[:count, :, :2], 1 / FPS, axis=0), axis=2)
    slowest = np.minimum(speed[:, :2], speed[:, 2:])
    return float((slowest[inside] > _SLIDING).mean()) if inside.any() else float("nan")


def deviation(height: Floats, contact: Flags | None) -> float:
    """Returns the mean distance of standing feet from the floor, metres; NaN if none stands.

    Args:
        height: (n, 4) of `floor.heights`: ankles and toes.
        contact: (n, 2) which feet stand; None: the lowest points that neither rise nor fall.
    """
    lowest = np.minimum(height[:, :2], height[:, 2:])
    if contact is None:
        resting = floor.contacts(height, FPS)
        standing = resting[:, :2] | resting[:, 2:]
    else:
        count = min(len(contact), len(lowest))
        standing, lowest = contact[:count], lowest[:count]
    return float(np.abs(lowest[standing]).mean()) if standing.any() else float("nan")


def _hips(joints: Floats) -> Floats:
    """(n, 3) middle of the hips."""
    return np.asarray(joints[:, _HIPS].mean(1))
