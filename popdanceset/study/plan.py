"""What a participant sees: which pairs, in which order, which dance on which side."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from popdanceset.study.design import Dance, Design


@dataclass(frozen=True, slots=True)
class Trial:
    """Two dances side by side.

    Attributes:
        song: id of their music.
        left, right: ids of the dances.
        real: the dance that an attention check expects to be chosen; empty if this is none.
    """

    song: str
    left: str
    right: str
    real: str = ""


def plan(design: Design, participant: str) -> list[Trial]:
    """Returns a participant's trials; the same for the same participant.

    If a study has more pairs than a participant is to see, each two models are compared equally often, as far
    as possible. An attention check is never the first trial.
    """
    draw = random.Random(f"{design.id}:{participant}")
    trials = [_sides(first, second, draw) for first, second in _chosen(design, draw)]
    dances = design.by_id()
    for check in design.checks:
        trial = _sides(dances[check.real], dances[check.spoilt], draw, real=check.real)
        trials.insert(draw.randint(min(1, len(trials)), len(trials)), trial)
    return trials


def steps(design: Design, trials: Sequence[Trial]) -> list[tuple[int, int]]:
    """Returns (trial, question) of everything that is asked, in order; attention checks ask only once."""
    return [
        (position, question)
        for position, trial in enumerate(trials)
        for question in range(1 if trial.real else len(design.questions))
    ]


def _chosen(design: Design, draw: random.Random) -> list[tuple[Dance, Dance]]:
    groups: dict[tuple[str, str], list[tuple[Dance, Dance]]] = defaultdict(list)
    pairs = list(design.pairs())
    draw.shuffle(pairs)
    for pair in pairs:
        groups[pair[0].model, pair[1].model].append(pair)
    order = list(groups.values())
    draw.shuffle(order)
    chosen: list[tuple[Dance, Dance]] = []
    while len(chosen) < design.trials and any(order):
        for group in order:
            if group and len(chosen) < design.trials:
                chosen.append(group.pop())
    draw.shuffle(chosen)
    return chosen


def _sides(first: Dance, second: Dance, draw: random.Random, real: str = "") -> Trial:
    left, right = (first, second) if draw.random() < 0.5 else (second, first)
    return Trial(first.song, left.id, right.id, real)
