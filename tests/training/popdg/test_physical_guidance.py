"""Guidance of predicted dances that are impossible in a known way, with every sampler."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import get_args

import pytest
import torch

from popdanceset.errors import InputError
from training.data.representation import CONTACT, ROTATION, WIDTH, MinMaxScaler, encode
from training.motion import physical_energy
from training.popdg.ancestral import ancestral
from training.popdg.ddim import ddim
from training.popdg.dpm_solver import dpm_solver
from training.popdg.editing import Given, joints_given, start_given
from training.popdg.long import long_dance
from training.popdg.losses import joints
from training.popdg.model import Prediction
from training.popdg.physical_guidance import PhysicalGuidance, physically
from training.popdg.sampler import Sampler
from training.popdg.schedule import CLEAN, cosine_schedule, even_timesteps
from training.sampling.choices import Physics, PhysicsName, read_physics

FRAMES = 40
TIMES = even_timesteps(8)
SCHEDULE = cosine_schedule()
SAMPLERS: dict[str, Sampler] = {
    name: partial(sampler, schedule=SCHEDULE, timesteps=TIMES)
    for name, sampler in (("ddim", ddim), ("dpm-solver", dpm_solver), ("ancestral", ancestral))
}
ALL: tuple[PhysicsName, ...] = ("feet", "floor", "body")


def impossible(windows: int = 1) -> torch.Tensor:
    """(windows, FRAMES, 156) vectors of a dancer who slides, sinks, and has a forearm in the body."""
    poses = torch.zeros(windows, FRAMES, 24, 3)
    poses[..., 0, 0] = torch.pi / 2
    poses[..., 16, :] = torch.tensor([0.0, -0.8, -1.2])
    poses[..., 18, :] = torch.tensor([0.0, -0.5, -1.4])
    time = torch.arange(FRAMES) / 30
    poses[..., 1, 0] = 0.05 * torch.sin(9 * time)
    root = torch.zeros(windows, FRAMES, 3)
    root[..., 0] = 0.03 * torch.sin(12 * time)
    root[..., 2] = 0.96 - 0.03 * (time > 1)
    return encode(poses, root)


def scaler() -> MinMaxScaler:
    low, high = -1.1 * torch.ones(WIDTH), 1.1 * torch.ones(WIDTH)
    low[CONTACT], high[CONTACT] = 0, 1
    return MinMaxScaler(low, high)


def always(dance: torch.Tensor) -> Callable[..., Prediction]:
    """A denoiser that knows one dance, scaled."""

    def denoise(x_t: torch.Tensor, t: int) -> Prediction:
        return Prediction(scaler().scale(dance).expand_as(x_t), None)

    return denoise


def guide(parts: tuple[PhysicsName, ...] = ALL, strength: float = 1.0, **more: object) -> PhysicalGuidance:
    made = {"schedule": SCHEDULE, "timesteps": TIMES, "scaler": scaler()} | more
    return PhysicalGuidance(always(impossible()), Physics(parts, strength), **made)


def energies(scaled: torch.Tensor) -> dict[str, float]:
    places = joints(scaler().unscale(scaled))
    found = physical_energy.contact(places)
    found_of = {"feet": (found,), "floor": (found,), "body": ()}
    return {part: getattr(physical_energy, part)(places, *found_of[part]).sum().item() for part in ALL}


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_ends_with_a_possible_dance(name: str) -> None:
    noisy = torch.randn(1, FRAMES, WIDTH, generator=torch.Generator().manual_seed(0))
    plain = SAMPLERS[name](always(impossible()), noisy, noise=torch.randn_like)
    with torch.inference_mode():
        guided = SAMPLERS[name](guide(), noisy, noise=torch.randn_like)
    before, after = energies(plain), energies(guided)
    for part in ALL:
        assert before[part] > 1e-4
        assert after[part] < 0.15 * before[part], part
    assert (guided - plain).abs().max() < 0.5
    assert torch.equal(guided[..., CONTACT], plain[..., CONTACT])


@pytest.mark.parametrize("part", ALL)
def test_each_part_on_its_own(part: PhysicsName) -> None:
    plain = scaler().scale(impossible())
    guided = guide((part,))(plain, 0).x_start
    assert energies(guided)[part] < 0.2 * energies(plain)[part]


def test_a_step_goes_down_by_about_half_the_way() -> None:
    plain = scaler().scale(impossible())
    one = guide(("floor",))
    energy = one.energy(plain, "floor")[0]
    assert energy.max() > 0
    after = one.energy(plain + one.step(plain, "floor"), "floor")[0]
    assert (after <= energy + 1e-7).all()
    assert after.sum() < 0.3 * energy.sum()
    weak = one.energy(plain + 0.2 * one.step(plain, "floor"), "floor")[0]
    assert after.sum() < weak.sum() < energy.sum()


def test_a_possible_dance_is_left_as_it_is() -> None:
    poses = torch.zeros(1, FRAMES, 24, 3)
    poses[..., 0, 0] = torch.pi / 2
    dance = scaler().scale(encode(poses, torch.tensor([0.0, 0.0, 0.956]).expand(1, FRAMES, 3)))
    for part in ALL:
        assert guide().step(dance, part).abs().max() < 2e-3


def test_noisy_predictions_are_left_alone() -> None:
    early = next(t for t in TIMES if SCHEDULE.alpha_cumprod_at(t) < 0.3)
    plain = scaler().scale(impossible())
    assert torch.equal(guide()(plain, early).x_start, plain)


def test_given_parts_do_not_move() -> None:
    plain = scaler().scale(impossible())
    given = joints_given(plain, (0, 1, 4, 7, 10))
    guided = guide(given=given)(plain, 0).x_start
    assert torch.equal(guided[given.mask.expand_as(guided)], plain[given.mask.expand_as(plain)])
    right_leg = ROTATION.start + 6 * 2
    assert (guided - plain)[..., right_leg : right_leg + 6].abs().max() > 1e-3


def test_other_channels_in_another_order() -> None:
    """As EDGE: four contacts first, then the rest."""
    channels = [*range(CONTACT.start, CONTACT.start + 4), *range(CONTACT.start)]
    plain = scaler().scale(impossible())
    small = guide(channels=channels).step(plain[..., channels], "feet")
    assert small.shape == (1, FRAMES, len(channels))
    assert small[..., :4].abs().max() == 0
    # Without all nine contacts, feet are judged by their motion alone; here both say the same.
    blind = plain.clone()
    blind[..., CONTACT] = -1
    torch.testing.assert_close(
        small[..., 4:], guide().step(blind, "feet")[..., : CONTACT.start], atol=1e-5, rtol=0
    )


def test_long_dances_and_their_given_parts() -> None:
    music = torch.zeros(3, FRAMES, 7)
    start = scaler().scale(impossible())[0, :30] + 0.01
    given = start_given(start, 80)
    seen: list[Given | None] = []

    def kept(*arguments: object, **options: object) -> PhysicalGuidance:
        seen.append(options["given"])
        return PhysicalGuidance(*arguments, **options)

    made = partial(kept, physics=Physics(ALL), schedule=SCHEDULE, timesteps=TIMES, scaler=scaler())
    dancer = physically(lambda block: always(impossible()), made, given)
    blocks = long_dance(music.split(2), dancer, SAMPLERS["ddim"], schedule=SCHEDULE, given=given)
    dance = torch.cat(list(blocks))
    assert [part.mask.any(-1).sum(-1).tolist() for part in seen] == [[30, 10], [0]]
    torch.testing.assert_close(dance[0, :30], start)
    torch.testing.assert_close(dance[1, :10], start[20:])
    for part in ("floor", "body"):
        assert energies(dance[2:])[part] < 0.2 * energies(scaler().scale(impossible()))[part]


def test_the_last_timestep_is_that_before_the_clean_end() -> None:
    assert guide().last == TIMES[-2]
    assert TIMES[-1] == CLEAN


def test_reading_the_option() -> None:
    assert read_physics("body, feet") == Physics(("feet", "body"))
    assert read_physics("floor", 0.5) == Physics(("floor",), 0.5)
    assert set(get_args(PhysicsName)) == set(ALL)
    for text in ("", ",", "hands", "feet,hands"):
        with pytest.raises(InputError, match=r"--guide: .* is not physics \(choose from feet, floor, body\)"):
            read_physics(text)
