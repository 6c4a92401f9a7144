"""Which pairs a participant sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from popdanceset.study.design import Design
from popdanceset.study.plan import plan


def test_everybody_sees_all_pairs_once_in_an_order_and_on_sides_of_their_own(
    design: Callable[..., Design],
) -> None:
    study = design(models=2, songs=10, checks=3)
    plans = [plan(study, f"participant {n}") for n in range(200)]

    pairs = {frozenset((first.id, second.id)) for first, second in study.pairs()}
    for trials in plans:
        shown = [frozenset((trial.left, trial.right)) for trial in trials if not trial.real]
        assert len(shown) == 10
        assert set(shown) == pairs
    assert plan(study, "participant 0") == plans[0]
    assert len({tuple(trials) for trials in plans}) == 200

    models = {dance.id: dance.model for dance in study.dances}
    left = Counter(models[trial.left] for trials in plans for trial in trials if not trial.real)
    assert left["model 0"] / 2000 == pytest.approx(0.5, abs=0.05)
    first_songs = Counter(trials[0].song for trials in plans)
    assert len(first_songs) == 10


def test_attention_checks_are_spread_and_never_first(design: Callable[..., Design]) -> None:
    study = design(checks=3)
    places: Counter[int] = Counter()
    sides: Counter[bool] = Counter()
    for n in range(300):
        trials = plan(study, str(n))
        checks = [trial for trial in trials if trial.real]
        assert sorted(trial.real for trial in checks) == sorted(check.real for check in study.checks)
        assert not trials[0].real
        places.update(position for position, trial in enumerate(trials) if trial.real)
        sides.update(trial.left == trial.real for trial in checks)

    assert set(places) == set(range(1, 13))
    assert sides[True] / 900 == pytest.approx(0.5, abs=0.07)


def test_of_many_pairs_each_two_models_are_compared_equally_often(design: Callable[..., Design]) -> None:
    study = design(models=5, songs=10, checks=0, trials=30)
    models = {dance.id: dance.model for dance in study.dances}

    trials = plan(study, "somebody")

    compared = Counter(frozenset((models[trial.left], models[trial.right])) for trial in trials)
    assert len(trials) == 30
    assert len(compared) == 10
    assert set(compared.values()) == {3}
    assert len({frozenset((trial.left, trial.right)) for trial in trials}) == 30


def test_a_study_without_pairs_beyond_checks_still_has_a_plan(design: Callable[..., Design]) -> None:
    assert len(plan(design(models=2, songs=1, checks=1), "x")) == 2
