"""What a reader of a motion layout is, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from popdanceset.errors import InputError
from popdanceset.motion.content import Content
from popdanceset.motion.joint_motion import Array

FPS_NAMES = ("fps", "mocap_framerate", "mocap_frame_rate", "frame_rate", "framerate")


@dataclass(frozen=True)
class Recording:
    """A motion in the axes and unit of its file: joints, or rotations with a translation, or both.

    Attributes:
        joints: (frames, 24, 3) positions; None if they follow from the rotations.
        poses: (frames, 24, 3) axis-angle, radians, relative to the parents; None if there are none.
        translation: (frames, 3) of the root; there if there are rotations.
        notes: what was assumed or left out.
    """

    joints: Array | None = None
    poses: Array | None = None
    translation: Array | None = None
    notes: tuple[str, ...] = ()


class Layout(Protocol):
    """A reader of one layout: which arrays a project writes, under which names, in which axes."""

    @property
    def name(self) -> str:
        """Name of the layout, for messages and protocols."""

    @property
    def keys(self) -> frozenset[str]:
        """Names of the arrays that it reads."""

    @property
    def fps(self) -> float | None:
        """The rate of its files, if they all have the same."""

    @property
    def up(self) -> str | None:
        """The axis that points up in its files; None if that is not defined."""

    @property
    def usual_up(self) -> str:
        """Where `up` is None: the axis to assume if the posture of the body does not show it."""

    @property
    def unit(self) -> str:
        """Unit of positions in its files."""

    def fits(self, content: Content) -> bool:
        """Whether the file has this layout."""

    def read(self, content: Content) -> Recording:
        """Reads the motion.

        Raises:
            InputError: an array has a wrong shape, or contains something else than its name says.
        """


class Published:
    """Conventions of a layout; subclasses state what differs from z up and metres."""

    name: str = ""
    keys: frozenset[str] = frozenset()
    fps: float | None = None
    up: str | None = "z"
    usual_up: str = "z"
    unit: str = "m"


def shaped(array: Array, shape: tuple[int, ...], content: Content, frames: int | None = None) -> Array:
    """Reshapes an array to (frames, *shape): values of a frame may be flat, batches of one are opened.

    Raises:
        InputError: the array has another number of values or frames.
    """
    width = int(np.prod(shape))
    found = array
    while found.ndim > 2 and found.shape[0] == 1 and found[0].size != width:
        found = found[0]
    rest = tuple(size for size in found.shape[1:] if size != 1)
    allowed = {(width,), shape, (shape[0], width // shape[0])}
    fits = found.ndim > 1 and len(found) > 0 and rest in {tuple(s for s in fit if s != 1) for fit in allowed}
    if not fits or (frames is not None and len(found) != frames):
        expected = " × ".join(map(str, (frames or "frames", *shape)))
        raise InputError(f"an array of shape {array.shape} instead of {expected}", content.path)
    return found.reshape(len(found), *shape)


def per_frame(array: Array, name: str, frames: int, content: Content) -> Array:
    """A positive number as (1, 1), or one for each frame as (frames, 1).

    Raises:
        InputError: the array has another size, or a value is not above 0.
    """
    if array.size not in (1, frames) or not (array > 0).all():
        raise InputError(
            f"a {name} of shape {array.shape}", content.path, "give one number above 0, or one for each frame"
        )
    return array.reshape(-1, 1)
