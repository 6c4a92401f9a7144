"""Left and right over a whole clip: which frames have them exchanged, however long it lasts.

A body cannot turn into its mirror image between two frames. Where a network labels it so and later changes
back, the labels of all frames are chosen together: points should move evenly, parts of the body rarely
disagree, labels rarely change, and the cues that know front from back (knees, feet, face) should agree with
the trunk. Where an estimator sees people too badly for that, as while they roll on the floor, nothing is
exchanged, and an exchange that would begin or end there is none. `hybrik_runner.poses.sides` mends single
frames by their neighbours alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.poses.hypotheses import cheapest, distances, linked
from hybrik_runner.poses.sides import PARTS, Pairs, exchanged

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

HYPOTHESES = (*((*flags, False) for flags in product((False, True), repeat=len(PARTS))), (True,) * 4)
"""Trunk, arms and legs exchanged or not; last, a front taken for a back: all of them, and depths reversed."""

# Costs are metres: mean steps of a part's points, from one frame to the next and to the one after it.
_CHANGE = 0.14
"""Of each part whose labels change from one frame to the next, at either end of a run. Anywhere from 0.12 to
0.16, a tai chi form and two dances that are labelled right stay as they are."""
_SCALE = 0.6
"""From here on steps cost less than their length."""

# Costs per second.
_AS_SEEN, _EACH = 0.4, 0.2
"""Of exchanging anything where the network is sure, and the share of each part in addition."""
_APART = 0.1
"""Of parts that disagree."""
_REVERSED = 0.1
"""Of reversed depths."""
_BACKWARDS = 0.4
"""Of knees, feet and a face that all point backwards."""

_MINORITY = 0.4
"""Share of the frames. Where more are to be exchanged, neither labelling is clearly the better one."""

_LONGEST_FRAME = 0.1
"""Seconds."""

_REVERSAL = np.array([1.0, 1.0, -1.0])


def labelling(
    metric: Floats,
    image: Floats,
    times: Floats,
    pairs: Mapping[str, Pairs],
    scores: Floats,
    backwards: Callable[[Floats], Floats] | None = None,
    judged: Flags | None = None,
) -> tuple[Flags, Flags]:
    """Chooses the labels of a clip.

    Args:
        metric: (n, k, 3) landmarks about the middle of the hips, camera axes (z forward), metres.
        image: (n, k, 2) the same in the picture, metres as well, about.
        times: (n,) seconds.
        pairs: of each of `PARTS`, indices of left and right landmarks.
        scores: (n,) mean confidence, 0..1.
        backwards: how far cues contradict the front of the trunk, (n, k, 3) → (n,) 0..1; None: no cues.
        judged: (n,) frames in which anything may be exchanged; None: all.

    Returns:
        (n, 3) which parts are to be exchanged, and (n,) where depths are to be reversed with them.
    """
    count = len(times)
    hypotheses = np.array(HYPOTHESES)
    judged = np.ones(count, bool) if judged is None else judged
    if count < 3 or not judged.any():
        return np.zeros((count, len(PARTS)), bool), np.zeros(count, bool)
    parts, reverses = hypotheses[:, :3].astype(int), hypotheses[:, 3].astype(int)
    spans = np.minimum(np.gradient(times), _LONGEST_FRAME)[:, None]
    single = spans * (
        _AS_SEEN * scores[:, None] * (parts.max(1) + _EACH * parts.sum(1)) + _REVERSED * reverses
    )
    single += spans * _APART * (np.abs(parts - np.roll(parts, 1, axis=1)).sum(1))
    if backwards is not None:
        single += spans * _BACKWARDS * _contradiction(metric, pairs, backwards)
    single[~judged, 1:] = np.inf  # all but the first hypothesis, as seen

    versions = [np.concatenate([metric, image], axis=2), np.concatenate([metric * _REVERSAL, image], axis=2)]
    follows, skips = np.zeros((2, count, len(hypotheses), len(hypotheses)))
    for part, name in enumerate(PARTS):
        order = [index for pair in pairs[name] for index in pair]
        mirror = np.array(order).reshape(-1, 2)[:, ::-1].ravel()
        kinds = [version[:, chosen] for version in versions for chosen in (order, mirror)]
        state = 2 * reverses + parts[:, part]
        for costs, back in ((follows, 1), (skips, 2)):
            costs += distances(kinds, times, _SCALE, back)[:, state[:, None], state]
    changes = np.abs(parts[:, None] - parts).sum(2) + np.abs(reverses[:, None] - reverses)
    follows += _CHANGE * changes * linked(times)[:, None, None]

    chosen = cheapest(single, follows, skips)
    flags = np.array(hypotheses[chosen, :3])
    runs = np.cumsum(~linked(times))
    for run in np.unique(runs):
        inside = runs == run
        weight = (scores[inside] + 1e-9) * judged[inside]
        share = (flags[inside] * weight[:, None]).sum(0) / max(weight.sum(), 1e-9)
        flags[np.ix_(inside, share > _MINORITY)] = False
    return flags, hypotheses[chosen, 3] & flags.all(1)


def _contradiction(
    metric: Floats, pairs: Mapping[str, Pairs], backwards: Callable[[Floats], Floats]
) -> Floats:
    """(n, hypotheses) how far cues contradict the trunk under each hypothesis."""
    trunk = np.zeros((len(metric), len(PARTS)), bool)
    trunk[:, 0] = True
    turned = exchanged(metric, trunk, pairs)
    kinds = np.stack([backwards(metric), backwards(turned), backwards(turned * _REVERSAL)], axis=1)
    return kinds[:, [2 if flags[3] else int(flags[0]) for flags in HYPOTHESES]]
