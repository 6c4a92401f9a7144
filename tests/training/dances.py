"""Synthetic dances on the beats of their own music, which a training can learn.

A piece has a tempo, a first beat and a style; drum and snare take turns on its beats, and the style decides
how they sound, in which key, and which two steps belong to them. A dancer takes the beat's pose on each beat
and moves from one to the next with the least jerk, so all joints are slowest on the beats: these are the
beats of the motion too. How far, which way and how fast the dancer moves differs from piece to piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from scipy.spatial.transform import Rotation, Slerp

from popdanceset.music.baseline import baseline_features
from popdanceset.schema import FRAMES
from popdanceset.skeleton import FOOT_JOINTS
from training.motion.forward_kinematics import forward_kinematics

FPS, RATE = 30, 15_360
STYLES = 3

# Joints: 1/2 hips, 3 belly, 4/5 knees, 16/17 shoulders, 18/19 elbows. Angles in radians about the axes of the
# rest pose: x to the body's left, y up, z to its front.
_STEPS = {
    "down": {16: (0, 0, -1.2), 17: (0, 0, 1.2)},
    "up": {16: (0, 0, 1.2), 17: (0, 0, -1.2)},
    "left": {16: (0, 0, 1.0), 17: (0, 0, 1.1), 3: (0, 0, -0.3)},
    "right": {16: (0, 0, -1.1), 17: (0, 0, -1.0), 3: (0, 0, 0.3)},
    "fold": {16: (0, -0.9, -0.6), 17: (0, 0.9, 0.6), 18: (0, -1.4, 0), 19: (0, 1.4, 0)},
    "squat": {
        16: (0, -1.2, 0), 17: (0, 1.2, 0), 1: (-0.9, 0, 0), 2: (-0.9, 0, 0), 4: (1.4, 0, 0), 5: (1.4, 0, 0),
        3: (0.4, 0, 0),
    },
    "kick": {16: (0, 0, -0.8), 17: (0, 0, -0.6), 1: (-1.1, 0, 0.2), 4: (0.3, 0, 0)},
    "knee": {16: (0, 0, 0.6), 17: (0, 0, 0.8), 2: (-1.2, 0, -0.2), 5: (1.3, 0, 0)},
}  # fmt: skip

_COUNTS = (("down", "up"), ("squat", "fold"), ("left", "knee"))
"""What each style does on the drum and on the snare."""

_SIDES = ((0, 0), (0, 0), (0.2, -0.1))
"""Metres to the dancer's left on each count."""

_CHORDS = ((0, 4, 7), (2, 5, 9), (7, 10, 14))
_TO_WORLD = Rotation.from_euler("x", 90, degrees=True)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of music: `beats` in seconds, the `style` (0, 1, 2) of its drums and its dance."""

    beats: np.ndarray
    style: int
    seconds: float
    seed: int


def compose(seed: int, seconds: float = 8.0) -> Piece:
    """A piece at 84 to 132 beats a minute that starts anywhere in its bar."""
    draw = np.random.default_rng([seed, 0])
    period = 60 / draw.uniform(84, 132)
    first = draw.uniform(-4, 0) * period
    beats = np.arange(first, seconds + 2 * period, period)
    return Piece(beats, int(draw.integers(STYLES)), seconds, seed)


def sound(piece: Piece) -> np.ndarray:
    """(samples,) float32 at `RATE`: drum and snare on the beats, hats between, a chord under every four."""
    draw = np.random.default_rng([piece.seed, 1])
    samples = 0.003 * draw.normal(size=round(piece.seconds * RATE))
    tail = np.arange(int(0.25 * RATE)) / RATE
    pitch = (55, 90, 140)[piece.style]
    kick = np.sin(2 * np.pi * pitch * tail * (1 + np.exp(-tail * 40))) * np.exp(-tail * 18)
    kick += 0.5 * draw.normal(size=len(tail)) * np.exp(-tail * 120)  # the stroke of the stick
    snare = 0.35 * draw.normal(size=len(tail)) * np.exp(-tail * 30)
    hat = draw.normal(size=len(tail)) * np.exp(-tail * (60, 90, 40)[piece.style])
    period = np.diff(piece.beats)[0]
    for count, beat in enumerate(piece.beats):
        _add(samples, beat, snare if count % 2 else kick)
        _add(samples, beat + period / 2, 0.02 * hat)
        if count % 4 == 0:
            chord = np.arange(int(4 * period * RATE)) / RATE
            for note in _CHORDS[(count // 4 + piece.style) % 3]:
                wave = np.sin(2 * np.pi * 220 * 2 ** ((note + 3 * piece.style) / 12) * chord)
                _add(samples, beat, 0.05 * wave * np.exp(-chord))
    return (samples / np.abs(samples).max() * 0.8).astype(np.float32)


def _add(samples: np.ndarray, second: float, wave: np.ndarray) -> None:
    start = round(second * RATE)
    wave = wave[max(0, -start) :]
    start = max(0, start)
    end = min(len(samples), start + len(wave))
    if end > start:
        samples[start:end] += wave[: end - start]


def choreograph(piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    """The dance: poses (frames, 24, 3) axis-angle, radians, and root (frames, 3), metres, z up, at 30 fps."""
    draw = np.random.default_rng([piece.seed, 2])
    frames = round(piece.seconds * FPS)
    reach = draw.uniform(0.75, 1.1)
    leaning = draw.normal(0, 0.06, (24, 3))
    keys = np.tile(leaning, (len(piece.beats), 1, 1))
    for number in range(len(piece.beats)):
        for joint, angles in _STEPS[_COUNTS[piece.style][number % 2]].items():
            keys[number, joint] += reach * np.array(angles)
    keys[:, [0, 10, 11, 22, 23]] = 0
    side = np.array(_SIDES[piece.style])[np.arange(len(piece.beats)) % 2] * reach

    now = np.arange(frames) / FPS
    number = np.searchsorted(piece.beats, now, side="right") - 1
    share = (now - piece.beats[number]) / np.diff(piece.beats)[0]
    eased = 10 * share**3 - 15 * share**4 + 6 * share**5  # least jerk: rest on both beats
    at = number + np.clip(eased, 0, 1)
    poses = np.empty((frames, 24, 3))
    counts = np.arange(len(piece.beats))
    for joint in range(24):
        poses[:, joint] = Slerp(counts, Rotation.from_rotvec(keys[:, joint]))(at).as_rotvec()
    facing = Rotation.from_euler("z", draw.normal(0, 0.15))
    poses[:, 0] = (facing * _TO_WORLD).as_rotvec()
    root = np.zeros((frames, 3))
    root[:, :2] = facing.apply(np.interp(at, counts, side)[:, None] * [1.0, 0, 0])[:, :2]
    root[:, 2] = 0.03 - joints(poses, root)[:, FOOT_JOINTS, 2].min(1)  # the lower foot stays on the floor
    return poses, root


def joints(poses: np.ndarray, root: np.ndarray) -> np.ndarray:
    """(frames, 24, 3) of the mean skeleton in the world, metres."""
    turned = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    return forward_kinematics(torch.from_numpy(turned), torch.from_numpy(root)).numpy()


def features(piece: Piece) -> np.ndarray:
    """(frames, 35) float32 baseline music features, heard from the sound."""
    heard = baseline_features(sound(piece), RATE)
    return heard[: round(piece.seconds * FPS)]


def fill_store(store, synthetic, pieces: dict[str, Piece]) -> None:
    """Clips of these pieces, by clip id, as the stages before publication leave them.

    Args:
        store: receives the tables.
        synthetic: the module that knows what such a store looks like.
        pieces: every clip has a video and a music of its own.
    """
    rows = [
        synthetic.clip_row(clip_id, round(piece.seconds * FPS), f"music-{clip_id}")
        for clip_id, piece in pieces.items()
    ]
    synthetic.fill_store(store, "weekly", rows)
    for clip_id, piece in pieces.items():
        poses, root = choreograph(piece)
        count = len(poses)
        written = {
            "smpl_poses": poses,
            "smpl_trans": root,
            "smpl_scaling": np.ones((count, 1)),
            "joints3d": joints(poses, np.zeros((count, 3))),
        }
        table = synthetic.pose_rows(clip_id, count)
        for name, values in written.items():
            table = table.set_column(table.schema.get_field_index(name), name, _folded(values, FRAMES, name))
        store.write_table(f"poses/{clip_id}.parquet", table, FRAMES)
        music = pa.table(
            {
                "clip_id": [clip_id] * count,
                "frame_index": np.arange(count, dtype=np.int32),
                "features": _folded(features(piece), synthetic.MUSIC, "features"),
            }
        )
        store.write_table(f"music/baseline/{clip_id}.parquet", music, synthetic.MUSIC)


def _folded(values: np.ndarray, schema: pa.Schema, name: str) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, type=schema.field(name).type)
