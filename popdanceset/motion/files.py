"""Motion files of several projects, as joints and as rotations in metres, z up.

`popdanceset.motion.formats` reads a file, whatever its format is; the layout that fits its arrays
(`popdanceset.motion.layouts`) says which motion they are; the result is turned to z up and scaled to metres.
`Conventions` state what the user knows better. The `Source` of a motion says what was used, and how that is
known.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from popdanceset.errors import InputError
from popdanceset.motion.axes import poses_to_z_up, to_z_up
from popdanceset.motion.content import Content
from popdanceset.motion.conventions import CONTENTS, UNITS, UPS, Conventions, Origin, Source
from popdanceset.motion.formats import endings, is_motion, read_content, stem
from popdanceset.motion.joint_motion import FPS, Array, JointMotion, mean_body
from popdanceset.motion.layouts import KEYS, Layout, Recording, choose
from popdanceset.motion.layouts.base import FPS_NAMES
from popdanceset.motion.posture import standing_axis

__all__ = ["CONTENTS", "UNITS", "UPS", "Conventions", "SmplMotion", "motions_from_folder", "read_motion",
           "read_smpl"]  # fmt: skip

MUSIC_NAMES = ("music", "music_id")

MOST_RADIANS = 1e4
"""Axis-angle components above this are no rotations."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SmplMotion:
    """A motion as its file holds it, in metres, z up.

    Attributes:
        motion: its joints, and what is known about them.
        poses: (frames, 24, 3) axis-angle, radians, relative to the parents; None if the file has none.
        translation: (frames, 3) of the root, metres; there if there are poses.
    """

    motion: JointMotion
    poses: Array | None
    translation: Array | None


def read_motion(path: Path, conventions: Conventions | None = None) -> JointMotion:
    """Reads the motion in a file, or in a folder of frames, and logs what was assumed.

    Raises:
        InputError: the file is not readable, damaged or unsafe, or has no motion of SMPL's joints.
    """
    motion = read_smpl(path, conventions).motion
    report([motion], path)
    return motion


def read_smpl(path: Path, conventions: Conventions | None = None) -> SmplMotion:
    """Reads the motion in a file with its rotations, if there are any; logs nothing that was assumed.

    Raises:
        InputError: as `read_motion`.
    """
    conventions = conventions or Conventions()
    content = read_content(path, KEYS, conventions.content)
    layout, recording, notes = choose(content)
    return _converted(content, layout, recording, notes, conventions)


def motions_from_folder(folder: Path, conventions: Conventions | None = None) -> list[JointMotion]:
    """Reads all motions of a folder, in the order of their names. Files of other kinds are ignored.

    Raises:
        InputError: as `read_motion`; or the folder does not exist, or contains no motion.
    """
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", folder, "give a folder of motions") from None
    found: dict[str, Path] = {}
    for entry in entries:
        if not is_motion(entry):
            continue
        other = found.setdefault(stem(entry), entry)
        if other is not entry:
            _log.warning("%s contains %s twice; %s is ignored", folder, stem(entry), entry.name)
    if not found:
        raise InputError("contains no motion", folder, f"give a folder of {endings()} files")
    motions = [read_smpl(path, conventions).motion for path in found.values()]
    report(motions, folder)
    return motions


def report(motions: Iterable[JointMotion], where: object) -> None:
    """Logs what was assumed about motions, one line for all that were read in the same way."""
    for source, count in Counter(m.source for m in motions if m.source is not None).items():
        if not source.remarkable:
            continue
        unknown = source.fps_origin is Origin.ASSUMED
        advice = "give fps=" if unknown else "state fps=, up= or unit= if that is wrong"
        _log.warning(
            "%s: read as %s [%s; %s]", where, source, f"{count} motion{'s' if count > 1 else ''}", advice
        )


def _converted(
    content: Content, layout: Layout, recording: Recording, notes: tuple[str, ...], given: Conventions
) -> SmplMotion:
    """The recording in metres, z up."""
    fps, fps_origin = _rate(content, layout, given)
    unit, unit_origin = _stated(content, "unit", tuple(UNITS), given.unit, layout.unit)
    poses, translation, joints = recording.poses, recording.translation, recording.joints
    largest = (
        0.0 if poses is None or not np.isfinite(poses).any() else np.abs(poses[np.isfinite(poses)]).max()
    )
    if largest > MOST_RADIANS:
        raise InputError(
            f"rotations of up to {largest:.3g} radians", content.path, "give axis-angle vectors in radians"
        )
    if unit != "m":
        factor = UNITS[unit]
        translation = None if translation is None else translation * factor
        joints = None if joints is None else _floats(joints) * _floats(joints).dtype.type(factor)
    if joints is None:
        assert poses is not None
        assert translation is not None
        joints = mean_body(poses, translation)
    joints = _floats(joints)
    up, up_origin = _up(content, layout, given, joints)
    source = Source(layout.name, fps, up, unit, fps_origin, up_origin, unit_origin, notes)
    motion = JointMotion(
        name=content.name,
        joints=to_z_up(joints, up),
        fps=fps,
        file=content.path.name,
        music_name=content.text(MUSIC_NAMES),
        seconds_to_generate=content.number(("seconds_to_generate",)),
        source=source,
    )
    if poses is None or translation is None:
        return SmplMotion(motion, None, None)
    return SmplMotion(motion, poses_to_z_up(poses, up), to_z_up(translation, up))


def _rate(content: Content, layout: Layout, given: Conventions) -> tuple[float, Origin]:
    stated = content.number(FPS_NAMES)
    if given.fps is not None:
        if stated is not None and not np.isclose(given.fps, stated, rtol=1e-3):
            _log.warning(
                "%s: the file states %g fps; read with %g fps, as given", content.path, stated, given.fps
            )
        return given.fps, Origin.GIVEN
    if content.has("fps_assumed"):
        return stated or layout.fps or FPS, Origin.ASSUMED
    if stated is not None:
        return stated, Origin.FILE
    return (FPS, Origin.ASSUMED) if layout.fps is None else (layout.fps, Origin.LAYOUT)


def _stated(
    content: Content, name: str, allowed: tuple[str, ...], given: str | None, usual: str
) -> tuple[str, Origin]:
    """A convention that the user gave or the file states; otherwise the usual one."""
    if given is not None:
        return given, Origin.GIVEN
    stated = content.text((name,))
    return (stated, Origin.FILE) if stated in allowed else (usual, Origin.LAYOUT)


def _up(content: Content, layout: Layout, given: Conventions, joints: Array) -> tuple[str, Origin]:
    up, origin = _stated(content, "up", UPS, given.up, layout.up or layout.usual_up)
    if origin is not Origin.LAYOUT or layout.up is not None:
        return up, origin
    found = standing_axis(joints)
    return (found, Origin.POSTURE) if found in UPS else (up, Origin.ASSUMED)


def _floats(array: Array) -> Array:
    return array if array.dtype.kind == "f" and array.dtype.itemsize > 2 else array.astype(np.float64)
