"""Finds the same music again: anywhere in a known piece, and played up to five per cent faster or slower.

The fingerprint of the new piece is computed at several speeds (tempo and pitch change together) and stretched
to several tempi (the pitch stays). Each variant is cut into windows, and each window is slid along every
known piece. The measure is the normalised correlation of the overlapping rows, reduced where the overlap is
short, because short stretches are alike by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from popdanceset.music.fingerprint import Method, Prints, Samples

Floats = np.ndarray[Any, np.dtype[np.float32]]

RATIOS = (0.96, 0.98, 1.0, 1.02, 1.04)
"""Speeds and tempi that are tried: a copy within ±5 % is never further than 1 % from one of them."""

WINDOW, STRIDE = 24.0, 12.0
"""Seconds: at this length, a tempo that differs by 1 % shifts the ends of a window by one row only."""

SHORTEST = 3.0
"""Seconds that must overlap."""

_SHORT = 2.5
"""Seconds: an overlap of this length keeps 0.7 of its correlation, one ten times as long keeps 0.95."""

_CHUNK = 4_000_000
"""How many numbers of known fingerprints are transformed at once: bounds the memory."""


def variants(method: Method, samples: Samples, plain: Prints) -> list[list[Floats]]:
    """Returns the windows of new audio, each at every speed and tempo: [window][variant] (rows, channels).

    Args:
        method: computes the fingerprints.
        samples: the audio, (n,) int16.
        plain: its fingerprint at the original speed.
    """
    changed = [stretched(plain, ratio) for ratio in RATIOS]
    changed += [method(samples, ratio).astype(np.float32) for ratio in RATIOS if ratio != 1.0]
    count = 1 + max(0, round((len(plain) * method.hop - STRIDE) // STRIDE))
    window, stride = round(WINDOW / method.hop), round(STRIDE / method.hop)
    windows = []
    for number in range(count):
        start = number * stride
        # In a slower variant, the same stretch of music comes later.
        starts = [round(start * len(each) / max(len(plain), 1)) for each in changed]
        windows.append([each[at : at + window] for each, at in zip(changed, starts, strict=True)])
    return windows


def stretched(prints: Prints, tempo: float) -> Floats:
    """Interpolates the fingerprint of the music played `tempo` times as fast at the same pitch."""
    if tempo == 1.0 or len(prints) < 2:
        return prints.astype(np.float32)
    place = np.arange(int((len(prints) - 1) / tempo) + 1) * tempo
    before = np.minimum(place.astype(np.intp), len(prints) - 2)
    share = (place - before)[:, None]
    return np.asarray((1 - share) * prints[before] + share * prints[before + 1], np.float32)


def similarity(windows: Sequence[Sequence[Floats]], known: Sequence[Prints], hop: float) -> Floats:
    """Measures how well the new audio matches each known piece.

    Args:
        windows: of the new audio, from `variants`.
        known: fingerprints (rows, channels) of the known pieces.
        hop: seconds from row to row, of both.

    Returns:
        (len(known),) float32: 0 where nothing can be compared, 1 for identical audio of full length.
    """
    best = np.zeros(len(known), np.float32)
    shortest = round(SHORTEST / hop)
    usable = [[each for each in window if len(each) >= shortest] for window in windows]
    usable = [window for window in usable if window]
    if not usable:
        return best
    longest = max(len(each) for window in usable for each in window)
    for chosen in _chunks(known, longest, shortest):
        pieces = _Pieces([known[index] for index in chosen], longest)
        for window in usable:
            best[chosen] = np.maximum(best[chosen], pieces.compare(window, shortest, _SHORT / hop))
    return best


def _chunks(known: Sequence[Prints], longest: int, shortest: int) -> Iterator[np.ndarray[Any, Any]]:
    """Yields indices of the known pieces that are long enough, pieces of similar length together."""
    lengths = np.array([len(piece) for piece in known], np.intp)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] >= shortest]
    while len(order):
        size = (lengths[order] + longest) * known[order[0]].shape[1]
        count = max(1, int(np.sum(size * np.arange(1, len(size) + 1) <= _CHUNK)))
        yield order[:count]
        order = order[count:]


class _Pieces:
    """Known pieces: their spectra and cumulative energies, ready to be compared with any window."""

    def __init__(self, prints: Sequence[Prints], longest: int) -> None:
        import scipy.fft

        self.lengths = np.array([len(piece) for piece in prints])
        self.longest = longest
        self.size = int(scipy.fft.next_fast_len(int(self.lengths.max()) + longest, real=True))
        padded = np.zeros((len(prints), self.size, prints[0].shape[1]), np.float32)
        for row, piece in zip(padded, prints, strict=True):
            row[: len(piece)] = piece
        # Frequencies first: a comparison is then one matrix product per frequency.
        self.spectra = np.ascontiguousarray(scipy.fft.rfft(padded, axis=1).transpose(1, 0, 2))
        # Energy up to each row, with silence before and after the piece.
        energy = np.einsum("prc,prc->pr", padded, padded)
        self.energy = np.zeros((len(prints), longest + self.size + longest), np.float32)
        self.energy[:, longest + 1 : longest + 1 + self.size] = np.cumsum(energy, axis=1, dtype=np.float64)
        self.energy[:, longest + 1 + self.size :] = self.energy[:, [longest + self.size]]

    def compare(self, window: Sequence[Floats], shortest: int, short: float) -> Floats:
        """Returns the highest measure of any variant at any shift: (pieces,) float32."""
        import scipy.fft

        queries = np.zeros((len(window), self.size, window[0].shape[1]), np.float32)
        for row, each in zip(queries, window, strict=True):
            row[: len(each)] = each
        conjugate = np.conj(scipy.fft.rfft(queries, axis=1)).transpose(1, 2, 0)
        products = scipy.fft.irfft(self.spectra @ conjugate, self.size, axis=0)  # (shift, piece, variant)
        best = np.zeros(len(self.lengths), np.float32)
        for number, each in enumerate(window):
            rows = len(each)
            # The window begins `shift` rows after the piece.
            shifts = np.arange(shortest - rows, int(self.lengths.max()) - shortest + 1)
            product = products[shifts % self.size, :, number].T
            ends = np.minimum(rows, self.lengths[:, None] - shifts)
            begins = np.maximum(0, -shifts)
            overlap = ends - begins
            passed = np.zeros(rows + 1, np.float32)
            passed[1:] = np.cumsum(np.einsum("rc,rc->r", each, each), dtype=np.float64)
            own = passed[np.maximum(ends, 0)] - passed[begins]
            first = self.longest + shifts[0]
            theirs = (
                self.energy[:, first + rows : first + rows + len(shifts)]
                - self.energy[:, first : first + len(shifts)]
            )
            weight = np.maximum(overlap, 0) / (np.maximum(overlap, 0) + short)
            measure = product * np.sqrt(weight / np.maximum(own * theirs, 1.0))
            measure[overlap < shortest] = 0
            best = np.maximum(best, measure.max(axis=1))
        return best
