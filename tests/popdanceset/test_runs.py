import numpy as np
import pytest

from popdanceset.runs import runs_of


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], []),
        ([False, False], []),
        ([True, True], [[0, 2]]),
        ([False, True, True, False, True], [[1, 3], [4, 5]]),
        ([0, 2, 0], [[1, 2]]),
    ],
)
def test_runs_are_half_open(flags, expected):
    found = runs_of(np.array(flags))

    assert found.shape == (len(expected), 2)
    assert found.tolist() == expected


def test_runs_cover_exactly_the_true_flags():
    flags = np.random.default_rng(0).random(1_000) < 0.5
    rebuilt = np.zeros(1_000, bool)
    for start, stop in runs_of(flags):
        assert flags[start:stop].all()
        rebuilt[start:stop] = True

    assert (rebuilt == flags).all()
