"""Cohen's kappa against examples worked by hand, its definition, and scikit-learn."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.review.agreement import cohens_kappa


def judged(table: dict[tuple[str, str], int]) -> tuple[list[str], list[str]]:
    pairs = [pair for pair, number in table.items() for _ in range(number)]
    return [one for one, _ in pairs], [other for _, other in pairs]


def test_an_example_worked_by_hand() -> None:
    # 50 clips: p_o = (20 + 15) / 50 = 0.7; A accepts 25, B accepts 30: p_e = 0.5 · 0.6 + 0.5 · 0.4 = 0.5.
    table = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}
    assert cohens_kappa(*judged(table)) == pytest.approx((0.7 - 0.5) / (1 - 0.5))


def test_three_kinds_worked_by_hand() -> None:
    # 200 cases in the proportions p_o = 0.44 + 0.20 + 0.06 and p_e = 0.60 · 0.50 + 0.30 · 0.30 + 0.10 · 0.20.
    table = {
        ("a", "a"): 88, ("a", "b"): 14, ("a", "c"): 18,
        ("b", "a"): 10, ("b", "b"): 40, ("b", "c"): 10,
        ("c", "a"): 2, ("c", "b"): 6, ("c", "c"): 12,
    }  # fmt: skip
    assert cohens_kappa(*judged(table)) == pytest.approx((0.70 - 0.41) / (1 - 0.41))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40))
def test_it_is_its_definition(pairs: list[tuple[bool, bool]]) -> None:
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    found = cohens_kappa(first, second)
    if not pairs:
        assert found is None
        return
    n = len(pairs)
    observed = Fraction(sum(one == other for one, other in pairs), n)
    expected = sum(
        Fraction(Counter(first)[kind], n) * Fraction(Counter(second)[kind], n) for kind in (True, False)
    )
    if expected == 1:
        assert found is None
        return
    assert found == pytest.approx(float((observed - expected) / (1 - expected)))
    sklearn = pytest.importorskip("sklearn.metrics")
    assert found == pytest.approx(sklearn.cohen_kappa_score(first, second))


def test_it_is_undefined_where_chance_always_agrees() -> None:
    assert cohens_kappa([], []) is None
    assert cohens_kappa(["yes"] * 9, ["yes"] * 9) is None
    assert cohens_kappa(["yes"] * 9, ["no"] * 9) == 0.0
    assert cohens_kappa(["yes", "no"], ["yes", "no"]) == 1.0
    assert cohens_kappa(["yes", "no"], ["no", "yes"]) == -1.0
    with pytest.raises(ValueError, match="shorter"):
        cohens_kappa(["yes"], [])
