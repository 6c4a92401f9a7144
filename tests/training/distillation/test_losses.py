"""Jumps: their inverse, their agreement with DDIM, and what is learnt on a path known exactly."""

from __future__ import annotations

import pytest
import torch

from popdanceset.errors import InputError
from training.data.representation import MinMaxScaler
from training.distillation.jumps import jump, start_towards
from training.distillation.losses import DistillationObjective, Draw, distillation_loss, walked
from training.distillation.segments import walks
from training.popdg.config import LossWeights
from training.popdg.consistency import edited_again
from training.popdg.ddim import ddim, ddim_step
from training.popdg.gaussian_diffusion import q_sample
from training.popdg.model import Prediction
from training.popdg.schedule import CLEAN, cosine_schedule, quadratic_timesteps

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
def test_a_walk_from_every_timestep_that_sampling_visits(steps: int) -> None:
    rows = walks(steps, 24).tolist()
    ends = quadratic_timesteps(steps)
    assert [row[0] for row in rows] == [*ends[:-1], *edited_again(ends)]
    for row in rows:
        assert row[-1] == next(t for t in ends if t < row[0])
        stops = [*dict.fromkeys(row)]
        assert row == stops + row[-1:] * (len(row) - len(stops))  # only the end is repeated
        assert stops == [t for t in quadratic_timesteps(24) if row[-1] <= t <= row[0]]
    assert len(rows[0]) == 24 // steps + 1


@pytest.mark.parametrize(("steps", "teacher"), [(3, 16), (4, 2), (1, 6), (4, 25)])
def test_steps_that_do_not_fit_are_one_line(steps: int, teacher: int) -> None:
    with pytest.raises(InputError, match=f"{teacher} steps of the teacher for {steps} of the student"):
        walks(steps, teacher)


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


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_the_teacher_walks_as_ddim_does(steps: int) -> None:
    """Dances of one batch start at different timesteps, and arrive where DDIM leads each of them."""
    stops = walks(steps, 24)
    x = random(len(stops), 4, 2)
    target = walked(best, SCHEDULE, x, stops)
    reached = jump(SCHEDULE, target, x, stops[:, 0], stops[:, -1])

    def denoise(x_t: torch.Tensor, t: int) -> Prediction:
        return Prediction(best(x_t, torch.full((1,), t)), None)

    for number, row in enumerate(stops.tolist()):
        times = [*dict.fromkeys(row)]
        there = ddim(denoise, x[number : number + 1], schedule=SCHEDULE, timesteps=times, eta=0.0)
        torch.testing.assert_close(reached[number : number + 1], there)


class Lines(torch.nn.Module):
    """A student that is linear in x_t, with a slope and an offset of its own at each of its starts."""

    def __init__(self, starts: list[int]) -> None:
        super().__init__()
        self.numbers = {t: number for number, t in enumerate(starts)}
        self.slope = torch.zeros(len(starts), dtype=torch.float64)
        self.offset = torch.zeros(len(starts), dtype=torch.float64)

    def fit(self, number: int, x_t: torch.Tensor, target: torch.Tensor) -> None:
        """Least squares at one start."""
        columns = torch.stack([x_t.flatten(), torch.ones_like(x_t).flatten()], dim=1)
        self.slope[number], self.offset[number] = torch.linalg.lstsq(columns, target.flatten()).solution

    def forward(self, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        rows = torch.tensor([self.numbers[one] for one in t.tolist()])
        return self.slope[rows].view(-1, 1, 1) * x_t + self.offset[rows].view(-1, 1, 1)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_distilling_a_linear_toy_recovers_the_exact_path(steps: int) -> None:
    """The teacher is the best denoiser of normal numbers, whose paths are straight lines in closed form."""
    objective = DistillationObjective(
        LossWeights(simple=1, velocity=0, acceleration=0, fk=0), steps, teacher_steps=24
    )
    stops = objective.walks
    student, scaler = Lines(stops[:, 0].tolist()), MinMaxScaler(torch.zeros(1), torch.ones(1))
    for number in range(len(stops)):
        motion, rows = MEAN + DEVIATION * random(64, 4, 1, seed=number), torch.full((64,), number)
        chance = Draw(rows, random(64, 4, 1, seed=1000 + number))
        x_t = q_sample(SCHEDULE, motion, stops[rows, 0], chance.noise)
        student.fit(number, x_t, walked(best, SCHEDULE, x_t, stops[rows]))
        loss = distillation_loss(student, best, SCHEDULE, objective, motion, chance, scaler)
        assert loss.total < 1e-12  # a line through the targets is the minimum
    for t, end in stops[:, [0, -1]].tolist():
        x = along_the_path(random(8, 4, 1, seed=7), 999, t)
        times, ends = torch.full((8,), t), torch.full((8,), end)
        reached = jump(SCHEDULE, student(x, times), x, times, ends)
        torch.testing.assert_close(reached, along_the_path(x, t, end), atol=0.05, rtol=0)
