"""Dance motion: captured phrases, danced forwards and backwards at a chosen pace, joined without jumps.

The captures are those of DeepMimic (Peng et al., SIGGRAPH 2018), as the `pybullet` package ships them: a
humanoid in metres, y up, facing x, with its left to −z. Columns of a pose, 43 values: root position 3 and
quaternion 4 (w x y z), then chest 4, neck 4, right hip 4, right knee 1, right ankle 4, right shoulder 4,
right elbow 1, and the same five on the left.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import AssetError
from tests.studio import INSTALL

Floats = NDArray[np.float64]

QUATERNIONS = {
    "root": 3, "chest": 7, "neck": 11,
    "right_hip": 15, "right_ankle": 20, "right_shoulder": 24,
    "left_hip": 29, "left_ankle": 34, "left_shoulder": 38,
}  # fmt: skip
"""First column of each ball joint."""

HINGES = {"right_knee": 19, "right_elbow": 28, "left_knee": 33, "left_elbow": 42}
"""Column of each hinge joint, which rotates about z, radians."""

_RIGHT, _LEFT = slice(15, 29), slice(29, 43)


@dataclass(frozen=True)
class Phrase:
    """A captured motion, danced forwards and backwards repeatedly.

    Attributes:
        motion: name of the capture, e.g. "dance_a".
        seconds: duration of one pass; None for the captured pace.
        ways: number of passes (forwards, backwards, forwards, …); None: until the end.
        mirrored: left and right exchanged.
        ease: 0 reverses at full speed, 1 comes to rest at both ends.
    """

    motion: str
    seconds: float | None = None
    ways: int | None = None
    mirrored: bool = False
    ease: float = 0.0


def capture(name: str) -> tuple[Floats, Floats]:
    """Reads a captured motion.

    Returns:
        Times in seconds (frames,) from 0, and poses (frames, 43).

    Raises:
        AssetError: the package with the captures is not installed, or has none of this name.
    """
    try:
        import pybullet_data
    except ImportError as error:
        raise AssetError("the captured motions are missing", "pybullet", INSTALL) from error
    path = Path(pybullet_data.getDataPath()) / "data" / "motions" / f"humanoid3d_{name}.txt"
    if not path.exists():
        raise AssetError("unknown captured motion", path, "choose one of the humanoid3d_*.txt in that folder")
    frames = np.array(json.loads(path.read_text())["Frames"], float)
    times = np.concatenate([[0.0], np.cumsum(frames[:-1, 0])])
    poses = frames[:, 1:]
    for column in QUATERNIONS.values():
        # q and −q are the same rotation, but nothing can be interpolated between them.
        turn = poses[:, column : column + 4]
        turn *= np.cumprod(np.where((turn * np.roll(turn, 1, axis=0)).sum(1) < 0, -1.0, 1.0))[:, None]
    return times, poses


def mirror(poses: Floats) -> Floats:
    """Mirrors poses (frames, 43) at the plane between left and right."""
    reflected = poses.copy()
    reflected[:, _RIGHT], reflected[:, _LEFT] = poses[:, _LEFT], poses[:, _RIGHT]
    reflected[:, 2] *= -1
    for column in QUATERNIONS.values():
        # A rotation's axis is an axial vector: reflection at z = 0 changes the sign of its x and y.
        reflected[:, column + 1 : column + 3] *= -1
    return reflected


def dance(phrases: Sequence[Phrase], seconds: float, fps: int, blend: float = 0.4) -> Floats:
    """Returns poses (frames, 43) of phrases danced in sequence; the last one continues to the end.

    Args:
        blend: seconds over which the jump from one phrase to the next is smoothed.
    """
    frame_times = np.arange(round(seconds * fps)) / fps
    danced = np.zeros((len(frame_times), 43))
    begin = 0.0
    for number, phrase in enumerate(phrases):
        times, poses = capture(phrase.motion)
        if phrase.mirrored:
            poses = mirror(poses)
        one_way = phrase.seconds or float(times[-1])
        last = number == len(phrases) - 1 or phrase.ways is None
        end = np.inf if last else begin + one_way * (phrase.ways or 1)
        here = (frame_times >= begin) & (frame_times < end)
        if not here.any():
            break
        since = frame_times[here] - begin
        progress = _there_and_back(since / one_way, phrase.ease) * times[-1]
        part = np.stack([np.interp(progress, times, poses[:, k]) for k in range(43)], axis=1)
        first = int(np.argmax(here))
        if first:
            part = _join(danced[first - 1], part, since, blend)
        danced[here] = part
        begin = end
        if last:
            break
    return danced


def _there_and_back(ways: Floats, ease: float) -> Floats:
    """Returns the progress 0..1 along the capture after a number of passes."""
    triangle = np.abs((ways + 1) % 2 - 1)
    return np.asarray(triangle - ease * np.sin(2 * np.pi * triangle) / (2 * np.pi), float)


def _join(before: Floats, part: Floats, since: Floats, blend: float) -> Floats:
    """Moves the part to the dancer's place and blends its first moments with the previous pose."""
    joined = part.copy()
    for column in QUATERNIONS.values():
        here = slice(column, column + 4)
        # q and −q are the same rotation; the nearer one is blended.
        joined[:, here] *= np.where(joined[:, here] @ before[here] < 0, -1.0, 1.0)[:, None]
    fade = np.clip(1 - since / blend, 0, 1)
    fade = fade * fade * (3 - 2 * fade)
    gap = before - joined[0]
    floor = np.array([gap[0], 0.0, gap[2]])
    joined += fade[:, None] * np.concatenate([[0.0, gap[1], 0.0], gap[3:]])
    joined[:, :3] += floor
    return joined
