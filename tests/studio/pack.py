"""The list of films, and how each is rendered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tests.studio import casting, film, motion, music, stage
from tests.studio.casting import Look
from tests.studio.index import Entry
from tests.studio.motion import Phrase
from tests.studio.stage import Camera, Room, Shot

FPS = 30


@dataclass(frozen=True)
class Role:
    """A dancer with a dance and a place; `place` and `grounded` are those of `casting.perform`."""

    look: Look
    phrases: tuple[Phrase, ...]
    place: tuple[float, float] = (0.0, 0.0)
    grounded: float = 2.0


@dataclass(frozen=True)
class Film:
    """The description of a film.

    Attributes:
        piece: name of its music.
        size: width and height, pixels.
        crf: constant rate factor of the video.
        shaken: seed of the camera shake, or None for a camera on a stand.
        outcome, clips: see `index.Entry`.
    """

    name: str
    piece: str
    size: tuple[int, int]
    crf: int
    room: Room
    cast: tuple[Role, ...]
    shots: tuple[Shot, ...]
    outcome: str
    clips: int
    shaken: int | None = None

    @property
    def seconds(self) -> float:
        """Duration of all shots."""
        return float(sum(shot.seconds for shot in self.shots))


def make(what: Film, folder: Path, truth: Path | None = None) -> Entry:
    """Renders a film into a folder, and its true joints into another folder if one is given.

    The truth is `{name}.npz`: `joints` (dancers, frames, 12, 3) float32, `casting.JOINTS` in metres, z up.
    """
    poses = [motion.dance(role.phrases, what.seconds, FPS) for role in what.cast]
    casts = [casting.perform(r.look, p, r.place, r.grounded) for r, p in zip(what.cast, poses, strict=True)]
    frames = round(what.seconds * FPS)
    shake = None if what.shaken is None else stage.hand_held(frames, FPS, what.shaken)
    images = stage.shoot(casts, what.room, what.shots, what.size, FPS, shake)
    audio = music.synthesise(music.PIECES[what.piece], what.seconds)
    film.write(folder / f"{what.name}.mp4", images, audio, what.size, FPS, what.crf)
    if truth is not None and casts:
        np.savez_compressed(truth / f"{what.name}.npz", joints=np.stack([c.joints for c in casts]))
    return entry(what)


def entry(what: Film) -> Entry:
    """Returns the index entry of a film."""
    piece = music.PIECES[what.piece]
    ends = np.cumsum([shot.seconds for shot in what.shots]).round(6).tolist()
    return Entry(
        file=f"{what.name}.mp4",
        seconds=what.seconds,
        fps=FPS,
        width=what.size[0],
        height=what.size[1],
        music=piece.name,
        bpm=piece.bpm,
        beats=tuple(music.beat_times(piece, what.seconds).round(6).tolist()),
        shots=tuple(zip([0.0, *ends[:-1]], ends, strict=True)),
        dancers=len(what.cast),
        shaky=what.shaken is not None,
        clips=what.clips,
        outcome=what.outcome,
    )


_HALL = Room(bare=True)
_BEDROOM = Room(
    wall=(196, 178, 186), floor=(156, 120, 86), accents=((196, 92, 84), (84, 122, 168), (232, 190, 92)),
    floor_pattern="planks", wall_pattern="stripes", seed=3,
)  # fmt: skip
_LOFT = Room(
    wall=(176, 120, 100), floor=(128, 128, 134), accents=((60, 110, 104), (214, 168, 72), (226, 220, 206)),
    floor_pattern="tiles", wall_pattern="bricks", seed=5,
)  # fmt: skip
_CLUB = Room(
    wall=(138, 160, 178), floor=(150, 138, 120), accents=((178, 74, 108), (240, 204, 110), (74, 96, 150)),
    floor_pattern="mats", wall_pattern="panels", seed=8,
)  # fmt: skip

_MEI = Look(
    shirt=(196, 52, 72), trousers=(38, 44, 72), shoes=(240, 236, 226), hair=(38, 26, 24), bun=True, hem=0.01,
    gender=0.8, height=0.45, weight=0.4, long_sleeves=True,
)  # fmt: skip
_JUN = Look(
    shirt=(240, 196, 64), trousers=(70, 84, 120), shoes=(48, 48, 52), skin=(208, 158, 126), hair=(30, 24, 22),
    hem=0.11, gender=0.1, height=0.6, long_legs=False,
)  # fmt: skip
_LIN = Look(
    shirt=(64, 150, 120), trousers=(58, 54, 64), shoes=(228, 92, 70), hair=(96, 60, 36), bun=True, hem=0.03,
    gender=0.85, height=0.5, weight=0.42,
)  # fmt: skip


def _beats(piece: str, count: float) -> float:
    return count * 60.0 / music.PIECES[piece].bpm


FILMS = {
    what.name: what
    for what in (
        Film(
            "dance_a", "Neon Steps", (720, 720), 20, _HALL,
            (Role(Look(), (Phrase("dance_a"),), grounded=0.0),), (Shot(5.0),), "accepted", 1,
        ),
        Film(
            "dance_b", "Paper Lanterns", (720, 720), 20, _HALL,
            (Role(Look(), (Phrase("dance_b"),), grounded=0.0),), (Shot(5.0),), "accepted", 1,
        ),
        Film(
            "dance_c", "Glass Elevator", (480, 640), 24, _BEDROOM,
            (
                Role(
                    _MEI,
                    (
                        Phrase("dance_b", _beats("Glass Elevator", 6), 2, mirrored=True, ease=0.6),
                        Phrase("dance_a", _beats("Glass Elevator", 4), ease=0.6),
                    ),
                ),
            ),
            (Shot(5.6, Camera(-8, 3.5, 1.2, 0.88, 44)), Shot(5.4, Camera(32, 3.9, 1.5, 0.85, 40))),
            "accepted", 2,
        ),
        Film(
            "dance_d", "Slow Harbour", (640, 480), 24, _LOFT,
            (
                Role(
                    _JUN,
                    (
                        Phrase("dance_a", _beats("Slow Harbour", 3), 2, mirrored=True, ease=0.6),
                        Phrase("dance_b", _beats("Slow Harbour", 4), mirrored=False, ease=0.6),
                    ),
                ),
            ),
            (Shot(8.0, Camera(6, 3.9, 1.25, 1.0, 42)),),
            "accepted", 1,
        ),
        Film(
            "many_cuts", "Quick Errand", (480, 640), 25, _CLUB,
            (Role(_LIN, (Phrase("dance_b", _beats("Quick Errand", 5), ease=0.5),)),),
            tuple(
                Shot(seconds, Camera(azimuth, distance, height, 0.88, 46))
                for seconds, azimuth, distance, height in (
                    (1.2, 0, 3.3, 1.2), (0.9, 55, 3.4, 1.6), (0.8, -40, 3.2, 0.8), (1.3, 15, 3.6, 2.0),
                    (0.7, -70, 3.4, 1.3), (1.0, 80, 3.5, 1.1), (1.1, -20, 3.2, 1.8), (1.0, 35, 3.4, 0.9),
                )
            ),
            "camera_cuts", 0,
        ),
        Film(
            "shaky", "Loose Tripod", (480, 480), 26, _LOFT,
            (Role(_MEI, (Phrase("dance_b", _beats("Loose Tripod", 6), mirrored=True, ease=0.5),)),),
            (Shot(6.0, Camera(-10, 3.8, 1.3, 0.9, 44)),),
            "camera_shake", 0, shaken=7,
        ),
        Film(
            "two_dancers", "Two of Us", (640, 480), 24, _CLUB,
            (
                Role(_LIN, (Phrase("dance_b", _beats("Two of Us", 5), ease=0.5),), (-0.8, 0.0)),
                Role(_JUN, (Phrase("dance_b", _beats("Two of Us", 5), ease=0.5),), (0.8, 0.0)),
            ),
            (Shot(6.0, Camera(0, 4.0, 1.3, 0.92, 43)),),
            "several_dancers", 0,
        ),
        Film(
            "nobody", "Empty Room", (480, 640), 24,
            replace(_BEDROOM, seed=21, lamp_swings=True, wall=(168, 184, 172)),
            (), (Shot(6.0, Camera(0, 3.6, 1.3, 1.1, 50)),),
            "no_dancer", 0,
        ),
    )
}  # fmt: skip
"""All films by name."""
