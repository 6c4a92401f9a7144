"""The training clip nearest to a dance: does a model dance, or does it recite what it was trained on?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from popdanceset.errors import InputError
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS
from training.metrics.clip import Floats, Ints, checked
from training.motion.sides import OTHER_SIDE

WINDOW = 2.0
"""Seconds of dance that are compared at once: about four beats."""

HOP = 0.5
"""Seconds between the windows of a dance."""

POSES = 10.0
"""Poses a second of a window that are compared, with every frame of a training clip as their start."""

RATIO = 0.5
"""A copy is nearer than this share of the median distance between training clips and unrelated others."""

QUERIES = 100
"""Training clips, drawn at random, whose distances to the others set the threshold."""

FEWEST = 10
"""Training clips with unrelated others below which no threshold is set."""

CENTIMETRES = 100.0

SIZE = float(np.linalg.norm(SMPL_OFFSETS[1:], axis=1).sum())
"""Metres: the bones of the mean body, one after another."""


@dataclass(frozen=True, eq=False)
class TrainingClip:
    """A clip that a model was trained on.

    Attributes:
        name: name in reports.
        joints: (frames, 24, 3) metres, z up.
        related: names of its video and its music; clips that share one are not compared with each other for
            the threshold, because dancers repeat themselves to the same music.
    """

    name: str
    joints: Floats
    related: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Neighbour:
    """What a dance resembles most among the training clips.

    Attributes:
        dance: name of the dance.
        distance: cm, mean over the windows of the dance of their distances to the nearest training window.
        clip: training clip of the nearest window of all.
        closest: cm, distance of that window.
        at: seconds from the beginning of the dance to that window.
        clip_at: seconds from the beginning of the training clip.
        mirrored: whether the dance resembles the mirror image of the clip.
    """

    dance: str
    distance: float
    clip: str
    closest: float
    at: float
    clip_at: float
    mirrored: bool


@dataclass(frozen=True)
class Threshold:
    """The distance below which a dance counts as a copy.

    Attributes:
        distance: cm; None if there are too few training clips to set it.
        clips: training clips whose distances to unrelated ones set it.
        within: how many of these clips are themselves that near to an unrelated one: the copies that the rule
            finds where there are none, or where dancers dance one choreography to several pieces of music.
    """

    distance: float | None
    clips: int
    within: int = 0


def video_of(name: str) -> str:
    """Returns the video that a clip named `{bvid}_Clip_{n}` is cut from; other names are their own video."""
    return re.sub(r"_Clip_\d+$", "", name)


def postures(joints: Floats, mirrored: bool = False) -> Floats:
    """Poses without place, heading and body size.

    In each frame the root is moved to the origin, the body is turned about the vertical so that hips and
    shoulders face the same way, and scaled to the bones of the mean body.

    Args:
        joints: (frames, 24, 3) metres, z up.
        mirrored: return the mirror image.

    Returns:
        (frames, 69) float32 metres: 23 joints, x to the body's left, z up.
    """
    relative = joints.astype(np.float64) - joints[:, :1]
    bones = np.linalg.norm(relative[:, 1:] - relative[:, SMPL_PARENTS[1:]], axis=-1).sum(axis=1)
    relative *= (SIZE / np.maximum(bones, 1e-9))[:, None, None]
    left = relative[:, 1] - relative[:, 2] + relative[:, 16] - relative[:, 17]
    angle = np.arctan2(left[:, 1], left[:, 0])
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y, z = np.moveaxis(relative, -1, 0)
    turned = np.stack([x * cosine + y * sine, y * cosine - x * sine, z], axis=-1)
    if mirrored:
        turned = turned[:, OTHER_SIDE] * [-1, 1, 1]
    flat: Floats = turned[:, 1:].reshape(len(turned), -1).astype(np.float32)
    return flat


class TrainingSet:
    """Training clips, ready to be searched.

    Args:
        clips: at least one; those shorter than a window are never found.
        fps: frames a second of the clips, and of the dances that are compared with them.

    Raises:
        InputError: there are no clips, two have the same name, or one has a wrong shape or NaN.
    """

    def __init__(self, clips: Sequence[TrainingClip], fps: float) -> None:
        if not clips:
            raise InputError("there are no training clips", do="name the part or folder that holds them")
        self.clips = tuple(clips)
        self.fps = fps
        self._postures = [postures(checked(clip.joints, fps, clip.name)) for clip in clips]

    def nearest(self, name: str, joints: Floats, related: frozenset[str] = frozenset()) -> Neighbour | None:
        """Finds the training windows that are nearest to the windows of a dance.

        The distance of two windows is the root of the mean squared distance of their joints, of
        `postures`. A window may begin at any frame of a training clip; speed is not adapted. The mirror image
        is searched too, because training mirrors dances.

        Args:
            name: of the dance.
            joints: (frames, 24, 3) metres, z up, at the rate of the training clips.
            related: clips with one of these names, videos or pieces of music are left out.

        Returns:
            The neighbour; None if no clip that counts is as long as a window.

        Raises:
            InputError: the dance has a wrong shape, too few frames or NaN.
        """
        checked(joints, self.fps, name)
        step = max(1, round(self.fps / POSES))
        images = [postures(joints, mirrored)[::step] for mirrored in (False, True)]
        length = min(len(images[0]), round(WINDOW * self.fps / step))
        hop = max(1, round(HOP * self.fps / step))
        starts = np.arange(0, len(images[0]) - length + 1, hop)
        best = np.full(len(starts), np.inf)
        where = np.zeros((len(starts), 3), dtype=np.int64)
        for number, clip in enumerate(self.clips):
            if related & {clip.name, *clip.related} or len(self._postures[number]) < (length - 1) * step + 1:
                continue
            for mirrored, image in enumerate(images):
                found, at = _of_windows(image, self._postures[number], starts, length, step)
                nearer = found < best
                best[nearer] = found[nearer]
                where[nearer] = np.stack([np.full_like(at, number), at, np.full_like(at, mirrored)], 1)[
                    nearer
                ]
        if not np.isfinite(best).all():
            return None
        # The mean squared distance may fall below 0 by rounding.
        distances = np.sqrt(np.maximum(best, 0)) * CENTIMETRES
        window = int(distances.argmin())
        number, frame, mirrored = where[window].tolist()
        return Neighbour(
            name,
            float(distances.mean()),
            self.clips[number].name,
            float(distances[window]),
            float(starts[window] * step / self.fps),
            frame / self.fps,
            bool(mirrored),
        )

    def threshold(self, frames: int, seed: int = 0) -> Threshold:
        """Sets the distance below which a dance counts as a copy.

        It is half of the median distance between training clips and their nearest unrelated others. The
        median does not mind that some choreographies are danced in several videos, and needs few clips.

        Args:
            frames: training clips are cut to this length, that of the dances.
            seed: seed of the draw among more than `QUERIES` clips.
        """
        long = [clip for clip in self.clips if len(clip.joints) >= min(frames, WINDOW * self.fps)]
        if len(long) > QUERIES:
            drawn = np.sort(np.random.default_rng(seed).choice(len(long), QUERIES, replace=False))
            long = [long[number] for number in drawn.tolist()]
        found = [self.nearest(clip.name, clip.joints[:frames], clip.related | {clip.name}) for clip in long]
        distances = [neighbour.distance for neighbour in found if neighbour is not None]
        if len(distances) < FEWEST:
            return Threshold(None, len(distances))
        limit = RATIO * float(np.median(distances))
        return Threshold(limit, len(distances), int((np.array(distances) < limit).sum()))


def _of_windows(dance: Floats, clip: Floats, starts: Ints, length: int, step: int) -> tuple[Floats, Ints]:
    """Squared distance of each window of a dance to the nearest window of a clip, and the latter's start.

    Args:
        dance: (poses, 69), every `step`-th frame.
        clip: (frames, 69), every frame.
        starts: first poses of the windows.
        length: poses of a window.
        step: frames of the clip from one pose to the next.
    """
    squares = np.einsum("fc,fc->f", dance, dance)[:, None] + np.einsum("fc,fc->f", clip, clip)
    apart: np.ndarray[Any, Any] = squares - 2 * (dance @ clip.T)
    places = len(clip) - (length - 1) * step
    found = np.empty(len(starts))
    at = np.empty(len(starts), dtype=np.int64)
    for number, start in enumerate(starts.tolist()):
        total = np.zeros(places, dtype=np.float64)
        for pose in range(length):
            total += apart[start + pose, pose * step : pose * step + places]
        at[number] = total.argmin()
        found[number] = total[at[number]]
    return found / (length * (clip.shape[1] // 3)), at
