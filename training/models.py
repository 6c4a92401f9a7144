"""The models by name. A model is imported when it is used, so that the command line stays light."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from popdanceset.errors import InputError

if TYPE_CHECKING:
    from training.interface import Model, Sizes

MODELS = MappingProxyType(
    {
        "popdg": "training.popdg.entry",
        "edge": "training.baselines.edge.entry",
        "fact": "training.baselines.fact.entry",
        "bailando": "training.baselines.bailando.entry",
    }
)
"""The module of each model, whose `MODEL` says what `training.interface` asks for."""

FIRST = "popdg"
"""The model of checkpoints that do not name one, and of commands by default."""


def load(name: str) -> Model:
    """The model of a name.

    Raises:
        InputError: there is none.
    """
    if name not in MODELS:
        raise InputError(f"there is no model {name!r}", do=f"choose from {', '.join(MODELS)}")
    model: Model = import_module(MODELS[name]).MODEL
    return model


def model_of(config: Sizes) -> Model:
    """The model whose sizes these are."""
    return load(config.architecture)
