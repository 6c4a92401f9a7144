"""Audio fingerprints: a small matrix per piece of music, by which the same music is recognised elsewhere.

Both methods return about eight rows of small integers per second, centred on zero. A copy of the same music
correlates with the original, other music does not (`popdanceset.music.matching`).

- `pitch`, this project's own: the loudness of each semitone in four octaves, minus its local mean over time
  (which removes equalisers and steady sounds) and over pitch (which removes drums and loudness).
- `chromaprint`: the 32 bits of AcoustID's fingerprint, computed by its program `fpcalc`, minus their local
  mean over time: a bit that never changes carries no information, and drums alone always set the same bits.
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
"""Sampling rate of the fingerprinted audio, Hz."""

QUIET = 30.0
"""Root mean square, of 32,767, below which a moment counts as silence; its row of the fingerprint is zero."""


class Method(Protocol):
    """A way to compute fingerprints.

    Attributes:
        name: its name in the store; only fingerprints with the same name can be compared.
        hop: seconds from row to row.
        channels: numbers per row.
    """

    name: ClassVar[str]
    hop: ClassVar[float]
    channels: ClassVar[int]

    def __call__(self, samples: Samples, speed: float = 1.0) -> Prints:
        """Computes a fingerprint, (rows, channels) int8.

        Args:
            samples: (n,) int16, mono at `RATE`.
            speed: treats the audio as if it were played this many times as fast.
        """
        ...


class Pitch:
    """This project's own fingerprint: how far each of 48 semitones stands out from its surroundings."""

    name: ClassVar[str] = "pitch-1"
    hop: ClassVar[float] = 0.125
    channels: ClassVar[int] = 48

    _WINDOW = 4096  # 0.256 s: separates semitones from 165 Hz upwards
    _LOWEST = 52  # MIDI: E3, 165 Hz; above most drums
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
        # A floor 50 dB below the loudest semitone of the moment: what an encoder drops must not matter.
        floor = 1e-5 * levels.max(axis=1, keepdims=True) + 1.0
        levels = np.log(levels + floor) / 2
        levels -= levels.mean(axis=1, keepdims=True)
        levels -= _moving_mean(levels, self._MEMORY)
        levels[loudness < QUIET] = 0
        return np.asarray(np.clip(np.rint(levels * self._SCALE), -127, 127), np.int8)


class Chromaprint:
    """AcoustID's fingerprint: how far each bit stands out from its surroundings.

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
        """Computes a fingerprint as `Method` describes.

        Raises:
            AssetError: the program fails.
        """
        if len(samples) < 3 * RATE * speed:  # fpcalc needs 2.6 s
            return np.zeros((0, self.channels), np.int8)
        command = [self.program, "-raw", "-json", "-length", "0", "-channels", "1"]
        # Declaring a higher sampling rate plays the audio faster.
        command += ["-format", "s16le", "-rate", str(round(RATE * speed)), "-"]
        done = subprocess.run(command, input=samples.astype("<i2").tobytes(), capture_output=True)
        try:
            words = np.array(json.loads(done.stdout)["fingerprint"], np.uint32)
        except (ValueError, KeyError) as error:
            message = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
            raise AssetError(
                f"fpcalc failed: {message}",
                self.program,
                "install another version, or set music.methods=pitch",
            ) from error
        bits = np.unpackbits(words.astype("<u4").view(np.uint8).reshape(-1, 4), axis=1)
        levels = bits.astype(np.float32)
        levels -= _moving_mean(levels, self._MEMORY)
        return np.asarray(np.rint(levels * self._SCALE), np.int8)


def find_chromaprint() -> Chromaprint | None:
    """Returns Chromaprint if its program `fpcalc` is on the path, else None."""
    program = shutil.which("fpcalc")
    return Chromaprint(program) if program else None


@functools.lru_cache(maxsize=16)
def _semitones(lowest: int, count: int, window: int, speed: float) -> tuple[Floats, Floats]:
    """Returns the weights of frequencies in semitones (window / 2 + 1, count), and the window's taper."""
    hertz = np.fft.rfftfreq(window, 1 / RATE) * speed
    note = 69 + 12 * np.log2(np.maximum(hertz, 1.0) / 440)
    distance = np.abs(note[:, None] - (lowest + np.arange(count)))
    bank = np.maximum(1 - distance, 0)
    # Low semitones are narrower than the spacing of the frequencies; none may stay empty.
    bank /= bank.sum(axis=0)
    return bank.astype(np.float32), np.hanning(window).astype(np.float32)


def _moving_mean(values: Floats, reach: int) -> Floats:
    """Returns the mean over each row and up to `reach` rows before and after it: (n, channels)."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    middle = np.arange(len(values))
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, len(values))
    return np.asarray((total[high] - total[low]) / (high - low)[:, None], np.float32)
