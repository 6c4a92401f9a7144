"""The random numbers of a step depend on seed and step, and are shared among processes."""

from dataclasses import replace

import pytest
import torch

from training.data.seeds import mixed
from training.fitting.draws import draws
from training.popdg.config import RELEASED
from training.popdg.losses import draw
from training.popdg.schedule import cosine_schedule

SCHEDULE = cosine_schedule()
OBJECTIVE = RELEASED.objective  # drops tokens and pooled music independently


def drawing(objective, window):
    return lambda size, generator: draw(objective, SCHEDULE, torch.empty(size, window, 156), generator)


def flat(seed, step, size, window=5, **more):
    drawn = draws(drawing(OBJECTIVE, window), seed, step, size, mirrored=True, rotated=True, **more)
    return [*drawn.chance, drawn.mirrored, drawn.angles]


def test_the_same_step_draws_the_same_and_another_one_does_not():
    one, again, other = (flat(0, step, 8) for step in (7, 7, 8))
    for a, b in zip(one, again, strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one[1], other[1])
    assert not torch.equal(one[1], flat(1, 7, 8)[1])
    assert len({mixed(a, b) for a in range(20) for b in range(20)}) == 400


def test_processes_share_what_is_drawn():
    shares = [flat(0, 3, 6, rank=rank, world=3) for rank in range(3)]
    for whole, parts in zip(flat(0, 3, 6), zip(*shares, strict=True), strict=True):
        assert torch.equal(torch.cat(parts), whole)


def test_probabilities_are_those_of_the_objective():
    time, noise, keep_tokens, keep_pooled, mirrored, angles = flat(2, 0, 40_000, window=1)
    assert (~keep_tokens).float().mean() == pytest.approx(0.25, abs=0.01)
    assert (~keep_tokens & ~keep_pooled).float().mean() == pytest.approx(0.0625, abs=0.006)
    assert mirrored.float().mean() == pytest.approx(0.5, abs=0.01)
    assert noise.std() == pytest.approx(1, abs=0.01)
    assert (time.min(), time.max()) == (0, 999)
    assert angles.max() > 6.2


def test_only_requested_augmentations_are_drawn():
    together = draws(drawing(replace(OBJECTIVE, separate_drops=False), 1), 2, 0, 100)
    assert torch.equal(together.chance.keep_tokens, together.chance.keep_pooled)
    assert together.mirrored is None
    assert together.angles is None
