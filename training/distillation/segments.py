"""The timesteps at which the student learns, and the teacher's steps from each to the end of its segment."""

from __future__ import annotations

import torch

from popdanceset.errors import InputError
from training.popdg.consistency import edited_again
from training.popdg.schedule import NUM_TIMESTEPS, quadratic_timesteps


def walks(steps: int, teacher_steps: int, num_timesteps: int = NUM_TIMESTEPS) -> torch.Tensor:
    """The teacher's timesteps from where the student jumps to where it lands.

    The student jumps from where a sampler with `steps` steps stops, and, if parts of a dance are given, from
    a few more timesteps (`training.popdg.consistency.edited_again`). It lands where that sampler stops next.

    Args:
        steps: of the student.
        teacher_steps: of the teacher on the whole way; its timesteps must contain those of the student.
        num_timesteps: of the noise schedule.

    Returns:
        (starts, stops) int64: a row falls from a start of the student to the end of its segment, which
        fills the rest of shorter rows.

    Raises:
        InputError: the steps of teacher and student do not fit each other.
    """
    ends, grid = (quadratic_timesteps(count, num_timesteps) for count in (steps, teacher_steps))
    starts = [*ends[:-1], *edited_again(ends)]
    if not {*starts, *ends} <= {*grid}:
        raise InputError(
            f"{teacher_steps} steps of the teacher for {steps} of the student",
            "distillation",
            "give the teacher 12 or 24",
        )
    rows = []
    for start in starts:
        end = max(t for t in ends if t < start)
        rows.append([t for t in grid if end <= t <= start])
    longest = max(map(len, rows))
    return torch.tensor([row + row[-1:] * (longest - len(row)) for row in rows])
