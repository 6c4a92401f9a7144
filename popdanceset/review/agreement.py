"""Agreement of two people who judged the same things: Cohen's kappa."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence


def cohens_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Returns how far two people agree beyond chance: 1 if always, 0 if as often as by chance.

    Kappa = (p_o - p_e) / (1 - p_e), where p_o is the share of things on which they agree, and p_e the share
    expected if each of them judged at random, with the frequencies of their own judgements (J. Cohen, "A
    coefficient of agreement for nominal scales", Educational and Psychological Measurement 20, 1960).

    Returns:
        Kappa; None if it is undefined: nothing was judged by both, or both always gave the same judgement, so
        that chance agrees as often.

    Raises:
        ValueError: the numbers of judgements differ.
    """
    pairs = list(zip(first, second, strict=True))
    if not pairs:
        return None
    n = len(pairs)
    frequencies, others = Counter(first), Counter(second)
    agreed = sum(one == other for one, other in pairs)
    # In whole numbers, so that 1 - p_e is exactly 0 where it should be.
    by_chance = sum(frequencies[kind] * others[kind] for kind in frequencies)
    return None if by_chance == n * n else (n * agreed - by_chance) / (n * n - by_chance)
