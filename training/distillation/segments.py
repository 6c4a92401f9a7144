"""The timesteps of the teacher's paths, and the segments that the student crosses in one step each."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch

from popdanceset.errors import InputError
from training.popdg.schedule import NUM_TIMESTEPS, even_timesteps


@dataclass(frozen=True, eq=False)
class Segments:
    """The steps of the teacher, from the noisiest one on; each tensor is (teacher steps,) int64.

    Attributes:
        start, stop: timesteps before and after each step of the teacher.
        end: the timestep at the end of the segment of that step; `CLEAN` for the last segment.
    """

    start: torch.Tensor
    stop: torch.Tensor
    end: torch.Tensor


def segments(steps: int, teacher_steps: int, num_timesteps: int = NUM_TIMESTEPS) -> Segments:
    """Divides the timesteps into segments, and each segment into steps of the teacher, evenly.

    The segments begin and end where a sampler with `steps` steps stops (`even_timesteps`).

    Args:
        steps: of the student: the number of segments.
        teacher_steps: of the teacher on the whole way; a multiple of `steps`.
        num_timesteps: of the noise schedule.

    Raises:
        InputError: the steps of the teacher cannot be divided.
    """
    if steps < 1 or teacher_steps % steps or not steps <= teacher_steps <= num_timesteps // 2:
        raise InputError(
            f"{teacher_steps} steps of the teacher for {steps} of the student",
            "distillation",
            f"give a multiple up to {num_timesteps // 2}",
        )
    rows: list[tuple[int, int, int]] = []
    for first, end in pairwise(even_timesteps(steps, num_timesteps)):
        stops = torch.linspace(first, end, teacher_steps // steps + 1, dtype=torch.float64).round()
        rows += [(start, stop, end) for start, stop in pairwise(map(int, stops.tolist()))]
    return Segments(*torch.tensor(rows).T)
