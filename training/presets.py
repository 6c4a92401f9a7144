"""A named choice of network, objective and training settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

ConfigT = TypeVar("ConfigT")
ObjectiveT = TypeVar("ObjectiveT")


@dataclass(frozen=True, slots=True)
class Preset(Generic[ConfigT, ObjectiveT]):
    """A network, its training objective, and how it is trained.

    Attributes:
        model: the sizes of the network.
        objective: what its training minimises.
        recipe: settings of `training.fitting.recipe.Recipe` that differ from its defaults.
        stride: frames between the starts of two training windows.
        drop_epochs: epochs from which the learning rate is a tenth of what it was before.
        epochs: length of a training for which nobody names one.
        following: the preset of the next stage, which begins with the weights of this one; "" if none does.
    """

    model: ConfigT
    objective: ObjectiveT
    recipe: Mapping[str, Any] = field(default_factory=dict)
    stride: int = 15
    drop_epochs: tuple[int, ...] = ()
    epochs: float = 2000.0
    following: str = ""
