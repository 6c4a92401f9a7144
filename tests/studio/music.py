"""Dance music from numpy alone: drums, bass, chords and a lead, with every beat at an exactly known time.

Pieces differ in tempo, key, mode, progression, melody, drum kit and timbre, so that their chroma and acoustic
fingerprints differ too. The same piece always gives the same samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RATE = 44_100
"""Samples a second."""

MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}
"""Semitones above the tonic of the seven degrees."""


@dataclass(frozen=True)
class Voice:
    """An instrument by additive synthesis.

    Attributes:
        partials: amplitude of the 1st, 2nd, … harmonic.
        attack: seconds until full loudness.
        decay: seconds in which the loudness falls by a factor e.
        detune: cents between the two oscillators that sound together; 0 for one only.
    """

    partials: tuple[float, ...]
    attack: float
    decay: float
    detune: float = 0.0


@dataclass(frozen=True)
class Kit:
    """A drum kit.

    Attributes:
        kick: start and end pitch of the bass drum, hertz.
        kick_decay, snare_decay, hat_decay: seconds in which the loudness falls by a factor e.
        snare: pitch of the snare's skin, hertz.
        rattle: share of noise in the snare, 0..1.
    """

    kick: tuple[float, float]
    kick_decay: float
    snare: float
    snare_decay: float
    rattle: float
    hat_decay: float


@dataclass(frozen=True)
class Piece:
    """A piece of music in 4/4.

    Attributes:
        tonic: MIDI note of the first degree in the chords' octave.
        progression: one degree (0..6) a bar, repeated.
        kicks: sixteenths of a bar (0..15) on which the bass drum sounds; snares fall on beats two and four.
        hats: sixteenths of a bar on which the hi-hat sounds.
        bass_line: sixteenths of a bar on which the bass plays.
        first_beat: seconds before the first beat.
        seed: draws the melody and the drums' noise.
    """

    name: str
    bpm: float
    tonic: int
    mode: str
    progression: tuple[int, ...]
    kit: Kit
    kicks: tuple[int, ...]
    hats: tuple[int, ...]
    bass: Voice
    bass_line: tuple[int, ...]
    chords: Voice
    lead: Voice
    first_beat: float
    seed: int


def beat_times(piece: Piece, seconds: float) -> Floats:
    """Returns the times of all beats before the end, float64 (beats,), seconds."""
    period = 60.0 / piece.bpm
    # A beat in the last 50 ms would not be audible.
    count = int(np.ceil((seconds - 0.05 - piece.first_beat) / period))
    return piece.first_beat + period * np.arange(max(count, 0), dtype=np.float64)


def synthesise(piece: Piece, seconds: float) -> NDArray[np.float32]:
    """Synthesises a piece from its beginning.

    Args:
        seconds: length; the last notes are faded within 30 ms.

    Returns:
        float32 (samples, 2) at `RATE`, left and right, within −1..1.
    """
    rng = np.random.default_rng(piece.seed)
    length = round(seconds * RATE)
    sixteenth = 15.0 / piece.bpm
    bars = int(np.ceil(seconds / (16 * sixteenth)))
    tracks = {name: np.zeros(length) for name in ("kick", "snare", "hat", "bass", "chords", "lead")}
    melody = _melody(piece, rng)
    kick, snare, hat = _kick(piece.kit), _snare(piece.kit, rng), _hat(piece.kit, rng)
    for bar in range(bars):
        degree = piece.progression[bar % len(piece.progression)]

        def at(step: float, bar: int = bar) -> float:
            return piece.first_beat + (16 * bar + step) * sixteenth

        for step in piece.kicks:
            _place(tracks["kick"], kick, at(step))
        for step in (4, 12):
            _place(tracks["snare"], snare, at(step))
        for step in piece.hats:
            _place(tracks["hat"], hat * (1.0 if step % 4 == 0 else 0.55), at(step))
        for step in piece.bass_line:
            _place(tracks["bass"], _tone(piece.bass, _pitch(piece, degree, -2), 2 * sixteenth), at(step))
        for half in (0, 8):
            for third in (0, 2, 4):
                note = _tone(piece.chords, _pitch(piece, degree + third), 8 * sixteenth)
                _place(tracks["chords"], note, at(half))
        for step, steps, above in melody[bar % len(melody)]:
            note = _tone(piece.lead, _pitch(piece, degree + above, 1), steps * sixteenth)
            _place(tracks["lead"], note, at(step))
    return _mix(tracks)


def _pitch(piece: Piece, degree: int, octave: int = 0) -> float:
    """Returns the frequency in hertz of a scale degree, which may exceed an octave."""
    up, step = divmod(degree, 7)
    note = piece.tonic + MODES[piece.mode][step] + 12 * (up + octave)
    return float(440.0 * 2.0 ** ((note - 69) / 12))


def _melody(piece: Piece, rng: np.random.Generator) -> list[list[tuple[int, int, int]]]:
    """Four bars of (sixteenth, length in sixteenths, degrees above the chord's root)."""
    bars: list[list[tuple[int, int, int]]] = []
    above = 2
    for _ in range(4):
        bar, step = [], 0
        while step < 16:
            steps = int(rng.choice((2, 2, 4, 4, 6)))
            if rng.random() < 0.85:
                above = int(np.clip(above + rng.integers(-3, 4), 0, 7))
                bar.append((step, min(steps, 16 - step), above))
            step += steps
        bars.append(bar)
    return bars


def _tone(voice: Voice, frequency: float, seconds: float) -> Floats:
    """Synthesises a note, float64 (samples,)."""
    t = np.arange(int(seconds * RATE)) / RATE
    order = np.arange(1, len(voice.partials) + 1)
    audible = order * frequency < 0.45 * RATE
    sound = np.zeros_like(t)
    for cents in {-voice.detune / 2, voice.detune / 2}:
        phase = 2 * np.pi * frequency * 2 ** (cents / 1200) * t
        sound += np.asarray(voice.partials)[audible] @ np.sin(np.outer(order[audible], phase))
    release = np.clip((seconds - t) / 0.01, 0, 1)
    envelope = np.clip(t / voice.attack, 0, 1) * np.exp(-t / voice.decay) * release
    return np.asarray(sound * envelope / np.sum(np.abs(voice.partials)), float)


def _kick(kit: Kit) -> Floats:
    t = np.arange(int(0.25 * RATE)) / RATE
    high, low = kit.kick
    sweep = low * t + (high - low) * 0.03 * (1 - np.exp(-t / 0.03))
    click = np.exp(-t / 0.002) * np.sin(2 * np.pi * 1800 * t)
    return np.asarray(np.sin(2 * np.pi * sweep) * np.exp(-t / kit.kick_decay) + 0.3 * click, float)


def _snare(kit: Kit, rng: np.random.Generator) -> Floats:
    t = np.arange(int(0.25 * RATE)) / RATE
    noise = np.diff(rng.standard_normal(len(t) + 1)) * 0.5
    skin = np.sin(2 * np.pi * kit.snare * t) * np.exp(-t / 0.04)
    return np.asarray(kit.rattle * noise * np.exp(-t / kit.snare_decay) + (1 - kit.rattle) * skin, float)


def _hat(kit: Kit, rng: np.random.Generator) -> Floats:
    t = np.arange(int(0.12 * RATE)) / RATE
    bright = np.diff(rng.standard_normal(len(t) + 3), n=3) * 0.2
    return np.asarray(bright * np.exp(-t / kit.hat_decay), float)


def _place(track: Floats, sound: Floats, seconds: float) -> None:
    """Adds a sound to a track in place, and cuts it at the end of the track."""
    start = round(seconds * RATE)
    part = sound[: max(len(track) - start, 0)]
    track[start : start + len(part)] += part


def _mix(tracks: dict[str, Floats]) -> NDArray[np.float32]:
    """Mixes the tracks with loudness, panning and a soft limit: float32 (samples, 2)."""
    #       loudness, panning (−1 left … 1 right)
    desk = {
        "kick": (0.95, 0.0),
        "snare": (0.60, 0.05),
        "hat": (0.16, -0.35),
        "bass": (0.42, 0.0),
        "chords": (0.17, 0.25),
        "lead": (0.22, -0.2),
    }
    both = np.zeros((len(tracks["kick"]), 2))
    for name, (loudness, place) in desk.items():
        angle = (place + 1) * np.pi / 4
        both += loudness * tracks[name][:, None] * np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)])
    both = np.tanh(both)
    both *= np.clip((len(both) - np.arange(len(both))) / (0.03 * RATE), 0, 1)[:, None]
    return (both * (0.85 / max(float(np.abs(both).max()), 1e-9))).astype(np.float32)


def _saw(count: int) -> tuple[float, ...]:
    return tuple(1 / k for k in range(1, count + 1))


def _hollow(count: int) -> tuple[float, ...]:
    return tuple(1 / k if k % 2 else 0.0 for k in range(1, count + 1))


_BOOMY = Kit(kick=(160, 48), kick_decay=0.11, snare=185, snare_decay=0.09, rattle=0.6, hat_decay=0.020)
_TIGHT = Kit(kick=(210, 62), kick_decay=0.06, snare=240, snare_decay=0.05, rattle=0.7, hat_decay=0.012)
_DUSTY = Kit(kick=(120, 55), kick_decay=0.08, snare=160, snare_decay=0.12, rattle=0.5, hat_decay=0.035)

_SUB = Voice((1.0, 0.15), attack=0.006, decay=0.35)
_GROWL = Voice(_saw(8), attack=0.004, decay=0.22)
_ROUND = Voice(_hollow(5), attack=0.005, decay=0.30)

_PAD = Voice(_saw(6), attack=0.12, decay=3.0, detune=14)
_ORGAN = Voice((1.0, 0.8, 0.0, 0.5, 0.0, 0.3, 0.0, 0.25), attack=0.02, decay=4.0)
_PIANO = Voice((1.0, 0.45, 0.28, 0.14, 0.09, 0.05), attack=0.004, decay=0.45)
_STRINGS = Voice(_saw(12), attack=0.20, decay=3.0, detune=9)

_BELL = Voice((1.0, 0.0, 0.35, 0.0, 0.0, 0.3, 0.0, 0.0, 0.15), attack=0.002, decay=0.30)
_SQUARE = Voice(_hollow(11), attack=0.004, decay=0.25)
_FLUTE = Voice((1.0, 0.22, 0.06), attack=0.05, decay=1.5)
_PLUCK = Voice(_saw(14), attack=0.002, decay=0.12)
_REED = Voice((0.5, 1.0, 0.7, 0.6, 0.4, 0.2), attack=0.02, decay=0.8)

_FLOOR = (0, 4, 8, 12)
_BACKBEAT = (0, 8)
_EIGHTHS = tuple(range(0, 16, 2))
_SIXTEENTHS = tuple(range(16))

PIECES = {
    piece.name: piece
    for piece in (
        Piece(
            "Neon Steps", 120, 57, "minor", (0, 5, 2, 6),
            _BOOMY, _FLOOR, _EIGHTHS, _SUB, (0, 6, 8, 14), _PAD, _BELL, 0.25, 11,
        ),
        Piece(
            "Paper Lanterns", 100, 62, "major", (0, 3, 4, 3),
            _DUSTY, (*_BACKBEAT, 10), _EIGHTHS, _ROUND, (0, 8, 10), _PIANO, _FLUTE, 0.30, 12,
        ),
        Piece(
            "Glass Elevator", 128, 53, "dorian", (0, 3, 0, 6),
            _TIGHT, _FLOOR, (2, 6, 10, 14), _GROWL, (2, 6, 10, 14), _ORGAN, _SQUARE, 0.20, 13,
        ),
        Piece(
            "Slow Harbour", 90, 59, "mixolydian", (0, 6, 3, 0),
            _DUSTY, (*_BACKBEAT, 7), _SIXTEENTHS, _SUB, (0, 3, 8, 11), _STRINGS, _REED, 0.35, 14,
        ),
        Piece(
            "Quick Errand", 115, 55, "major", (0, 4, 5, 3),
            _TIGHT, _BACKBEAT, _EIGHTHS, _ROUND, (0, 4, 8, 12), _ORGAN, _PLUCK, 0.25, 15,
        ),
        Piece(
            "Loose Tripod", 140, 52, "phrygian", (0, 1, 0, 6),
            _BOOMY, _FLOOR, _SIXTEENTHS, _GROWL, (0, 2, 8, 10), _PAD, _SQUARE, 0.15, 16,
        ),
        Piece(
            "Two of Us", 105, 60, "minor", (0, 3, 5, 4),
            _BOOMY, (*_BACKBEAT, 6), _EIGHTHS, _SUB, (0, 6, 8), _PIANO, _REED, 0.20, 17,
        ),
        Piece(
            "Empty Room", 96, 56, "dorian", (0, 2, 3, 5),
            _DUSTY, _BACKBEAT, (0, 4, 8, 12), _ROUND, (0, 8), _STRINGS, _BELL, 0.40, 18,
        ),
    )
}  # fmt: skip
"""All pieces by name."""
