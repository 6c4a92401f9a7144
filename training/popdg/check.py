"""Compares network, diffusion and losses with values that the released code gave.

    python -m training.popdg.check FOLDER

FOLDER holds `small64_weights.pt` (config and weights) and `small64_io.pt` (inputs; outputs with music,
without and guided; what modules in between gave; steps back, bounds, loss components, gradient norms), of a
network of any width, depth and seed. Prints the largest difference of each; the exit code is 1 if one is
too large.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from popdanceset.errors import InputError, PopDanceSetError
from training.popdg.config import RELEASED
from training.popdg.gaussian_diffusion import add_noise, step_back, variational_bound
from training.popdg.guidance import guide
from training.popdg.losses import GUIDED_FROM, Draw, training_loss
from training.popdg.model import POPDG, Prediction
from training.popdg.released import correspondence, load_released, read_checkpoint
from training.popdg.schedule import Schedule, cosine

TOLERANCE = 1e-4
"""Largest difference allowed; in proportion to expected values that are beyond 1."""

GRADIENT_TOLERANCE = 1e-3
"""Of a parameter's gradient norm, in proportion to it.

In scaled numbers some joints' two rows are nearly parallel. Their Gram-Schmidt loses digits in single
precision, in this code as in the one that recorded the values: gradients agree to three digits, not to four.
"""

Record = Mapping[str, Any]


class Difference(NamedTuple):
    """The largest difference between what is and what was expected, and how large it may be."""

    name: str
    largest: float
    tolerance: float

    @property
    def fine(self) -> bool:
        """Whether it is within the tolerance; a difference that is no number is not."""
        return self.largest <= self.tolerance


def differences(folder: Path) -> Iterator[Difference]:
    """All comparisons, one after the other.

    Raises:
        InputError: a file is missing, damaged, or of another format.
    """
    model = load_released(folder / "small64_weights.pt").model
    recorded = read_checkpoint(folder / "small64_io.pt")
    schedule = cosine(dtype=torch.float32)
    try:
        with torch.no_grad():
            noisy = add_noise(schedule, recorded["x_start"], recorded["t"], recorded["noise"])
            yield compare("noisy dance", noisy, recorded["x_t"])
            yield from _outputs(model, recorded)
            for name, expected in recorded["p_mean_variance"].items():
                yield from _steps_back(model, schedule, recorded, name, expected)
        for name, expected in recorded["p_losses"].items():
            yield from _losses(model, schedule, recorded, name, expected)
    except (KeyError, IndexError, AttributeError, TypeError, RuntimeError) as error:
        raise InputError(
            f"these are not records of this network ({type(error).__name__}: {error})",
            folder / "small64_io.pt",
            "record both files together",
        ) from error


def compare(name: str, value: torch.Tensor, expected: torch.Tensor) -> Difference:
    """The largest difference of two tensors, number by number in proportion to what is expected beyond 1.

    It is infinite if their shapes differ.
    """
    if value.shape != expected.shape:
        return Difference(name, float("inf"), TOLERANCE)
    return Difference(name, float(((value - expected) / expected.abs().clamp(min=1)).abs().max()), TOLERANCE)


def _outputs(model: POPDG, recorded: Record) -> Iterator[Difference]:
    noisy, time, music = recorded["x_t"], recorded["t"], recorded["music"]
    given, modules = _watched(model, lambda: model(noisy, time, music))
    without = model.denoise(noisy, time, model.no_music(len(noisy)))
    guided = guide(without, given, RELEASED.objective.guidance)
    for name, prediction in (("cond", given), ("uncond", without), ("guided_w2", guided)):
        yield from _prediction(name, prediction, recorded[name])
    for name, expected in recorded["cond"]["inter"].items():
        for part, tensor in enumerate(expected if isinstance(expected, list | tuple) else [expected]):
            if name not in modules:
                raise InputError(f"no counterpart of {name} is known", do="leave it out of the record")
            yield compare(f"cond: {name}" + (f" [{part}]" if part else ""), modules[name][part], tensor)


def _prediction(name: str, prediction: Prediction, expected: Record) -> Iterator[Difference]:
    yield compare(f"{name}: dance", prediction.start, expected["out"])
    if prediction.variance is not None:
        yield compare(f"{name}: variance", prediction.variance, expected["var"])


def _watched(model: POPDG, run: Callable[[], Prediction]) -> tuple[Prediction, dict[str, list[torch.Tensor]]]:
    """What a pass gives, and what the modules in it gave, by their released names."""
    seen: dict[str, list[torch.Tensor]] = {}
    hooks = []
    for theirs, ours in _counterparts(model).items():

        def keep(_module: object, _inputs: object, output: Any, name: str = theirs) -> None:
            seen.setdefault(name, []).extend(output if isinstance(output, tuple) else [output])

        hooks.append(model.get_submodule(ours).register_forward_hook(keep))
    try:
        prediction = run()
    finally:
        for hook in hooks:
            hook.remove()
    # Theirs sees music and time tokens together, and adds the time to the pooled music.
    seen["norm_music"] = [torch.cat(seen["norm_music"], dim=1)]
    seen["music_temporalcoding"][0] = seen["music_temporalcoding"][0] + seen["TimeEmbed"][0]
    return prediction, seen


def _counterparts(model: POPDG) -> dict[str, str]:
    """Released names of modules and ours."""
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
        names |= _same_feedforward(ours, theirs)
        names |= _norms(ours, theirs, ("feature", "time", "feedforward"))
    for number in range(model.config.layers):
        ours, theirs = f"blocks.{number}", f"DecoderSequence.stack.{number}"
        names |= {theirs: ours, f"{theirs}.spatio_attn": f"{ours}.space_attention"}
        names |= {f"{theirs}.temporal_attn": f"{ours}.time_attention"}
        names |= {f"{theirs}.multihead_attn": f"{ours}.music_attention"}
        names |= _same_feedforward(ours, theirs)
        names |= _norms(ours, theirs, ("space", "time", "music", "feedforward"))
        for module, name in enumerate(("time", "music", "feedforward"), start=1):
            names[f"{theirs}.align{module}"] = f"{ours}.{name}_alignment"
    return names


def _same_feedforward(ours: str, theirs: str) -> dict[str, str]:
    return {f"{theirs}.linear1": f"{ours}.feedforward.inner", f"{theirs}.linear2": f"{ours}.feedforward"}


def _norms(ours: str, theirs: str, order: tuple[str, ...]) -> dict[str, str]:
    return {f"{theirs}.norm{place}": f"{ours}.{name}_norm" for place, name in enumerate(order, start=1)}


def _steps_back(
    model: POPDG, schedule: Schedule, recorded: Record, name: str, expected: Record
) -> Iterator[Difference]:
    time, start = expected["t"], recorded["x_start"]
    noisy = add_noise(schedule, start, time, recorded["noise"])
    weight = RELEASED.objective.guidance if time[0] >= GUIDED_FROM else 1.0
    without = model.denoise(noisy, time, model.no_music(len(noisy)))
    prediction = guide(without, model(noisy, time, recorded["music"]), weight)
    back = step_back(schedule, prediction, noisy, time)
    yield compare(f"step back, {name}: mean", back.mean, expected["mean"])
    yield compare(f"step back, {name}: log-variance", back.log_variance, expected["log_variance"])
    yield compare(f"step back, {name}: variance", back.log_variance.exp(), expected["variance"])
    yield compare(f"step back, {name}: dance", prediction.start.clamp(-1, 1), expected["pred_xstart"])
    bound = variational_bound(schedule, prediction, start, noisy, time)
    yield compare(f"step back, {name}: bound", bound, expected["vb"])


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
    squares: dict[str, float] = {}
    own = dict(model.named_parameters())
    for pair in correspondence(model.config):
        gradient = own[pair.name].grad
        if gradient is not None:
            square = float(gradient.double().square().sum())
            squares[pair.released] = squares.get(pair.released, 0.0) + square
    theirs = {parameter: norm for parameter, norm in expected.items() if norm is not None}
    if squares.keys() != theirs.keys():
        yield Difference(f"gradients, {name}: parameters that have one", float("inf"), 0.0)
        return
    whole = sum(norm**2 for norm in theirs.values()) ** 0.5
    apart = {parameter: abs(squares[parameter] ** 0.5 - norm) for parameter, norm in theirs.items()}
    relative = (apart[parameter] / max(norm, TOLERANCE * whole) for parameter, norm in theirs.items())
    yield Difference(
        f"gradients, {name}: norms, in parts of the whole", max(apart.values()) / whole, TOLERANCE
    )
    yield Difference(f"gradients, {name}: norms, each in parts of itself", max(relative), GRADIENT_TOLERANCE)


def main(arguments: list[str]) -> int:
    """`python -m training.popdg.check FOLDER`."""
    if len(arguments) != 1:
        print("usage: python -m training.popdg.check FOLDER", file=sys.stderr)
        return 2
    count = bad = 0
    try:
        for difference in differences(Path(arguments[0])):
            verdict = "" if difference.fine else "  TOO LARGE"
            print(f"{difference.largest:9.2e} of {difference.tolerance:7.1e}  {difference.name}{verdict}")
            count, bad = count + 1, bad + (not difference.fine)
    except PopDanceSetError as error:
        print(f"training.popdg.check: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{bad} of {count} differences are too large" if bad else f"all {count} differences are small")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
