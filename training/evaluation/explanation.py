"""Explains published numbers that contradict each other, by what changes of protocol do to the same dances.

`popdanceset evaluate --explain-protocol DIR` writes `protocol.md` and `protocol.html` with the same numbers;
only the former contains the protocol card.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from popdanceset.errors import InputError
from training.evaluation.comparison import DESCRIPTIONS
from training.evaluation.published import PublishedNumber, card, published_numbers
from training.evaluation.table import decimals
from training.metrics import kinetic
from training.metrics.clip import Clip
from training.metrics.factors import (
    NUMBERS,
    OF_GENERATED,
    RELEASED,
    RELEASED_SETUP,
    WHOLE,
    Moved,
    Variant,
    moved,
    numbers,
    together,
    without,
)
from training.metrics.frechet import bias_note

CLOSE = 1.25
"""A change reproduces a printed ratio if its own differs from it by at most this factor."""

UNCHANGED = 5e-3
"""Relative change up to which a number counts as unchanged."""

WORTH_PAIRING = 1.05
"""Ratio that each of two changes must have alone if they are tried together."""

PAIRS = (
    ("FID_k", ("TokenDance", "POPDG", "PopDanceSet"), ("Skeleton2Stage", "POPDG", "PopDanceSet")),
    (
        "BAS",
        ("paper", "ground truth", "PopDanceSet, upgraded"),
        ("Skeleton2Stage", "ground truth", "PopDanceSet"),
    ),
    (
        "PFC",
        ("paper", "ground truth", "PopDanceSet, upgraded"),
        ("Skeleton2Stage", "ground truth", "PopDanceSet, training part"),
    ),
)
"""Numbers that contradict each other: metric, and source, model and data of both."""

LIMITS = (
    "A change that reproduces a printed ratio on these dances could explain it; it does not prove that the "
    "papers differ in it, because they do not tell. What dances alone cannot show stays open: another part "
    "of the data (the larger PFC is that of the training part), other checkpoints, seeds and sampling steps, "
    "another scale of the root's path, another real set behind the standardisation."
)


class Contradiction(NamedTuple):
    """Two printed numbers for the same thing."""

    first: PublishedNumber
    second: PublishedNumber

    @property
    def ratio(self) -> float:
        """The larger number over the smaller."""
        low, high = sorted((self.first.value, self.second.value))
        return high / low


class Change(NamedTuple):
    """One or two changes of protocol, and by which factor (≥ 1) they move a number, up or down.

    Attributes:
        variants: what changes.
        ratio: the larger number over the smaller.
        undone: the change starts from the released code's protocol, of which this choice is taken back.
    """

    variants: tuple[Variant, ...]
    ratio: float
    undone: bool = False

    @property
    def text(self) -> str:
        """What changes, where each change is known from, and the ratio."""
        titles = (
            f"{v.factor}: {v.title}" + (f" ({v.known})" if v.known and not self.undone else "")
            for v in self.variants
        )
        start = f"{RELEASED} without its " if self.undone else ""
        return f"{start}{' and '.join(titles)} ×{_shown(self.ratio)}"

    @property
    def known(self) -> bool:
        """Whether a paper or a public code makes each of the changes."""
        return all(v.known for v in self.variants)


@dataclass(frozen=True)
class Verdict:
    """Which changes of protocol reproduce a contradiction on these dances.

    Attributes:
        contradiction: the printed numbers.
        alone: single changes, from ours or from the released code, with about the printed ratio.
        pairs: two known changes of different kinds with about the printed ratio.
        larger: single changes with a larger ratio.
        smaller: single changes with a smaller ratio, the largest first.
    """

    contradiction: Contradiction
    alone: tuple[Change, ...]
    pairs: tuple[Change, ...]
    larger: tuple[Change, ...]
    smaller: tuple[Change, ...]

    @property
    def summary(self) -> str:
        """One sentence."""
        if any(change.known for change in self.alone):
            return "reproduced by one known change of protocol"
        if self.alone:
            return "reproduced by one change of protocol, which no paper or code that we know makes"
        if self.pairs:
            return "not reproduced by one change of protocol, but by two known ones together"
        if self.larger:
            return "not reproduced: single changes move the number by less or by much more"
        return "not reproduced: every change of protocol that we know moves the number by less"


@dataclass(frozen=True)
class Explanation:
    """The numbers of one set of dances under every protocol, and what they explain.

    Attributes:
        real: number of real dances.
        generated: name and number of generated dances; None if half of the real ones took their place.
        ours: the numbers in `corrected` mode.
        moved: the numbers under every other protocol.
        verdicts: one for each contradiction whose number could be computed.
    """

    real: int
    generated: tuple[str, int] | None
    ours: Mapping[str, float | None]
    moved: Sequence[Moved]
    verdicts: Sequence[Verdict]


def explain(real: Sequence[Clip], generated: Sequence[Clip] | None = None, name: str = "") -> Explanation:
    """Computes the numbers of dances under every protocol and judges the contradictions by them.

    Args:
        real: the ground truth.
        generated: dances of a model at the same rate; None takes every second real dance in their place.
        name: of the model.

    Raises:
        InputError: the rates differ, or there are too few dances for a distance.
    """
    made = real if generated is None else generated
    rates = sorted({clip.fps for clip in (*real, *made)})
    if len(rates) > 1:
        raise InputError(
            f"dances at {' and '.join(f'{rate:g}' for rate in rates)} fps cannot explain a protocol",
            do="give one rate, or --mode corrected, which resamples them",
        )
    ours = numbers(real, made)
    found = moved(real, made)
    return Explanation(
        len(real),
        None if generated is None else (name, len(generated)),
        ours,
        found,
        tuple(_verdict(c, real, made, ours, found) for c in contradictions() if ours[c.first.metric]),
    )


def contradictions() -> list[Contradiction]:
    """Returns the contradictions of the card: the same number of the same thing from two sources."""
    known = {(n.metric, (n.source.name, n.model, n.dataset)): n for n in published_numbers()}
    return [Contradiction(known[metric, first], known[metric, second]) for metric, first, second in PAIRS]


def _verdict(
    contradiction: Contradiction,
    real: Sequence[Clip],
    generated: Sequence[Clip],
    ours: Mapping[str, float | None],
    found: Sequence[Moved],
) -> Verdict:
    key = contradiction.first.metric
    singles = [
        Change((one.variant,), ratio)
        for one in found
        if (ratio := _ratio(one.numbers[key], ours[key])) is not None and ratio > 1 + UNCHANGED
    ]
    if contradiction.first.source.group == "paper":
        singles += _undone(key, real, generated, found)
    singles.sort(key=lambda change: -change.ratio)
    alone = tuple(c for c in singles if _close(c.ratio, contradiction.ratio))
    variants = [
        c.variants[0]
        for c in singles
        if c.known and not c.undone and c not in alone and c.ratio > WORTH_PAIRING
        if not c.variants[0].only_generated and c.variants[0].factor != WHOLE
    ]
    pairs = []
    for two in combinations(variants, 2):
        if two[0].factor == two[1].factor:
            continue
        value = numbers(real, generated, together(v.setup for v in two), keys=(key,))[key]
        ratio = _ratio(value, ours[key])
        if ratio is not None and _close(ratio, contradiction.ratio):
            pairs.append(Change(two, ratio))
    return Verdict(
        contradiction,
        alone,
        tuple(pairs),
        tuple(c for c in singles if c not in alone and c.ratio > contradiction.ratio),
        tuple(c for c in singles if c not in alone and c.ratio < contradiction.ratio),
    )


def _undone(
    key: str, real: Sequence[Clip], generated: Sequence[Clip], found: Sequence[Moved]
) -> list[Change]:
    """What single choices of the released code do to its own number: the paper's may come from it."""
    whole = next(one for one in found if one.variant.factor == WHOLE).numbers[key]
    changes = []
    for variant in (one.variant for one in found):
        if variant.known != RELEASED or variant.factor == WHOLE or variant.setup.fps is not None:
            continue
        setup = without(RELEASED_SETUP, variant.setup)
        ratio = _ratio(numbers(real, generated, setup, keys=(key,))[key], whole)
        if ratio is not None and ratio > 1 + UNCHANGED:
            changes.append(Change((variant,), ratio, undone=True))
    return changes


def _ratio(value: float | None, ours: float | None) -> float | None:
    """The larger over the smaller; None where one of them is missing or not above 0."""
    if value is None or ours is None or min(value, ours) <= 0:
        return None
    return max(value / ours, ours / value)


def _close(ratio: float, printed: float) -> bool:
    return abs(math.log(ratio / printed)) <= math.log(CLOSE)


# -- as text


class Cell(NamedTuple):
    """A number as text, its ratio to ours as text, and log₁₀ of that ratio."""

    text: str
    change: str
    size: float


def cells(explanation: Explanation, found: Mapping[str, float | None]) -> list[Cell]:
    """Returns a row of the table, one cell for each of `NUMBERS`."""
    return [_cell(found[key], explanation.ours[key]) for key in NUMBERS]


def _cell(value: float | None, ours: float | None) -> Cell:
    if value is None or ours is None:
        return Cell("–", "", 0.0)
    text = f"{value:{decimals(value)}}"
    if value == ours or abs(value - ours) <= UNCHANGED * abs(ours):
        return Cell(text, "", 0.0)
    if min(value, ours) <= 0:
        return Cell(text, "", math.copysign(1.0, value - ours))
    ratio = value / ours
    shown = f"×{_shown(ratio)}" if ratio >= 1 else f"÷{_shown(1 / ratio)}"
    return Cell(text, shown, math.log10(ratio))


def _shown(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.3g}"


def heads() -> list[str]:
    """Returns the titles of the columns."""
    return [
        f"{DESCRIPTIONS[key].title}{f' ({DESCRIPTIONS[key].unit})' if DESCRIPTIONS[key].unit else ''}"
        for key in NUMBERS
    ]


def introduction(explanation: Explanation) -> str:
    """Returns what the table shows, and how far its FIDs can be trusted."""
    of_made, of_real = (
        ", ".join(DESCRIPTIONS[key].title for key in NUMBERS if (key in OF_GENERATED) is made)
        for made in (True, False)
    )
    count = explanation.real
    made, sizes = f"one half of {count} real dances against the other", (-(-count // 2), count // 2)
    if explanation.generated:
        name, number = explanation.generated
        made, sizes = f"{number} dances of {name} against {count} real ones", (count, number)
    bias = bias_note(*sizes, kinetic.WIDTH)
    return (
        f"{of_made}: {made}. {of_real}: the {count} real dances. Each row changes one thing for both sets, "
        "unless it says otherwise. × and ÷ give the ratio to our number; without one it stays the same."
        + f" FID_k: {bias}."
        * bool(bias)
    )


def markdown(explanation: Explanation) -> str:
    """Writes the table, the verdicts and the protocol card as Markdown."""
    lines = ["# What a protocol does to the numbers of the same dances", "", introduction(explanation), ""]
    lines += ["| factor | change | known from | " + " | ".join(heads()) + " |"]
    lines += ["|---|---|---|" + "---:|" * len(NUMBERS)]
    rows = [("", "ours (`corrected` mode)", "", explanation.ours)]
    rows += [
        (one.variant.factor, one.variant.title, one.variant.known, one.numbers) for one in explanation.moved
    ]
    shown = ""
    for factor, title, known, found in rows:
        texts = [f"{c.text} {c.change}".rstrip() for c in cells(explanation, found)]
        lines.append("| " + " | ".join((factor if factor != shown else "", title, known, *texts)) + " |")
        shown = factor
    lines += ["", "## Numbers that contradict each other", ""]
    for verdict in explanation.verdicts:
        lines += _verdict_lines(verdict)
    lines += [LIMITS, "", "## The protocol card", "", *card(published_numbers())]
    return "\n".join(lines).rstrip() + "\n"


def headline(verdict: Verdict) -> str:
    """Returns both printed numbers, their ratio and the verdict."""
    first, second = verdict.contradiction
    return (
        f"{DESCRIPTIONS[first.metric].title} of {first.model}: {first.value:g} ({first.source.name}, "
        f"{first.dataset}) and {second.value:g} ({second.source.name}, {second.dataset}), "
        f"×{_shown(verdict.contradiction.ratio)}: {verdict.summary}"
    )


def parts(verdict: Verdict) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """Yields title and changes of each part of a verdict that is not empty."""
    for title, changes in (
        ("about this ratio alone", verdict.alone),
        ("about this ratio together", verdict.pairs),
        ("more", verdict.larger),
        ("less", verdict.smaller),
    ):
        if changes:
            yield title, changes


def _verdict_lines(verdict: Verdict) -> list[str]:
    lines = [f"**{headline(verdict)}.**", ""]
    for title, changes in parts(verdict):
        lines.append(f"- {title}: " + "; ".join(f"{c.text}" for c in changes))
    return [*lines, ""]


def html(explanation: Explanation) -> str:
    """Writes the table and the verdicts of `markdown` as one page that loads nothing."""
    environment = Environment(
        loader=PackageLoader("training.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("explanation.html").render(
        introduction=introduction(explanation),
        heads=heads(),
        ours=cells(explanation, explanation.ours),
        rows=[(one.variant, cells(explanation, one.numbers)) for one in explanation.moved],
        verdicts=[(headline(verdict), list(parts(verdict))) for verdict in explanation.verdicts],
        limits=LIMITS,
    )
