"""Latency: seconds of computing per second of dance."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from popdanceset.errors import InputError
from training.metrics.clip import Floats
from training.metrics.score import Interval

REPEATS = 5
WARM_UPS = 1


def latency(
    generate: Callable[[], Floats | list[Floats] | Any],
    fps: float,
    repeats: int = REPEATS,
    warm_ups: int = WARM_UPS,
    clock: Callable[[], float] = time.perf_counter,
) -> Interval:
    """Latency: wall time that a generator takes per second of dance.

    The generator must return finished motions in host memory; a model on an accelerator must copy its joints
    there, which waits for the device.

    Args:
        generate: generates dances; returns an array (frames, …) or a list of such arrays.
        fps: frames a second of the dances.
        repeats: number of timed calls.
        warm_ups: number of calls before them, not timed (compilation, allocation).
        clock: returns seconds.

    Returns:
        Median over the calls, in s/s; the interval is from the fastest to the slowest. Below 1 is faster
        than real time.

    Raises:
        InputError: the generator returns no frames, or `repeats` is below 1.
    """
    if repeats < 1:
        raise InputError(f"cannot time {repeats} repeats", do="give 1 or more")
    for _ in range(warm_ups):
        generate()
    ratios = []
    for _ in range(repeats):
        start = clock()
        dances = generate()
        seconds = clock() - start
        frames = sum(len(dance) for dance in dances) if isinstance(dances, list) else len(dances)
        if frames == 0:
            raise InputError("the generator returned no frames", do="let it return (frames, …) arrays")
        ratios.append(seconds * fps / frames)
    return Interval(float(np.median(ratios)), min(ratios), max(ratios))
