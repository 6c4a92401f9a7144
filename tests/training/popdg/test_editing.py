"""Given parts of a dance are kept; the rest is sampled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch

from popdanceset.errors import InputError
from training.popdg.ancestral import ancestral
from training.popdg.ddim import ddim
from training.popdg.dpm_solver import dpm_solver
from training.popdg.editing import (
    LOWER_BODY,
    UPPER_BODY,
    Given,
    ends_given,
    frames_given,
    joints_given,
    start_given,
)
from training.popdg.guidance import GuidedDenoiser
from training.popdg.model import POPDG
from training.popdg.sampler import own_noise
from training.popdg.schedule import CLEAN, cosine_schedule, even_timesteps

VALUES = torch.rand(20, 156, generator=torch.Generator().manual_seed(5)) * 2 - 1


@pytest.mark.parametrize("sample", [ddim, ancestral, dpm_solver])
@pytest.mark.parametrize(
    "given",
    [ends_given(VALUES, 5, 4), start_given(VALUES[:8], 20), joints_given(VALUES, LOWER_BODY)],
    ids=["in-betweening", "start", "lower body"],
)
def test_what_is_given_stays(
    small: Callable[..., POPDG], given: Given, sample: Callable[..., torch.Tensor]
) -> None:
    model, schedule = small(), cosine_schedule()
    with torch.inference_mode():
        denoise = GuidedDenoiser(model, torch.zeros(2, 20, 7))
        run = partial(
            sample, denoise, schedule=schedule, timesteps=even_timesteps(8), noise=own_noise([0, 1])
        )
        noisy = own_noise([2, 3])(torch.zeros(2, 20, 156))
        free, edited = run(noisy), run(noisy, hook=given.hook(schedule, own_noise([4, 5])))
    mask = given.mask
    assert torch.equal(edited[:, mask], VALUES[mask].expand(2, -1))
    assert (edited - free)[:, ~mask].abs().max() > 1e-3  # the rest adapts


def test_given_parts_are_as_noisy_as_the_dance() -> None:
    schedule, values = cosine_schedule(), torch.full((400, 156), 0.5)
    hook = frames_given(values, slice(0, 400)).hook(schedule, own_noise([0]))
    dance = hook(torch.zeros(1, 400, 156), 500)
    assert dance.mean().item() == pytest.approx(0.5 * schedule.alpha_cumprod_at(500) ** 0.5, abs=0.02)
    assert dance.var().item() == pytest.approx(1 - schedule.alpha_cumprod_at(500), rel=0.02)
    assert torch.equal(hook(dance, CLEAN)[0], values)


def test_masks_cover_what_they_name() -> None:
    lower, upper = joints_given(VALUES, LOWER_BODY).mask[0], joints_given(VALUES, UPPER_BODY).mask[0]
    assert torch.equal(lower, ~upper)
    assert lower[:9].all()  # position and root
    assert not lower[3 + 6 * 3 : 3 + 6 * 4].any()  # belly
    assert lower[147:].tolist() == [True] * 4 + [False] * 5  # ankles and feet
    frames = ends_given(VALUES, 3, 2).mask.all(dim=1)
    assert frames.nonzero().flatten().tolist() == [0, 1, 2, 18, 19]
    assert ends_given(VALUES, 15, 15).mask.all()


def test_windows_of_given_parts() -> None:
    given = frames_given(VALUES, slice(8, 14))
    part = given.window(5, 6)
    assert part.mask.all(dim=1).tolist() == [False, False, False, True, True, True]
    assert torch.equal(part.values, VALUES[5:11])
    assert not given.window(14, 10).mask.any()
    assert not given.window(40, 10).mask.any()


def test_shapes_that_do_not_fit_are_reported() -> None:
    with pytest.raises(InputError, match="do not fit"):
        Given(VALUES, torch.ones(19, 156, dtype=torch.bool))
    with pytest.raises(InputError, match="a start of 20 frames in a dance of 10"):
        start_given(VALUES, 10)
