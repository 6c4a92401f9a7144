"""What a study found: who preferred what, after exclusions.

Of each two models there are two tests. The one over answers counts each answer, as the paper's Table 5 does;
but answers of one person are alike, so its interval is too narrow. The one over people counts each
participant once: whose dances did they choose more often?
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import numpy as np

from popdanceset.intervals import wilson_interval
from popdanceset.study.answers import Answer, Participant
from popdanceset.study.bradley_terry import bradley_terry
from popdanceset.study.design import Design
from popdanceset.study.plan import steps


class Standing(StrEnum):
    """Whether a participant counts."""

    INCLUDED = "included"
    UNFINISHED = "did not finish"
    INATTENTIVE = "failed attention checks"


@dataclass(frozen=True)
class Comparison:
    """Two models.

    Attributes:
        first, second: their names; `first` is the one that was preferred more often.
        wins: answers that preferred the first.
        answers: all of them.
        low, high: Wilson's 95 % interval of their share.
        p_answers: of the exact two-sided sign test over answers.
        people_first, people_second, people_tied: participants who chose the first more often, the second, or
            both equally often.
        p_people: of the same test over participants, without ties.
    """

    first: str
    second: str
    wins: int
    answers: int
    low: float
    high: float
    p_answers: float
    people_first: int
    people_second: int
    people_tied: int
    p_people: float

    @property
    def share(self) -> float:
        """Share of the answers that preferred the first."""
        return self.wins / self.answers


@dataclass(frozen=True)
class Score:
    """A model's Bradley–Terry score with its 95 % interval, in logits; the mean of all models is 0."""

    model: str
    score: float
    low: float
    high: float


@dataclass(frozen=True)
class QuestionResults:
    """What was found about a question.

    Attributes:
        scores: best first; empty for two models.
        unscored: why there are no scores of more than two models; empty if there are.
    """

    question: str
    comparisons: tuple[Comparison, ...]
    scores: tuple[Score, ...] = ()
    unscored: str = ""


@dataclass(frozen=True)
class Results:
    """What a study found.

    Attributes:
        standings: participant → whether they count.
        failed: participant → attention checks failed.
        questions: in the study's order.
        pieces: number of pieces of music that were judged.
    """

    standings: dict[str, Standing]
    failed: dict[str, int]
    questions: tuple[QuestionResults, ...]
    pieces: int

    def count(self, standing: Standing) -> int:
        """Number of participants of a standing."""
        return sum(each is standing for each in self.standings.values())


def results(
    design: Design, participants: Sequence[Participant], answers: Sequence[Answer], unfinished: bool = False
) -> Results:
    """Evaluates a study.

    Args:
        unfinished: count participants who have not finished, too.
    """
    given: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        given[answer.participant].append(answer)
    failed = {each.id: sum(map(is_failure, given[each.id])) for each in participants}
    standings = {
        each.id: _standing(design, each, given[each.id], failed[each.id], unfinished) for each in participants
    }
    counted = [
        answer
        for answer in answers
        if standings[answer.participant] is Standing.INCLUDED and not answer.trial.real
    ]
    questions = tuple(
        _question(design, text, [answer for answer in counted if answer.question == number])
        for number, text in enumerate(design.questions)
    )
    return Results(standings, failed, questions, len({answer.trial.song for answer in counted}))


def is_failure(answer: Answer) -> bool:
    """Whether the answer fails an attention check."""
    return bool(answer.trial.real) and answer.chosen != answer.trial.real


def _standing(
    design: Design, participant: Participant, given: Sequence[Answer], failed: int, unfinished: bool
) -> Standing:
    if failed > design.failures:
        return Standing.INATTENTIVE
    if len(given) < len(steps(design, participant.trials)) and not unfinished:
        return Standing.UNFINISHED
    return Standing.INCLUDED


def _question(design: Design, text: str, answers: Sequence[Answer]) -> QuestionResults:
    dances = design.by_id()
    wins: Counter[tuple[str, str]] = Counter()
    personal: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for answer in answers:
        other = answer.trial.right if answer.chosen == answer.trial.left else answer.trial.left
        pair = dances[answer.chosen].model, dances[other].model
        wins[pair] += 1
        personal[answer.participant][pair] += 1
    comparisons = tuple(
        _comparison(first, second, wins, personal.values())
        for first, second in combinations(design.models, 2)
        if wins[first, second] + wins[second, first]
    )
    if len(design.models) < 3:
        return QuestionResults(text, comparisons)
    scores = _scores(design.models, wins)
    reason = "" if scores else "some models won or lost every comparison with the others"
    return QuestionResults(text, comparisons, scores, reason)


def _comparison(
    first: str, second: str, wins: Counter[tuple[str, str]], people: Iterable[Counter[tuple[str, str]]]
) -> Comparison:
    if wins[second, first] > wins[first, second]:
        first, second = second, first
    won, total = wins[first, second], wins[first, second] + wins[second, first]
    leads = [mine[first, second] - mine[second, first] for mine in people
             if mine[first, second] + mine[second, first]]  # fmt: skip
    ahead, behind = sum(lead > 0 for lead in leads), sum(lead < 0 for lead in leads)
    low, high = wilson_interval(won, total)
    return Comparison(
        first, second, won, total, low, high, sign_test(won, total), ahead, behind,
        len(leads) - ahead - behind, sign_test(ahead, ahead + behind),
    )  # fmt: skip


def sign_test(successes: int, trials: int) -> float:
    """p of the exact two-sided sign test: how likely is so uneven a result if both are equally good?"""
    from scipy.stats import binomtest

    return float(binomtest(successes, trials).pvalue) if trials else 1.0


def _scores(models: Sequence[str], wins: Counter[tuple[str, str]]) -> tuple[Score, ...]:
    fitted = bradley_terry(np.array([[wins[row, column] for column in models] for row in models]))
    if fitted is None:
        return ()
    found = [
        Score(model, float(score), float(low), float(high))
        for model, score, low, high in zip(models, fitted.scores, fitted.low, fitted.high, strict=True)
    ]
    return tuple(sorted(found, key=lambda each: -each.score))
