"""Reads weights of the released code from an `.npz` file with the variables of a TensorFlow checkpoint.

TensorFlow is not needed here. Where it is installed, this writes such a file:

    reader = tf.train.load_checkpoint("ckpt-123")
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith("model/")]
    np.savez("fact.npz", **{name: reader.get_tensor(name) for name in names})

Names may have `model/` in front and `/.ATTRIBUTES/VARIABLE_VALUE` behind. Kernels are (in, out), the
transpose of torch's weights. The weights expect motion at 60 fps with y up.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from popdanceset.errors import InputError
from training.baselines.fact.config import FactConfig
from training.baselines.fact.model import FACT
from training.baselines.weights import fill

Variables = Mapping[str, NDArray[Any]]

_BEHIND = "/.ATTRIBUTES/VARIABLE_VALUE"
_ADVICE = "give an .npz file with the variables of a released FACT"


def load_released(path: Path, heads: int | None = None) -> FACT:
    """Reads a network, in evaluation mode.

    Args:
        path: the `.npz` file.
        heads: of every attention, which cannot be read from weights; None: 10, as released.

    Raises:
        InputError: the file is missing or damaged, or its variables are not those of FACT.
    """
    variables = read_variables(path)
    try:
        config = released_config(variables, FactConfig().heads if heads is None else heads)
        return from_released(variables, config).eval()
    except InputError as error:
        raise InputError(error.what, path, error.do or _ADVICE) from error


def read_variables(path: Path) -> dict[str, NDArray[Any]]:
    """The variables of the network in an `.npz` file by their short names; others are skipped.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise InputError("is a single array", path, _ADVICE)
            names = {name: name.removeprefix("model/").removesuffix(_BEHIND) for name in file.files}
            return {short: file[name] for name, short in names.items() if _is_variable(short)}
    except OSError as error:
        raise InputError(f"not readable: {error.strerror or error}", path, "check the path") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError("is damaged, or is no .npz file of arrays", path, _ADVICE) from error


def released_config(variables: Variables, heads: int) -> FactConfig:
    """The sizes of a network, read from its variables. `future` is a setting of training: it is the default.

    Raises:
        InputError: variables are missing.
    """
    try:
        motion_width, width = variables["motion_linear_embedding/net/kernel"].shape
        motion_frames = len(variables["motion_pos_embedding/position_embedding"])
        audio_frames = len(variables["audio_pos_embedding/position_embedding"])
        return FactConfig(
            width=width,
            heads=heads,
            feedforward=len(variables[f"motion_transformer/{_layer(1)}/net/layer_with_weights-0/bias"]),
            motion_layers=_layers(variables, "motion_transformer/"),
            audio_layers=_layers(variables, "audio_transformer/"),
            cross_layers=_layers(variables, "cross_modal_layer/transformer_layer/"),
            motion_frames=motion_frames,
            audio_frames=audio_frames,
            motion_width=motion_width,
            music_dim=len(variables["audio_linear_embedding/net/kernel"]),
            window=max(motion_frames + FactConfig().future, audio_frames),
        )
    except (KeyError, ValueError) as error:
        raise InputError(f"does not contain a FACT ({error})", do=_ADVICE) from error


def from_released(variables: Variables, config: FactConfig) -> FACT:
    """A network of these sizes with the given variables.

    Raises:
        InputError: a variable is missing or has another shape.
    """
    model = FACT(config)
    weights = {
        name: tensor.mT if name.endswith("/kernel") else tensor
        for name, tensor in (
            (name, torch.from_numpy(np.asarray(variable, np.float32))) for name, variable in variables.items()
        )
    }
    fill(model, weights, correspondence(config))
    return model


def correspondence(config: FactConfig) -> Iterator[tuple[str, str]]:
    """Pairs of our parameters and the released variables that contain them."""
    for stream in ("motion", "audio"):
        yield from _dense(f"{stream}_embedding", f"{stream}_linear_embedding/net")
        yield f"{stream}_positions", f"{stream}_pos_embedding/position_embedding"
    yield from _dense("output", "cross_modal_layer/cross_output_layer")
    stacks = (
        ("motion_transformer", "motion_transformer", config.motion_layers),
        ("audio_transformer", "audio_transformer", config.audio_layers),
        ("cross_transformer", "cross_modal_layer/transformer_layer", config.cross_layers),
    )
    for mine, stack, layers in stacks:
        for number in range(layers):
            ours = f"{mine}.{number}"
            attention, feedforward = (f"{stack}/{_layer(2 * number + part)}" for part in (0, 1))
            yield f"{ours}.query_key_value.weight", f"{attention}/to_qkv/kernel"
            yield from _dense(f"{ours}.attention_output", f"{attention}/to_out")
            yield from _dense(f"{ours}.inner", f"{feedforward}/net/layer_with_weights-0")
            yield from _dense(f"{ours}.outer", f"{feedforward}/net/layer_with_weights-1")
            for name, inside in (("attention", attention), ("feedforward", feedforward)):
                norm = f"{inside.removesuffix('/fn')}/norm"
                yield f"{ours}.{name}_norm.weight", f"{norm}/gamma"
                yield f"{ours}.{name}_norm.bias", f"{norm}/beta"


def _dense(ours: str, theirs: str) -> Iterator[tuple[str, str]]:
    yield f"{ours}.weight", f"{theirs}/kernel"
    yield f"{ours}.bias", f"{theirs}/bias"


def _layer(number: int) -> str:
    return f"net/layer_with_weights-{number}/fn/fn"


def _layers(variables: Variables, stack: str) -> int:
    """Layers of a transformer: attention and feed-forward network are numbered one after the other."""
    pattern = re.compile(re.escape(stack) + r"net/layer_with_weights-(\d+)/")
    numbers = [int(found[1]) for name in variables if (found := pattern.match(name))]
    return (1 + max(numbers)) // 2 if numbers else 0


def _is_variable(name: str) -> bool:
    return name.startswith(("motion_", "audio_", "cross_modal_layer/")) and "OPTIMIZER_SLOT" not in name
