"""What a piece of music sounds like, as a short matrix in which the same music can be found again.

Both methods give eight or so rows of small whole numbers a second, centred on zero, in which a copy of the
same music correlates with the original and other music does not (`popdanceset.music.matching`).

- `pitch`, our own: the loudness of four octaves of semitones, as it differs from its surroundings in time
  (which takes out equalisers and steady sounds) and in pitch (which takes out drums and loudness).
- `chromaprint`: the 32 bits of AcoustID's fingerprint, by its program `fpcalc`, as they differ from their
  surroundings in time: a bit that never changes says nothing, and drums alone set the same bits always.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from typing import Any, ClassVar, Protocol

import numpy as np

from popdanceset.errors import AssetError

Samples = np.ndarray[Any, np.dtype[np.int16]]
Prints = np.ndarray[Any, np.dtype[np.int8]]
Floats = np.ndarray[Any, np.dtype[np.float32]]

RATE = 16_000
"""1/s, of the samples that are looked at."""

QUIET = 30.0
"""Root mean square, of 32,767, below which a moment counts as silence: it looks like nothing."""


class Method(Protocol):
    """A way to take fingerprints.

    Attributes:
        name: what a store calls it; fingerprints of one name can be compared.
        hop: seconds from row to row.
        channels: numbers a row.
    """

    name: ClassVar[str]
    hop: ClassVar[float]
    channels: ClassVar[int]

    def __call__(self, samples: Samples, speed: float = 1.0) -> Prints:
        """(rows, channels) int8 of a sound (n,) int16, mono at `RATE`, played `speed` times as fast."""
        ...


class Pitch:
    """Our own fingerprint: how each of 48 semitones stands out of its surroundings."""

    name: ClassVar[str] = "pitch-1"
    hop: ClassVar[float] = 0.125
    channels: ClassVar[int] = 48

    _WINDOW = 4096  # 0.256 s: tells semitones apart from 165 Hz on
    _LOWEST = 52  # MIDI: E3, 165 Hz; above most of the drums
    _MEMORY = 16  # rows on either side that a level is compared with: 2 s
    _SCALE = 16.0  # of int8, per neper
    _BATCH = 1024

    def __call__(self, samples: Samples, speed: float = 1.0) -> Prints:
        if len(samples) < self._WINDOW:
            return np.zeros((0, self.channels), np.int8)
        step = self.hop * RATE * speed
        rows = int((len(samples) - self._WINDOW) / step) + 1
        bank, taper = _semitones(self._LOWEST, self.channels, self._WINDOW, speed)
        starts = np.round(np.arange(rows) * step).astype(np.intp)
        windows = np.lib.stride_tricks.sliding_window_view(samples, self._WINDOW)
        levels = np.empty((rows, self.channels), np.float32)
        loudness = np.empty(rows, np.float32)
        for first in range(0, rows, self._BATCH):
            batch = slice(first, first + self._BATCH)
            part = windows[starts[batch]].astype(np.float32)
            loudness[batch] = np.sqrt(np.mean(part**2, axis=1))
            power = np.abs(np.fft.rfft(part * taper, axis=1)).astype(np.float32) ** 2
            levels[batch] = power @ bank
        # A floor 50 dB below the moment's loudest: what an encoder leaves out must not matter.
        floor = 1e-5 * levels.max(axis=1, keepdims=True) + 1.0
        levels = np.log(levels + floor) / 2
        levels -= levels.mean(axis=1, keepdims=True)
        levels -= _moving_mean(levels, self._MEMORY)
        levels[loudness < QUIET] = 0
        return np.asarray(np.clip(np.rint(levels * self._SCALE), -127, 127), np.int8)


class Chromaprint:
    """AcoustID's fingerprint: how each bit stands out of its surroundings.

    Args:
        program: path of `fpcalc`.
    """

    name: ClassVar[str] = "chromaprint-1"
    hop: ClassVar[float] = 1365 / 11025
    channels: ClassVar[int] = 32

    _MEMORY = 16  # rows on either side, 2 s
    _SCALE = 100.0

    def __init__(self, program: str) -> None:
        self.program = program

    def __call__(self, samples: Samples, speed: float = 1.0) -> Prints:
        """Raises AssetError if the program fails."""
        if len(samples) < 3 * RATE * speed:  # it wants 2.6 s
            return np.zeros((0, self.channels), np.int8)
        command = [self.program, "-raw", "-json", "-length", "0", "-channels", "1"]
        # The sound is played faster by saying it was sampled faster.
        command += ["-format", "s16le", "-rate", str(round(RATE * speed)), "-"]
        done = subprocess.run(command, input=samples.astype("<i2").tobytes(), capture_output=True)
        try:
            words = np.array(json.loads(done.stdout)["fingerprint"], np.uint32)
        except (ValueError, KeyError) as error:
            said = done.stderr.decode(errors="replace").strip() or f"ended with code {done.returncode}"
            raise AssetError(
                f"fpcalc failed: {said}", self.program, "install another version, or set music.methods=pitch"
            ) from error
        bits = np.unpackbits(words.astype("<u4").view(np.uint8).reshape(-1, 4), axis=1)
        levels = bits.astype(np.float32)
        levels -= _moving_mean(levels, self._MEMORY)
        return np.asarray(np.rint(levels * self._SCALE), np.int8)


def find_chromaprint() -> Chromaprint | None:
    """Chromaprint, if its program `fpcalc` is on the path."""
    program = shutil.which("fpcalc")
    return Chromaprint(program) if program else None


@functools.lru_cache(maxsize=16)
def _semitones(lowest: int, count: int, window: int, speed: float) -> tuple[Floats, Floats]:
    """Weights (window / 2 + 1, count) of each frequency in each semitone, and the window's taper."""
    hertz = np.fft.rfftfreq(window, 1 / RATE) * speed
    note = 69 + 12 * np.log2(np.maximum(hertz, 1.0) / 440)
    distance = np.abs(note[:, None] - (lowest + np.arange(count)))
    bank = np.maximum(1 - distance, 0)
    # Low semitones are narrower than the grid of frequencies is fine: none may stay empty.
    bank /= bank.sum(axis=0)
    return bank.astype(np.float32), np.hanning(window).astype(np.float32)


def _moving_mean(values: Floats, reach: int) -> Floats:
    """Mean over up to `reach` rows before and after each, and itself: as (n, channels)."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    middle = np.arange(len(values))
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, len(values))
    return np.asarray((total[high] - total[low]) / (high - low)[:, None], np.float32)
