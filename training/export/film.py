"""Films of motions, one beside another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from popdanceset.errors import InputError
from popdanceset.film import Picture, Sound, write_film
from popdanceset.motion.joint_motion import JointMotion, resampled
from training.export.render import render

_LABEL = (205, 210, 220)


def write_motions(
    motions: Sequence[JointMotion],
    target: Path,
    fps: int = 30,
    sound: Sound | None = None,
    size: tuple[int, int] = (480, 640),
) -> int:
    """Writes motions side by side as an MP4. The last picture of a shorter motion stays until the end.

    Args:
        motions: joints in metres, z up; each is placed on the floor.
        target: the file.
        fps: frames a second of the film; motions are resampled to it.
        sound: audio that starts with the motions.
        size: width and height of each motion's picture, pixels.

    Returns:
        Number of frames.

    Raises:
        InputError: a motion contains NaN or infinity, or the file cannot be written.
    """
    if target.suffix.lower() != ".mp4":
        raise InputError("films are written as MP4", target, "give a name that ends in .mp4")
    ready = [resampled(grounded(motion), fps) for motion in motions]
    longest = max(len(motion.joints) for motion in ready)
    return write_film(target, itertools.islice(_side_by_side(ready, fps, size), longest), fps, sound)


def grounded(motion: JointMotion) -> JointMotion:
    """The motion with its floor, the 5th percentile of its lowest joints, at z = 0."""
    joints = np.array(motion.joints)
    floor = np.percentile(joints[..., 2].min(1), 5)
    joints[..., 2] -= floor if np.isfinite(floor) else 0
    return replace(motion, joints=joints)


def _side_by_side(motions: Sequence[JointMotion], fps: int, size: tuple[int, int]) -> Iterator[Picture]:
    streams = [_labelled(motion, fps, size) for motion in motions]
    while True:
        yield np.concatenate([next(stream) for stream in streams], axis=1)


def _labelled(motion: JointMotion, fps: int, size: tuple[int, int]) -> Iterator[Picture]:
    """Pictures of a motion with its name; the last one without end."""
    name = motion.name.encode("ascii", "replace").decode()
    picture = None
    for picture in render(motion.joints, fps, size):
        height = max(10, size[1] // 28)
        cv2.putText(
            picture, name[:60], (height, 2 * height), cv2.FONT_HERSHEY_SIMPLEX, height / 30, _LABEL, 1,
            cv2.LINE_AA,
        )  # fmt: skip
        yield picture
    assert picture is not None
    yield from itertools.repeat(picture)
