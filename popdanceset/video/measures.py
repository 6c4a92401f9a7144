"""The measures that rules judge, computed from a screening report: of moments, and of spans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.video.screening.report import Screening

if TYPE_CHECKING:
    from popdanceset.settings import ScreeningSettings

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_JITTER_OF_PAN = 0.06  # seconds: jitter in diagonals over speed in diagonals a second
_HIDDEN_LIMBS = 2  # of a dancer that something hides; one alone may lie behind the own body
_NEAR = 0.1  # seconds between two samples of the picture
_STILL = 2.0  # brightness change 0..255 below which the column `stillness` sees no motion


def signal(name: str, screening: Screening, settings: ScreeningSettings) -> tuple[Floats, Floats]:
    """A measure over time.

    Args:
        name: one of `popdanceset.video.rules.SIGNALS`.
        settings: they say which limbs count as seen.

    Returns:
        (n,) seconds from the first frame, ascending, and (n,) values; NaN where the measure is not known.
    """
    times, values = _SIGNALS[name](screening, settings)
    return np.array(times, np.float64), values


def measure(
    screening: Screening, start: float, end: float, settings: ScreeningSettings
) -> dict[str, float | None]:
    """Computes the measures of a span from the samples inside it.

    Args:
        start, end: seconds from the first frame.
        settings: they say who counts as a dancer, and which limbs as seen.

    Returns:
        Measure of `popdanceset.video.rules.MEASURES` → value, None where it is not known. Those of the whole
        video, `cuts_per_minute` and `bars`, are left out.
    """

    def inside(times: Sequence[float]) -> Flags:
        array = np.array(times, np.float64)
        return np.asarray((array >= start) & (array < end))

    jitter = _known(screening.shake.value, inside(screening.shake.time))
    moving = inside(screening.motion.time)
    pan, zoom = _known(screening.motion.pan, moving), _known(screening.motion.zoom, moving)
    change = _known(screening.picture.change, inside(screening.picture.time))
    seen = screening.dancers
    sampled = inside(seen.time)
    count, size = np.array(seen.count)[sampled], np.array(seen.size)[sampled]
    visible = _visible(screening, sampled, settings.max_second)
    known, complete, hidden = (flags[sampled] for flags in _limbs(screening, settings.limb_score))
    seam = np.array(screening.panels.seam)[inside(screening.panels.time)]
    twin = np.array(seen.twin)[sampled]
    return {
        "shake": float(np.sqrt(np.mean(jitter**2))) if jitter.size else None,
        "dancers": float(count.mean()) if count.size else None,
        "visibility": float(visible.mean()) if visible.size else None,
        "limbs": float(complete[known].mean()) if known.any() else None,
        "occlusion": float(hidden[known].mean()) if known.any() else None,
        "size": float(np.median(size[size > 0])) if (size > 0).any() else None,
        "pan": float(np.percentile(pan, 95)) if pan.size else None,
        "zoom": float(np.percentile(zoom, 95)) if zoom.size else None,
        "stillness": float((change < _STILL).mean()) if change.size else None,
        "seam": float(np.median(seam)) if seam.size else None,
        "twin": float(np.median(twin)) if twin.size else None,
    }


def main_track(track: NDArray[np.int64]) -> int:
    """The number of the track that is seen most, 0 if nobody is seen."""
    there = track[track > 0]
    return int(np.bincount(there).argmax()) if there.size else 0


def as_floats(values: Sequence[float | None]) -> Floats:
    """(n,) values, NaN for None."""
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _steady_pan(screening: Screening) -> Floats:
    """(n,) pan, NaN where the camera shakes: the jitter of a pan's beginning and end is small compared with
    its speed; that of a shaking hand is not."""
    pan, jitter = as_floats(screening.motion.pan), as_floats(screening.shake.value)
    return np.where(jitter < _JITTER_OF_PAN * pan, pan, np.nan)


def _of_dancers(screening: Screening, values: Sequence[float], least_people: int = 1) -> Floats:
    """(n,) values of the samples, NaN where fewer people are seen."""
    return np.where(np.array(screening.dancers.count) >= least_people, np.array(values, np.float64), np.nan)


def _occlusion(screening: Screening, settings: ScreeningSettings) -> Floats:
    known, _, hidden = _limbs(screening, settings.limb_score)
    return np.where(known, hidden, np.nan)


def _undamaged(screening: Screening) -> Floats:
    """(n,) 0 where damaged data are shown near a sample of the picture, else 1."""
    times = np.array(screening.picture.time, np.float64)
    undamaged = np.ones(len(times))
    for start, end in screening.damaged:
        undamaged[(times > start - _NEAR) & (times < end + _NEAR)] = 0
    return undamaged


_SIGNALS: dict[str, Callable[[Screening, ScreeningSettings], tuple[Sequence[float], Any]]] = {
    "contrast": lambda s, _: (s.picture.time, as_floats(s.picture.contrast)),
    "undamaged": lambda s, _: (s.picture.time, _undamaged(s)),
    "change": lambda s, _: (s.picture.time, as_floats(s.picture.change)),
    "people": lambda s, _: (s.dancers.time, as_floats(s.dancers.count)),
    "second": lambda s, _: (s.dancers.time, _of_dancers(s, s.dancers.second, 2)),
    "whole": lambda s, _: (s.dancers.time, _of_dancers(s, whole(s).tolist())),
    "seam": lambda s, _: (s.panels.time, as_floats(s.panels.seam)),
    "twin": lambda s, _: (s.dancers.time, as_floats(s.dancers.twin)),
    "zoom": lambda s, _: (s.motion.time, as_floats(s.motion.zoom)),
    "pan": lambda s, _: (s.motion.time, _steady_pan(s)),
    "shake": lambda s, _: (s.shake.time, as_floats(s.shake.value)),
    "size": lambda s, _: (s.dancers.time, _of_dancers(s, s.dancers.size)),
    "occlusion": lambda s, settings: (s.dancers.time, _occlusion(s, settings)),
}


def whole(screening: Screening) -> Flags:
    """(n,) of all samples: whether the main dancer's circle and all limbs are in the frame."""
    seen = screening.dancers
    beyond = np.array([scores is not None and None in scores for scores in seen.limbs], bool)
    return np.asarray((np.array(seen.main) == 1) & ~beyond)


def _limbs(screening: Screening, least: float) -> tuple[Flags, Flags, Flags]:
    """(n,) of all samples: whether limbs are known, are all seen, and are hidden by something.

    Limbs that lie behind the own body count as seen: in that view they cannot be seen.
    """
    limbs = screening.dancers.limbs
    behind = screening.dancers.behind or (None,) * len(limbs)
    known = np.array([scores is not None for scores in limbs], bool)
    beyond = np.array([scores is not None and None in scores for scores in limbs], bool)
    unsure = np.array([_unsure(*sample, least) for sample in zip(limbs, behind, strict=True)], int)
    return known, known & ~beyond & (unsure == 0), known & (unsure >= _HIDDEN_LIMBS)


def _unsure(scores: tuple[float | None, ...] | None, behind: tuple[bool, ...] | None, least: float) -> int:
    """Number of limbs in the frame that are not seen, and not behind the own body."""
    hidden = behind or (False,) * len(scores or ())
    pairs = zip(scores or (), hidden, strict=True) if scores else ()
    return sum(score is not None and score < least and not own for score, own in pairs)


def _visible(screening: Screening, sampled: Flags, max_second: float) -> Flags:
    """Of the samples of a span: whether the span's main dancer is there, whole, and alone."""
    seen = screening.dancers
    second, track = (np.array(x)[sampled] for x in (seen.second, seen.track))
    return np.asarray(whole(screening)[sampled] & (second <= max_second) & (track == main_track(track)))


def _known(values: Sequence[float | None], inside: Flags) -> Floats:
    chosen = as_floats(values)[inside]
    return np.asarray(chosen[~np.isnan(chosen)])
