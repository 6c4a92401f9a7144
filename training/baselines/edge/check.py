"""Compares EDGE with values that its authors' code produced.

    python -m training.baselines.edge.check FOLDER

FOLDER contains `weights.pt`, `io.pt`, `samplers.pt` and `pipeline.pt`, of a network of any width, depth,
length and seed. Prints the largest difference of each value, relative to expected values above 1; of gradient
norms, relative to each; of rotations, that of their matrices. The exit code is 1 if one is too large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import roma
import torch

from popdanceset.commands import run
from training.baselines.edge.config import RELEASED, EdgeObjective
from training.baselines.edge.losses import training_loss
from training.baselines.edge.model import EDGE
from training.baselines.edge.released import correspondence, load_released
from training.baselines.edge.representation import from_aist, motion_of
from training.baselines.edge.sampling import ancestral_guidance, posterior
from training.data.representation import (
    MinMaxScaler,
    matrix_to_rotation_6d,
    rotation_6d_to_matrix,
)
from training.fitting.adan import Adan
from training.motion.forward_kinematics import forward_kinematics
from training.popdg.ancestral import ancestral
from training.popdg.check import norms, same_feedforward, watched
from training.popdg.correspondence import squared_gradients
from training.popdg.ddim import ddim
from training.popdg.editing import Given
from training.popdg.gaussian_diffusion import q_sample
from training.popdg.guidance import GuidedDenoiser, classifier_free_guidance, guidance_ramp
from training.popdg.long import Overlap
from training.popdg.losses import Draw
from training.popdg.sampler import Hook, chained
from training.popdg.schedule import Schedule, cosine_schedule, even_timesteps
from training.popdg.stitch import stitch
from training.recorded import Difference, compare, compare_numbers, read_record, recorded_in
from training.recorded import report as printed

Record = Mapping[str, Any]

STEPS = 50
"""Steps of DDIM in the authors' code."""


class Setting(NamedTuple):
    """What all comparisons of a folder have in common.

    Attributes:
        folder: of the records.
        schedule: the noise schedule.
        weight: of classifier-free guidance.
        objective: of the training.
    """

    folder: Path
    schedule: Schedule
    weight: float
    objective: EdgeObjective

    def model(self, window: int | None = None) -> EDGE:
        """The network; for shorter windows, the learned "no music" is cut."""
        return load_released(self.folder / "weights.pt", window=window).model


def differences(folder: Path) -> Iterator[Difference]:
    """All comparisons, in order.

    Raises:
        InputError: a file is missing, damaged, or of another format.
    """
    config = load_released(folder / "weights.pt").config
    with recorded_in(folder / "weights.pt"):
        steps, weight = int(config["n_timestep"]), float(config["guidance_weight"])
    setting = Setting(folder, cosine_schedule(steps, torch.float32), weight, RELEASED.objective)
    for name, compared in (
        ("io.pt", _outputs), ("io.pt", _losses), ("samplers.pt", _samplers), ("pipeline.pt", _pipeline)
    ):  # fmt: skip
        record = read_record(folder / name)
        with recorded_in(folder / name):
            yield from compared(setting, record)


def _outputs(setting: Setting, record: Record) -> Iterator[Difference]:
    model, t, music = setting.model(), record["t"], record["music"].float()
    x_start, noise = record["x_start"].float(), record["noise"].float()
    with torch.no_grad():
        x_t = q_sample(setting.schedule, x_start, t, noise)
        yield compare("noisy dance", x_t, record["x_t"])
        conditional, modules = watched(model, _counterparts(model), lambda: model(x_t, t, music))
        unconditional = model.denoise(x_t, t, model.no_music(len(x_t)))
        guided = classifier_free_guidance(unconditional, conditional, 2.0)
        for name, prediction in (("cond", conditional), ("uncond", unconditional), ("guided_w2", guided)):
            yield compare(name, prediction.x_start, record[name])
        # Music and time tokens are normalised apart here, and together there.
        modules["norm_cond"] = [torch.cat(modules["norm_cond"], dim=1)]
        for name, expected in record["intermediate_first_sample"].items():
            yield compare(f"cond: {name}", modules[name][0][:1].reshape(expected.shape), expected)
        for name, expected in record["p_mean_variance"].items():
            t = expected["t"]
            # The noisy dance is that of the other timesteps, whatever these are.
            weight = ancestral_guidance(int(t[0]), setting.weight)
            unconditional = model.denoise(x_t, t, model.no_music(len(x_t)))
            prediction = classifier_free_guidance(unconditional, model(x_t, t, music), weight)
            step = posterior(setting.schedule, prediction, x_t, t)
            prefix, first = f"p_mean_variance, {name}", len(expected["mean"])
            yield compare(f"{prefix}: mean", step.mean[:first], expected["mean"])
            variance = setting.schedule.posterior_variance[t]
            yield compare(f"{prefix}: variance", variance, expected["var"].flatten())
            yield compare(
                f"{prefix}: log-variance", step.log_variance.flatten(), expected["logvar"].flatten()
            )
            yield compare(f"{prefix}: x_start", prediction.x_start.clamp(-1, 1)[:first], expected["x_recon"])


def _counterparts(model: EDGE) -> dict[str, str]:
    """Our modules by their released names."""
    names = {
        "input_projection": "input_projection",
        "cond_projection": "music_encoder.projection",
        "cond_encoder": "music_encoder",
        "non_attn_cond_projection": "music_pool",
        "time_mlp": "time_embedding.hidden",
        "to_time_cond": "time_embedding.vector",
        "to_time_tokens": "time_embedding.tokens",
        "norm_cond": "memory_norm",
        "seqTransDecoder": f"blocks.{model.config.layers - 1}",
        "final_layer": "start_projection",
    }
    for number in range(model.config.music_layers):
        ours, theirs = f"music_encoder.blocks.{number}", f"cond_encoder.{number}"
        names |= {theirs: ours, f"{theirs}.self_attn": f"{ours}.time_attention"}
        names |= same_feedforward(ours, theirs) | norms(ours, theirs, ("time", "feedforward"))
    for number in range(model.config.layers):
        ours, theirs = f"blocks.{number}", f"seqTransDecoder.stack.{number}"
        names |= {theirs: ours, f"{theirs}.self_attn": f"{ours}.time_attention"}
        names |= {f"{theirs}.multihead_attn": f"{ours}.music_attention"}
        names |= same_feedforward(ours, theirs) | norms(ours, theirs, ("time", "music", "feedforward"))
    return names


def _losses(setting: Setting, record: Record) -> Iterator[Difference]:
    model = setting.model()
    x_start, music, noise = (record[name].float() for name in ("x_start", "music", "noise"))
    for name, expected in record["p_losses"].items():
        keep, norms_expected = expected["keep_mask"], expected.get("grad_norms")
        chance = Draw(expected["t"], noise, keep, keep)
        model.zero_grad()
        with torch.set_grad_enabled(bool(norms_expected)):
            loss = training_loss(model, setting.schedule, setting.objective, x_start, music, chance)
        values = zip(loss.parts.items(), expected["weighted_components"], strict=True)
        for (part, value), component in values:
            yield compare(f"loss, {name}: {part}", value.detach(), component)
        yield compare(f"loss, {name}: total", loss.total.detach(), expected["total"])
        if norms_expected:
            torch.autograd.backward(loss.total)
            squares = squared_gradients(model, correspondence(model.config))
            found = {parameter: square**0.5 for parameter, square in squares.items()}
            yield compare_numbers(f"loss, {name}: norms of gradients", found, norms_expected)


def _samplers(setting: Setting, record: Record) -> Iterator[Difference]:
    with torch.no_grad():
        for name, hook in (("ddim", None), ("long_ddim", Overlap())):
            yield from _ddim(setting, name, record[name], hook)
        given = record["p_sample_input"]
        for start, expected in record["p_sample"].items():
            yield from _p_sample(setting, int(start), given, expected)
        for name in record:
            kind, _, steps = name.partition("_start")
            if kind == "inpaint":
                yield from _inpaint(setting, name, int(steps), record[name])
            elif kind == "long_ancestral":
                expected = record[name]
                x = _ancestral(setting, expected, int(steps), Overlap())
                yield compare(name, x, expected["sample"])


def _ddim(setting: Setting, name: str, expected: Record, overlap: Overlap | None) -> Iterator[Difference]:
    timesteps = even_timesteps(STEPS, setting.schedule.num_timesteps)
    visited = [t for t in timesteps if t >= 0]
    ramp = guidance_ramp(timesteps, setting.weight)
    weights = ramp if overlap else dict.fromkeys(visited, setting.weight)
    if "weights" in expected:
        found = torch.tensor([weights[t] for t in visited])
        yield compare(f"{name}: weights", found, torch.tensor(expected["weights"]))
    before: list[torch.Tensor] = []

    def seen(dance: torch.Tensor, t: int) -> torch.Tensor:
        before.append(dance)
        return dance

    noises = iter(expected["noises"].float())
    denoise = GuidedDenoiser(setting.model(expected["music"].shape[1]), expected["music"], weights)
    sample = ddim(
        denoise,
        next(noises),
        schedule=setting.schedule,
        timesteps=timesteps,
        noise=lambda _: next(noises),
        hook=chained(overlap, seen),
    )
    for step, dance in expected["x_before_step"].items():
        yield compare(f"{name}: before step {step}", before[int(step) - 1], dance)
    yield compare(f"{name}: dance", sample, expected["sample"])


def _p_sample(setting: Setting, start: int, given: Record, expected: Record) -> Iterator[Difference]:
    weight = ancestral_guidance(start, setting.weight)
    denoise = GuidedDenoiser(setting.model(given["music"].shape[1]), given["music"], weight)
    x_t, t = given["x"], torch.tensor([start])
    prediction = denoise(x_t, start)
    step = posterior(setting.schedule, prediction, x_t, t)
    noise = expected["noise"].float() if start else torch.zeros_like(x_t)
    x = step.mean + (0.5 * step.log_variance).exp() * noise
    yield compare(f"p_sample, t {start}: dance", x, expected["x_out"])
    yield compare(f"p_sample, t {start}: x_start", prediction.x_start.clamp(-1, 1), expected["x_start"])


def _inpaint(setting: Setting, name: str, steps: int, expected: Record) -> Iterator[Difference]:
    noises = iter(expected["noises"].float())
    given = Given(expected["value"], expected["mask"])
    hook = given.hook(setting.schedule, lambda _: next(noises), at_end=False)
    after: list[torch.Tensor] = []

    def seen(dance: torch.Tensor, t: int) -> torch.Tensor:
        after.append(dance)
        return dance

    x = _ancestral(setting, expected, steps, chained(hook, seen), lambda _: next(noises))
    if "after_each_step" in expected:
        recorded = expected["after_each_step"]
        yield compare(f"{name}: after steps", torch.stack(after[: len(recorded)]), recorded)
    yield compare(f"{name}: dance", x, expected["sample"])


def _ancestral(
    setting: Setting,
    expected: Record,
    steps: int,
    hook: Hook | None,
    noise: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """The last steps of ancestral sampling, from recorded noise."""
    noises = iter(expected["noises"].float())
    timesteps = range(steps - 1, -2, -1)
    weights = {t: ancestral_guidance(t, setting.weight) for t in timesteps}
    denoise = GuidedDenoiser(setting.model(expected["music"].shape[1]), expected["music"], weights)
    return ancestral(
        denoise,
        expected["x_T"],
        schedule=setting.schedule,
        timesteps=timesteps,
        noise=noise or (lambda _: next(noises)),
        hook=hook,
        reverse=posterior,
    )


def _pipeline(setting: Setting, record: Record) -> Iterator[Difference]:
    raw = record["raw"]
    vectors = from_aist(raw["pos"], raw["q"], float(raw["scale"][0]))
    yield compare("pipeline: vectors", vectors, record["unnormalised"])
    scaler = MinMaxScaler.fit([record["unnormalised"]])
    expected = record["scaler"]
    scale = 2 / scaler.range
    for name, value in (
        ("data_min_", scaler.minimum),
        ("data_max_", scaler.maximum),
        ("scale_", scale),
        ("min_", -1 - scaler.minimum * scale),
    ):
        yield compare(f"pipeline: scaler {name}", value, expected[name])
    yield compare("pipeline: scaled", scaler.scale(record["unnormalised"]), record["normalised"])
    yield from _stitched(record["stitch"], scaler)
    yield from _kinematics(record["fk"])
    yield from _optimizer(record["adan"])
    for name, value in record["schedule"].items():
        if name != "index":
            ours = getattr(setting.schedule, name)[record["schedule"]["index"]]
            yield compare(f"schedule: {name}", ours.float(), value)


def _stitched(record: Record, scaler: MinMaxScaler) -> Iterator[Difference]:
    poses, translation = stitch(motion_of(scaler.unscale(record["samples"])), chords=True)
    matrices = roma.rotvec_to_rotmat(poses)
    expected = roma.rotvec_to_rotmat(record["smpl_poses"].unflatten(-1, (-1, 3)))
    yield compare("stitch: rotations", matrices, expected)
    yield compare("stitch: translation", translation, record["smpl_trans"])
    yield compare("stitch: joints", forward_kinematics(matrices, translation), record["full_pose"])


def _kinematics(record: Record) -> Iterator[Difference]:
    rotations = roma.rotvec_to_rotmat(record["axis_angle"])
    yield compare("fk: joints", forward_kinematics(rotations, record["root"]), record["joints"])
    yield compare("fk: rotation_6d", matrix_to_rotation_6d(rotations), record["six_d_of_axis_angle"])
    yield compare("fk: matrices", rotation_6d_to_matrix(record["raw_six"]), record["matrix_of_raw_six"])


def _optimizer(record: Record) -> Iterator[Difference]:
    parameters = [torch.nn.Parameter(start.clone()) for start in record["params0"]]
    betas, eps = tuple(record["betas"]), record["eps"]
    optimizer = Adan(
        parameters, record["lr"], betas, eps, record["weight_decay"], first_step_only_decays=True
    )
    for step, (gradients, expected) in enumerate(
        zip(record["grads"], record["params_after"], strict=True), 1
    ):
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.clone()
        optimizer.step()
        flat = torch.cat([parameter.detach().flatten() for parameter in parameters])
        yield compare(f"adan: step {step}", flat, torch.cat([one.flatten() for one in expected]))


@click.command(context_settings={"max_content_width": 110})
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
def check(folder: Path) -> int:
    """Compare EDGE with values recorded from its authors' code in FOLDER."""
    return printed(differences(folder))


if __name__ == "__main__":
    run(check, "python -m training.baselines.edge.check")
