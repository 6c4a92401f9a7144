"""The consistency function: its boundary, its inverse, its agreement with DDIM, and a path known exactly."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from popdanceset.errors import InputError
from training.data.representation import MinMaxScaler
from training.distillation.consistency import jump, start_towards
from training.distillation.losses import (
    DistillationObjective,
    Draw,
    consistency_target,
    distillation_loss,
)
from training.distillation.segments import segments
from training.popdg.config import LossWeights
from training.popdg.ddim import ddim_step
from training.popdg.gaussian_diffusion import q_sample
from training.popdg.schedule import CLEAN, cosine_schedule, even_timesteps

SCHEDULE = cosine_schedule()
MEAN, DEVIATION = 0.1, 0.2


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_at_the_end_of_a_segment_the_function_is_the_identity() -> None:
    x, t = random(4, 5, 3), torch.tensor([999, 500, 249, 0])
    for prediction in (random(4, 5, 3, seed=1), torch.full((4, 5, 3), 1e6, dtype=torch.float64)):
        assert torch.equal(jump(SCHEDULE, prediction, x, t, t), x)


def test_near_the_end_it_approaches_the_identity() -> None:
    """Without the exact case: one timestep before the end, the prediction hardly matters."""
    x, t = random(1, 5, 3), torch.tensor([500])
    far = (jump(SCHEDULE, random(1, 5, 3, seed=1), x, t, t - 1) - x).abs().max()
    assert far < 0.01


def test_the_last_segment_ends_at_the_prediction() -> None:
    x, prediction = random(2, 5, 3), random(2, 5, 3, seed=1)
    clean = torch.full((2,), CLEAN)
    torch.testing.assert_close(jump(SCHEDULE, prediction, x, torch.tensor([999, 3]), clean), prediction)


def test_it_is_a_step_of_ddim_and_can_be_inverted() -> None:
    x, prediction = random(3, 5, 2), random(3, 5, 2, seed=1)
    t, end = torch.tensor([999, 700, 40]), torch.tensor([749, 20, 0])
    there = jump(SCHEDULE, prediction, x, t, end)
    for row, (one, other) in enumerate(zip(t.tolist(), end.tolist(), strict=True)):
        now, after = SCHEDULE.alpha_cumprod_at(one), SCHEDULE.alpha_cumprod_at(other)
        step = ddim_step(x[row], prediction[row], now, after, 0.0, torch.randn_like)
        torch.testing.assert_close(there[row], step)
    torch.testing.assert_close(start_towards(SCHEDULE, there, x, t, end), prediction)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_segments_are_divided_without_gaps(steps: int) -> None:
    found = segments(steps, 48)
    start, stop, end = (part.tolist() for part in (found.start, found.stop, found.end))
    assert start[0] == 999
    assert stop[-1] == CLEAN
    assert start[1:] == stop[:-1]
    assert all(a > b for a, b in pairwise([*start, CLEAN]))
    assert sorted(set(end), reverse=True) == even_timesteps(steps)[1:]
    ends = [index for index, (s, e) in enumerate(zip(stop, end, strict=True)) if s == e]
    assert ends == [48 // steps * (number + 1) - 1 for number in range(steps)]


@pytest.mark.parametrize(("steps", "teacher"), [(0, 48), (5, 48), (4, 2), (4, 1000)])
def test_steps_that_do_not_fit_are_one_line(steps: int, teacher: int) -> None:
    with pytest.raises(InputError, match=f"{teacher} steps of the teacher for {steps} of the student"):
        segments(steps, teacher)


def best(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """E[x_0 | x_t] for independent numbers from N(MEAN, DEVIATION²): the teacher of the toy."""
    kept = SCHEDULE.alphas_cumprod[t].view(-1, 1, 1)
    total = kept * DEVIATION**2 + 1 - kept
    return MEAN + kept.sqrt() * DEVIATION**2 / total * (x_t - kept.sqrt() * MEAN)


def along_the_path(x_t: torch.Tensor, t: int, end: int) -> torch.Tensor:
    """Where the probability flow of these numbers leads: each keeps its quantile."""
    (before, old), (after, new) = (
        (kept**0.5 * MEAN, (kept * DEVIATION**2 + 1 - kept) ** 0.5)
        for kept in (SCHEDULE.alpha_cumprod_at(t), SCHEDULE.alpha_cumprod_at(end))
    )
    return after + new / old * (x_t - before)


class Lines(torch.nn.Module):
    """A student that is linear in x_t, with a slope and an offset of its own at each step of the teacher."""

    def __init__(self, timesteps: torch.Tensor) -> None:
        super().__init__()
        self.numbers = {int(t): number for number, t in enumerate(timesteps)} | {0: len(timesteps)}
        self.slope = torch.nn.Parameter(torch.zeros(len(timesteps) + 1, dtype=torch.float64))
        self.offset = torch.nn.Parameter(torch.zeros(len(timesteps) + 1, dtype=torch.float64))

    @torch.no_grad()
    def fit(self, number: int, x_t: torch.Tensor, target: torch.Tensor) -> None:
        """Least squares at one step of the teacher."""
        columns = torch.stack([x_t.flatten(), torch.ones_like(x_t).flatten()], dim=1)
        self.slope[number], self.offset[number] = torch.linalg.lstsq(columns, target.flatten()).solution

    def forward(self, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        rows = torch.tensor([self.numbers[one] for one in t.tolist()])
        return self.slope[rows].view(-1, 1, 1) * x_t + self.offset[rows].view(-1, 1, 1)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_distilling_a_linear_toy_recovers_the_exact_path(steps: int) -> None:
    """The teacher is the best denoiser of normal numbers, whose paths are straight lines in closed form."""
    objective = DistillationObjective(
        LossWeights(simple=1, velocity=0, acceleration=0, fk=0), steps, teacher_steps=240
    )
    path = objective.segments
    student, scaler = Lines(path.start), MinMaxScaler(torch.zeros(1), torch.ones(1))
    # One step of the teacher after the other, from the clean end on: each target rests on the one before.
    for number in reversed(range(objective.teacher_steps)):
        motion, numbers = MEAN + DEVIATION * random(64, 4, 1, seed=number), torch.full((64,), number)
        chance = Draw(numbers, random(64, 4, 1, seed=1000 + number))
        t, stop, end = path.start[numbers], path.stop[numbers], path.end[numbers]
        x_t = q_sample(SCHEDULE, motion, t, chance.noise)
        target = consistency_target(student, best, SCHEDULE, x_t, t, stop, end)
        student.fit(number, x_t, target)
        loss = distillation_loss(student, best, SCHEDULE, objective, motion, chance, scaler)
        assert loss.total < 1e-12  # a line through the targets is the minimum
    x = random(8, 4, 1, seed=7)
    for t, end in pairwise(even_timesteps(steps)):
        times, ends = torch.full((8,), t), torch.full((8,), end)
        with torch.no_grad():
            reached = jump(SCHEDULE, student(x, times), x, times, ends)
        exact = along_the_path(x, t, end)
        torch.testing.assert_close(reached, exact, atol=0.02, rtol=0)
        x = exact


def test_the_exact_function_is_its_own_target() -> None:
    """The target of a student that follows the path exactly is its own prediction."""
    path = segments(2, 400)

    def exact(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        rows = []
        for row, time in enumerate(t.tolist()):
            end = 499 if time > 499 else CLEAN
            there = along_the_path(x_t[row], time, end)[None]
            rows.append(
                start_towards(SCHEDULE, there, x_t[row : row + 1], torch.tensor([time]), torch.tensor([end]))
            )
        return torch.cat(rows)

    numbers = torch.tensor([20, 150, 250, 380])
    t, stop, end = path.start[numbers], path.stop[numbers], path.end[numbers]
    x = random(4, 3, 2)
    target = consistency_target(exact, best, SCHEDULE, x * 0.3, t, stop, end)
    torch.testing.assert_close(target, exact(x * 0.3, t), atol=5e-3, rtol=0)
