"""Compares network, diffusion and losses with values that the released code produced.

    python -m training.popdg.check FOLDER

FOLDER contains `small64_weights.pt` (config and weights) and `small64_io.pt` (inputs; conditional,
unconditional and guided outputs; outputs of modules; p_mean_variance, bounds, loss components, gradient
norms), of a network of any width, depth and seed. Prints the largest difference of each value; the exit code
is 1 if a difference is too large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import torch

from popdanceset.commands import run
from popdanceset.errors import InputError
from training.popdg.config import RELEASED
from training.popdg.correspondence import squared_gradients
from training.popdg.gaussian_diffusion import p_mean_variance, q_sample, vb_terms_bpd
from training.popdg.guidance import classifier_free_guidance
from training.popdg.losses import GUIDED_FROM, Draw, training_loss
from training.popdg.model import POPDG, DanceTransformer, Prediction
from training.popdg.released import correspondence, load_released, read_checkpoint
from training.popdg.schedule import Schedule, cosine_schedule
from training.recorded import TOLERANCE, Difference, compare, recorded_in, report

GRADIENT_TOLERANCE = 1e-3
"""Largest difference of the gradient norm of a parameter, relative to it.

In scaled units the two rows of some joints are nearly parallel. Their Gram-Schmidt loses digits in single
precision, here and in the code that recorded the values: gradients agree to three digits, not to four.
"""

Record = Mapping[str, Any]


def differences(folder: Path) -> Iterator[Difference]:
    """All comparisons, in order.

    Raises:
        InputError: a file is missing, damaged, or of another format.
    """
    model = load_released(folder / "small64_weights.pt").model
    recorded = read_checkpoint(folder / "small64_io.pt")
    schedule = cosine_schedule(dtype=torch.float32)
    with recorded_in(folder / "small64_io.pt"):
        with torch.no_grad():
            x_t = q_sample(schedule, recorded["x_start"], recorded["t"], recorded["noise"])
            yield compare("noisy dance", x_t, recorded["x_t"])
            yield from _outputs(model, recorded)
            for name, expected in recorded["p_mean_variance"].items():
                yield from _p_mean_variance(model, schedule, recorded, name, expected)
        for name, expected in recorded["p_losses"].items():
            yield from _losses(model, schedule, recorded, name, expected)


def _outputs(model: POPDG, recorded: Record) -> Iterator[Difference]:
    x_t, t, music = recorded["x_t"], recorded["t"], recorded["music"]
    conditional, modules = watched(model, _counterparts(model), lambda: model(x_t, t, music))
    # The released modules process music and time tokens together, and add the time to the pooled music.
    modules["norm_music"] = [torch.cat(modules["norm_music"], dim=1)]
    modules["music_temporalcoding"][0] = modules["music_temporalcoding"][0] + modules["TimeEmbed"][0]
    unconditional = model.denoise(x_t, t, model.no_music(len(x_t)))
    guided = classifier_free_guidance(unconditional, conditional, RELEASED.objective.guidance)
    for name, prediction in (("cond", conditional), ("uncond", unconditional), ("guided_w2", guided)):
        yield from _prediction(name, prediction, recorded[name])
    for name, expected in recorded["cond"]["inter"].items():
        for part, tensor in enumerate(expected if isinstance(expected, list | tuple) else [expected]):
            if name not in modules:
                raise InputError(f"{name} has no known counterpart", do="leave it out of the record")
            yield compare(f"cond: {name}" + (f" [{part}]" if part else ""), modules[name][part], tensor)


def _prediction(name: str, prediction: Prediction, expected: Record) -> Iterator[Difference]:
    yield compare(f"{name}: dance", prediction.x_start, expected["out"])
    if prediction.variance is not None:
        yield compare(f"{name}: variance", prediction.variance, expected["var"])


def watched(
    model: DanceTransformer, counterparts: Mapping[str, str], run: Callable[[], Prediction]
) -> tuple[Prediction, dict[str, list[torch.Tensor]]]:
    """The output of a pass, and the outputs of its modules by their released names.

    Args:
        model: the network.
        counterparts: our modules by their released names.
        run: the pass.
    """
    seen: dict[str, list[torch.Tensor]] = {}
    hooks = []
    for theirs, ours in counterparts.items():

        def keep(_module: object, _inputs: object, output: Any, name: str = theirs) -> None:
            seen.setdefault(name, []).extend(output if isinstance(output, tuple) else [output])

        hooks.append(model.get_submodule(ours).register_forward_hook(keep))
    try:
        prediction = run()
    finally:
        for hook in hooks:
            hook.remove()
    return prediction, seen


def _counterparts(model: POPDG) -> dict[str, str]:
    """Our modules by their released names."""
    names = {
        "input_projection": "input_projection",
        "cond_projection": "music_encoder.projection",
        "music_encoder": "music_encoder",
        "TimeEmbed": "time_embedding",
        "music_temporalcoding": "music_pool",
        "norm_music": "memory_norm",
        "DecoderSequence": f"blocks.{model.config.layers - 1}",
        "final_layer": "start_projection",
    }
    for number in range(model.config.music_layers):
        ours, theirs = f"music_encoder.blocks.{number}", f"music_encoder.{number}"
        names |= {theirs: ours, f"{theirs}.temporal_attn": f"{ours}.time_attention"}
        names |= {f"{theirs}.spatio_attn": f"{ours}.feature_attention.attention"}
        names |= same_feedforward(ours, theirs)
        names |= norms(ours, theirs, ("feature", "time", "feedforward"))
    for number in range(model.config.layers):
        ours, theirs = f"blocks.{number}", f"DecoderSequence.stack.{number}"
        names |= {theirs: ours, f"{theirs}.spatio_attn": f"{ours}.space_attention"}
        names |= {f"{theirs}.temporal_attn": f"{ours}.time_attention"}
        names |= {f"{theirs}.multihead_attn": f"{ours}.music_attention"}
        names |= same_feedforward(ours, theirs)
        names |= norms(ours, theirs, ("space", "time", "music", "feedforward"))
        for module, name in enumerate(("time", "music", "feedforward"), start=1):
            names[f"{theirs}.align{module}"] = f"{ours}.{name}_alignment"
    return names


def same_feedforward(ours: str, theirs: str) -> dict[str, str]:
    return {f"{theirs}.linear1": f"{ours}.feedforward.inner", f"{theirs}.linear2": f"{ours}.feedforward"}


def norms(ours: str, theirs: str, order: tuple[str, ...]) -> dict[str, str]:
    return {f"{theirs}.norm{place}": f"{ours}.{name}_norm" for place, name in enumerate(order, start=1)}


def _p_mean_variance(
    model: POPDG, schedule: Schedule, recorded: Record, name: str, expected: Record
) -> Iterator[Difference]:
    t, x_start = expected["t"], recorded["x_start"]
    x_t = q_sample(schedule, x_start, t, recorded["noise"])
    weight = RELEASED.objective.guidance if t[0] >= GUIDED_FROM else 1.0
    unconditional = model.denoise(x_t, t, model.no_music(len(x_t)))
    prediction = classifier_free_guidance(unconditional, model(x_t, t, recorded["music"]), weight)
    step = p_mean_variance(schedule, prediction, x_t, t)
    yield compare(f"p_mean_variance, {name}: mean", step.mean, expected["mean"])
    yield compare(f"p_mean_variance, {name}: log-variance", step.log_variance, expected["log_variance"])
    yield compare(f"p_mean_variance, {name}: variance", step.log_variance.exp(), expected["variance"])
    yield compare(
        f"p_mean_variance, {name}: x_start", prediction.x_start.clamp(-1, 1), expected["pred_xstart"]
    )
    bound = vb_terms_bpd(schedule, prediction, x_start, x_t, t)
    yield compare(f"vb_terms_bpd, {name}", bound, expected["vb"])


def _losses(
    model: POPDG, schedule: Schedule, recorded: Record, name: str, expected: Record
) -> Iterator[Difference]:
    chance = Draw(expected["t"], recorded["noise"], *expected["masks_token_then_pooled"])
    model.zero_grad()
    with torch.set_grad_enabled(bool(expected["grad_norms"])):
        loss = training_loss(
            model, schedule, RELEASED.objective, recorded["x_start"], recorded["music"], chance
        )
    parts = zip(loss.parts.items(), expected["components"], strict=True)
    for (part, value), component in parts:
        yield compare(f"loss, {name}: {part}", value.detach(), component)
    yield compare(f"loss, {name}: total", loss.total.detach(), expected["total"])
    if expected["grad_norms"]:
        torch.autograd.backward(loss.total)
        yield from _gradients(model, name, expected["grad_norms"])


def _gradients(model: POPDG, name: str, expected: Mapping[str, float | None]) -> Iterator[Difference]:
    squares = squared_gradients(model, correspondence(model.config))
    theirs = {parameter: norm for parameter, norm in expected.items() if norm is not None}
    if squares.keys() != theirs.keys():
        yield Difference(f"gradients, {name}: parameters that have one", float("inf"), 0.0)
        return
    whole = sum(norm**2 for norm in theirs.values()) ** 0.5
    apart = {parameter: abs(squares[parameter] ** 0.5 - norm) for parameter, norm in theirs.items()}
    relative = (apart[parameter] / max(norm, TOLERANCE * whole) for parameter, norm in theirs.items())
    yield Difference(
        f"gradients, {name}: norms, relative to the whole", max(apart.values()) / whole, TOLERANCE
    )
    yield Difference(f"gradients, {name}: norms, each relative to itself", max(relative), GRADIENT_TOLERANCE)


@click.command(context_settings={"max_content_width": 110})
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
def check(folder: Path) -> int:
    """Compare network, diffusion and losses with values recorded from the released code in FOLDER."""
    return report(differences(folder))


if __name__ == "__main__":
    run(check, "python -m training.popdg.check")
