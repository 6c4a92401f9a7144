"""Films on trial: dances with exact truth by which the pose stage is tuned, and others by which it is judged.

Bodies, rooms, cameras and motions of the test films occur in no tuning film and in none that the simulator
ships, so that nothing can be fitted to them. Which film is which was written down before anything was tuned.
The two sets have the same kinds of film: a spin, floor work, a side view, a view from behind, arms that cross
in front of the body, fast steps, a kick or jump, a walk through the depth, and loose clothes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from tests.studio import casting, film, motion, music, stage
from tests.studio.casting import Look, Performance
from tests.studio.motion import Phrase
from tests.studio.stage import Camera, Room, Shot
from tests.studio.steps import Count, walk_through, wave_arms

Floats = NDArray[np.float64]

FPS = 30
CRF = 21
SPLITS = ("tuning", "test")
KINDS = ("spin", "floor", "side", "back", "arms", "steps", "kick", "depth", "loose")

_CAPTURED_LEG = 0.83
"""Metres from hip to ankle of the captures' humanoid."""
_FLYING = 0.06  # metres above the ground
_LOW, _STILL = 0.03, 0.25
"""A foot is in contact where its lowest point is lower (metres) and its slowest end slower (m/s)."""


@dataclass(frozen=True)
class Captured:
    """Captured phrases, and arms that are waved instead of the captured ones.

    Attributes:
        arms: names of `steps.ARMS`, one a count; none: as captured.
        bpm: counts a minute.
    """

    phrases: tuple[Phrase, ...]
    arms: tuple[str, ...] = ()
    bpm: float = 90.0


@dataclass(frozen=True)
class Written:
    """A dance of `steps.walk_through`."""

    counts: tuple[Count, ...]
    bpm: float


@dataclass(frozen=True)
class Trial:
    """The description of a film.

    Attributes:
        split: "tuning" or "test".
        kind: what is hard about it, one of `KINDS`.
        flies: whether both feet leave the floor in the capture: the body then keeps its height between
            landings, as in written dances.
    """

    name: str
    split: Literal["tuning", "test"]
    kind: str
    seconds: float
    look: Look
    room: Room
    camera: Camera
    dance: Captured | Written
    size: tuple[int, int] = (480, 480)
    flies: bool = False


def make(what: Trial, folder: Path) -> Path:
    """Renders a film and writes its truth beside it; returns the film's path.

    `{name}_truth.npz` has, at 30 fps in metres, z up: `J` (n, 12, 3) `casting.JOINTS`; `root` (n, 3); `toes`
    (n, 2, 3) where the second toes begin, left then right; `flat` (2,) heights of ankle and toe of a flat
    foot; `contact` (n, 2) whether a foot stands; `sole`
    (n, 2) height of its lowest point above the floor; `floor`, the floor's height; `K`, `R`, `t` the camera
    in OpenCV's axes; `size` width and height in pixels; `kind` and `split`.
    """
    dancer = perform(what)
    middle = stage.centre([dancer])
    pinhole, axes, shift = stage.calibration(what.camera, middle, what.size)
    measures = casting.build(what.look)
    contact, sole = standing(dancer, float(middle[2]))
    images = stage.shoot([dancer], what.room, [Shot(what.seconds, what.camera)], what.size, FPS, sharp=False)
    piece = music.PIECES[sorted(music.PIECES)[0]]
    path = folder / what.split / f"{what.name}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path.with_name(f"{what.name}_truth.npz"),
        J=dancer.joints, root=dancer.root, toes=dancer.toes, flat=np.array([measures.ankle, measures.toe]),
        contact=contact, sole=sole, floor=middle[2],
        K=pinhole, R=axes, t=shift, size=np.array(what.size), kind=what.kind, split=what.split,
    )  # fmt: skip
    film.write(path, images, music.synthesise(piece, what.seconds), what.size, FPS, CRF, "veryfast")
    return path


def perform(what: Trial) -> Performance:
    """Returns the dancer in the middle of the stage."""
    measures = casting.build(what.look)
    if isinstance(what.dance, Written):
        poses = walk_through(what.dance.counts, what.dance.bpm, what.seconds, FPS, measures)
        pace = 1.0
    else:
        poses = motion.dance(what.dance.phrases, what.seconds, FPS)
        if what.dance.arms:
            poses = wave_arms(poses, what.dance.arms, what.dance.bpm, FPS)
        pace = (measures.thigh + measures.shin) / _CAPTURED_LEG
    dancer = casting.perform(what.look, poses, pace=pace)
    ground = dancer.vertices[..., 2].min(1)
    if what.flies or isinstance(what.dance, Written):
        # Between two landings the ground rises or falls evenly from the one to the other.
        landed = np.flatnonzero(ground < minimum_filter1d(ground, round(0.8 * FPS)) + _FLYING)
        ground = np.interp(np.arange(len(ground)), landed, ground[landed])
    ground = gaussian_filter1d(ground, 0.7, mode="nearest")
    shift = np.column_stack([np.zeros((len(ground), 2)), ground])
    shift[:, :2] = dancer.root[:, :2].mean(0)

    def moved(points: NDArray[np.float32]) -> NDArray[np.float32]:
        placed = points - shift.reshape(len(points), *(1,) * (points.ndim - 2), 3)
        return np.asarray(placed, np.float32)

    return replace(
        dancer,
        vertices=moved(dancer.vertices),
        joints=moved(dancer.joints),
        root=moved(dancer.root),
        toes=moved(dancer.toes),
    )


def standing(dancer: Performance, floor: float) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Returns whether the left and right foot (n, 2) stand, and the height (n, 2) of their lowest points."""
    points = [dancer.vertices[:, sole] for sole in dancer.soles]
    height = np.stack([foot[..., 2].min(1) for foot in points], axis=1) - floor
    ends = np.stack([dancer.joints[:, 10:12], dancer.toes], axis=2)
    speed = np.linalg.norm(np.gradient(ends[..., :2], 1 / FPS, axis=0), axis=3).min(2)
    return (height < _LOW) & (speed < _STILL), height.astype(np.float32)


_STUDIO = Room(
    wall=(210, 206, 198), floor=(172, 140, 104), accents=((150, 70, 60), (70, 100, 130), (220, 200, 150)),
    floor_pattern="planks", wall_pattern="panels", seed=31,
)  # fmt: skip
_CELLAR = Room(
    wall=(150, 110, 96), floor=(110, 112, 118), accents=((200, 160, 60), (60, 90, 84), (190, 190, 180)),
    floor_pattern="tiles", wall_pattern="bricks", seed=37,
)  # fmt: skip
_NURSERY = Room(
    wall=(176, 196, 204), floor=(136, 104, 76), accents=((230, 120, 90), (90, 150, 120), (240, 220, 120)),
    floor_pattern="planks", wall_pattern="stripes", seed=41,
)  # fmt: skip
_GYM = Room(
    wall=(188, 182, 160), floor=(92, 118, 140), accents=((60, 60, 70), (200, 80, 60), (220, 220, 220)),
    floor_pattern="mats", wall_pattern="panels", seed=43,
)  # fmt: skip
_ATTIC = Room(
    wall=(214, 192, 160), floor=(120, 96, 80), accents=((120, 60, 90), (80, 110, 70), (230, 210, 190)),
    floor_pattern="planks", wall_pattern="bricks", seed=47,
)  # fmt: skip
_LOBBY = Room(
    wall=(172, 170, 178), floor=(190, 182, 170), accents=((40, 80, 120), (180, 140, 60), (140, 60, 60)),
    floor_pattern="tiles", wall_pattern="stripes", seed=53,
)  # fmt: skip

_ANA = Look(
    (60, 110, 180), (40, 40, 46), (230, 230, 230), gender=0.9, height=0.35, weight=0.35, bun=True, hem=0.04
)
_BEN = Look(
    (210, 210, 214), (90, 80, 66), (40, 40, 44), (196, 140, 108), (60, 44, 30), True, True, 0.05,
    gender=0.05, height=0.75, weight=0.6, muscle=0.6,
)  # fmt: skip
_CLO = Look(
    (232, 170, 60), (50, 70, 60), (200, 60, 70), hem=0.08, gender=0.95, height=0.6, weight=0.55, wide=0.035
)
_DEV = Look(
    (120, 40, 60), (30, 34, 50), (240, 240, 240), (150, 104, 78), (24, 20, 18), gender=0.15, height=0.4
)
_EVA = Look(
    (80, 150, 110), (150, 140, 150), (60, 60, 64), hair=(140, 90, 50), bun=True, long_legs=False,
    gender=0.85, height=0.7, weight=0.3,
)  # fmt: skip
_FEN = Look(
    (46, 46, 52),
    (190, 184, 170),
    (250, 250, 250),
    long_sleeves=True,
    hem=0.1,
    gender=0.0,
    height=0.5,
    weight=0.75,
)
_GIA = Look(
    (180, 70, 130), (36, 36, 40), (220, 200, 90), (236, 190, 164), (90, 40, 30), True, True, 0.02, True,
    gender=0.9, height=0.5, weight=0.5,
)  # fmt: skip
_HUY = Look(
    (240, 240, 236), (60, 90, 150), (30, 30, 34), gender=0.1, height=0.3, weight=0.4, muscle=0.7, wide=0.05
)
_IDA = Look(
    (150, 30, 40), (60, 50, 60), (240, 230, 220), (120, 84, 62), (20, 18, 18), True, True, None, True,
    skirt=0.62, gender=1.0, height=0.65, weight=0.45,
)  # fmt: skip
_KAI = Look(
    (70, 80, 96),
    (150, 110, 70),
    (230, 120, 50),
    hem=0.06,
    long_legs=False,
    gender=0.2,
    height=0.85,
    weight=0.4,
)
_LUZ = Look(
    (120, 160, 60),
    (80, 60, 100),
    (240, 240, 240),
    long_sleeves=True,
    hem=0.0,
    gender=0.75,
    height=0.45,
    weight=0.65,
)
_MAX = Look(
    (30, 60, 110),
    (30, 60, 110),
    (220, 220, 220),
    (210, 160, 130),
    (170, 130, 70),
    True,
    gender=0.0,
    height=0.6,
    weight=0.5,
)

_SWAY = (
    Count((0.0, 0.30), None, 0, "crossed", 0.06, 4, 8),
    Count((0.0, 0.30), (0.0, 0.10), 0, "open", 0.03, 0, -6),
    Count((0.0, 0.13), (0.0, -0.30), 0, "low", 0.08, 6, 8),
    Count(None, None, 0, "flex", 0.03, 0, 0),
)
_TURNED = (
    Count((0.25, 0.13), None, 0, "point", 0.04, 5),
    Count((0.25, 0.13), (0.2, -0.2), 20, "up", 0.05),
    Count(None, (0.2, -0.2), -15, "point'", 0.06, 6),
    Count(None, None, 0, "hugged", 0.03),
)
_QUICK = (
    Count((0.0, 0.32), None, 0, "pump", 0.06, 8),
    Count((0.0, 0.32), (0.0, 0.12), 0, "pump'", 0.07, 8),
    Count((0.2, 0.20), (0.0, 0.0), 10, "pump", 0.06, 8),
    Count((0.0, 0.13), (-0.15, -0.25), -10, "pump'", 0.07, 8),
    Count(None, None, 0, "down", 0.05, 4),
    Count((0.1, 0.2), (0.1, -0.2), 0, "front", 0.12, 12),
)
_GRAPEVINE = (
    Count((0.0, -0.02), (0.15, -0.28), 10, "wave", 0.05),
    Count((0.0, -0.02), (0.0, -0.42), -5, "wave'", 0.03, 2, 10),
    Count((-0.15, -0.22), (0.0, -0.42), -20, "scissors", 0.08, 6),
    Count((0.0, 0.05), (0.0, -0.2), 0, "up", 0.03),
    Count((0.0, 0.35), (0.0, -0.2), 15, "open", 0.10),
    Count(None, None, 0, "down", 0.03),
)
_BASKET = (
    Count((0.0, 0.24), (0.0, -0.24), 0, "scissors", 0.10, 6, 10),
    Count((0.0, 0.24), (0.0, -0.24), 0, "hugged", 0.05, 0, -10),
    Count((0.0, 0.24), (0.0, -0.24), 0, "scissors'", 0.14, 10, -8),
    Count(None, None, 0, "crossed'", 0.04, 0, 8),
    Count((0.12, 0.16), None, 0, "low'", 0.06, 8, 0),
    Count(None, None, 0, "wave", 0.03),
)
_RUNNING_MAN = (
    Count((0.22, 0.12), (-0.22, -0.12), 0, "pump", 0.09, 10),
    Count((-0.05, 0.12), (0.05, -0.12), 0, "flex", 0.04, 4),
    Count((-0.22, 0.12), (0.22, -0.12), 0, "pump'", 0.09, 10),
    Count((0.0, 0.3), (0.0, -0.3), 0, "open", 0.10, 4, 12),
    Count((0.0, 0.10), (0.0, -0.10), 0, "hugged", 0.04, 2, -12),
)
_SKIRT_TURN = (
    Count((0.10, 0.10), None, 30, "open", 0.03),
    Count((0.10, -0.05), (0.15, -0.10), 120, "up", 0.02),
    Count((-0.10, -0.08), (0.10, 0.08), 210, "open", 0.04),
    Count((0.0, 0.13), (0.0, -0.13), 330, "low", 0.05),
    Count((0.0, 0.30), (0.0, -0.13), 360, "wave", 0.10, 0, 8),
    Count((0.0, 0.13), (0.0, -0.13), 360, "crossed", 0.03),
)

TRIALS = {
    what.name: what
    for what in (
        Trial(
            "tune_spin", "tuning", "spin", 4.0, _DEV, _STUDIO, Camera(25, 3.7, 1.2, 0.9, 42),
            Captured((Phrase("spinkick", 1.9, ease=0.5),)), flies=True,
        ),
        Trial(
            "tune_floor", "tuning", "floor", 5.0, _BEN, _CELLAR, Camera(60, 3.7, 1.4, 0.65, 48),
            Captured((Phrase("getup_facedown", 3.0, ease=0.4),)),
        ),
        Trial(
            "tune_side", "tuning", "side", 4.0, _ANA, _NURSERY, Camera(82, 3.8, 1.1, 0.9, 44),
            Captured((Phrase("punch", 2.13, ease=0.5),)),
        ),
        Trial(
            "tune_back", "tuning", "back", 4.0, _BEN, _STUDIO, Camera(170, 3.7, 1.3, 1.05, 48),
            Written(_TURNED, 80),
        ),
        Trial(
            "tune_arms", "tuning", "arms", 4.0, _ANA, _CELLAR, Camera(-12, 3.4, 1.0, 0.85, 40),
            Written(_SWAY, 84),
        ),
        Trial(
            "tune_steps", "tuning", "steps", 5.0, _DEV, _NURSERY, Camera(-40, 3.6, 1.5, 0.9, 42),
            Written(_QUICK, 150),
        ),
        Trial(
            "tune_kick", "tuning", "kick", 4.6, _CLO, _STUDIO, Camera(-30, 3.9, 1.2, 0.95, 46),
            Captured((Phrase("kick", 1.53, ease=0.3),)), flies=True,
        ),
        Trial(
            "tune_depth", "tuning", "depth", 4.8, _CLO, _CELLAR, Camera(8, 4.0, 1.3, 0.85, 50),
            Captured((Phrase("run", 1.6, ease=0.6),)), flies=True,
        ),
        Trial(
            "tune_loose", "tuning", "loose", 5.0, replace(_CLO, skirt=0.5), _NURSERY,
            Camera(20, 3.6, 1.2, 0.9, 42), Written(_SWAY[::-1], 96),
        ),
        Trial(
            "test_spin", "test", "spin", 4.8, _EVA, _GYM, Camera(-20, 4.0, 1.3, 0.95, 50),
            Captured((Phrase("spin"),)), size=(640, 480), flies=True,
        ),
        Trial(
            "test_roll", "test", "floor", 4.0, _FEN, _ATTIC, Camera(-50, 3.7, 1.5, 0.55, 44),
            Captured((Phrase("roll", 2.2, ease=0.4),)),
        ),
        Trial(
            "test_getup", "test", "floor", 5.0, _MAX, _LOBBY, Camera(35, 3.8, 1.6, 0.6, 48),
            Captured((Phrase("getup_faceup", 3.77, ease=0.2),)),
        ),
        Trial(
            "test_side", "test", "side", 4.0, _KAI, _LOBBY, Camera(-88, 3.9, 1.2, 1.05, 50),
            Written(_GRAPEVINE, 100),
        ),
        Trial(
            "test_back", "test", "back", 4.0, _LUZ, _GYM, Camera(-160, 3.7, 1.1, 0.9, 42),
            Written(_RUNNING_MAN, 90),
        ),
        Trial(
            "test_arms", "test", "arms", 4.0, _GIA, _ATTIC, Camera(14, 3.3, 1.3, 0.9, 40),
            Written(_BASKET, 76),
        ),
        Trial(
            "test_steps", "test", "steps", 4.0, _MAX, _GYM, Camera(48, 3.7, 1.0, 0.9, 42),
            Written(_RUNNING_MAN, 160),
        ),
        Trial(
            "test_jump", "test", "kick", 4.0, _KAI, _ATTIC, Camera(-38, 4.0, 1.2, 1.0, 50),
            Captured((Phrase("jump", ease=0.2),)), flies=True,
        ),
        Trial(
            "test_cartwheel", "test", "kick", 4.0, _GIA, _LOBBY, Camera(5, 4.0, 1.2, 0.8, 52),
            Captured((Phrase("cartwheel"),)), size=(640, 480),
        ),
        Trial(
            "test_depth", "test", "depth", 4.8, _FEN, _GYM, Camera(-6, 4.0, 1.4, 0.8, 60),
            Captured(
                (Phrase("walk", ways=1), Phrase("walk", ways=1), Phrase("walk", ease=0.4)),
                ("down", "wave", "crossed", "open"), 70,
            ),
        ),
        Trial(
            "test_wide", "test", "loose", 4.0, _HUY, _ATTIC, Camera(-28, 3.5, 1.2, 0.85, 42),
            Written(_GRAPEVINE, 120),
        ),
        Trial(
            "test_skirt", "test", "loose", 4.2, _IDA, _LOBBY, Camera(10, 3.7, 1.2, 0.95, 42),
            Written(_SKIRT_TURN, 96),
        ),
    )
}  # fmt: skip
"""All films on trial by name."""
