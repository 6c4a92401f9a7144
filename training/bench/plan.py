"""The file that describes a bench, as records.

```yaml
releases: {dances: popdanceset-demo/store/releases/2026.11.28}  # or a list; --release replaces it
seeds: [0, 1, 2]
budget: {steps: 2000}              # or epochs; a model may have its own
protocol: {split: test, extractor: baseline, mode: corrected, columns: [PFC, PBC, Div_k, Div_g, BAS]}
training: {window: 60, batch-size: 32}     # options of `popdanceset train`, for all models
models:
  POPDG: {model: popdg, preset: paper}
  without DS-attention: {model: popdg, ablate: [ds-attention]}
  Bailando:
    model: bailando
    stages: [{preset: ours}, {preset: ours-2}, {preset: ours-3, budget: {epochs: 400}}]
tables:
  table-2: {title: Comparison, rows: [POPDG, Bailando]}
  table-3: {title: Ablation, rows: [without DS-attention, POPDG], reference: POPDG}
```
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from popdanceset.errors import InputError
from training.metrics.catalogue import PER_CLIP
from training.metrics.mode import Mode
from training.sampling.choices import SamplerName

KEYS = (*PER_CLIP, "FID_k", "FID_g", "Div_k", "Div_g")
"""The numbers that have intervals over seeds and music."""

REAL = "ground truth"
"""Name of the row of the real dances."""

COLUMNS = ("PFC", "PBC", "Div_k", "Div_g", "BAS", "FID_k", "FID_g")
"""The columns of the paper's tables, and the distances to the real dances."""

TAKEN = ("release", "out", "model", "preset", "ablate", "start", "epochs", "steps", "seed", "log", "device",
         "cache", "extractor", "checkpoint-every", "keep", "log-every", "validate-every")  # fmt: skip
"""Options of `popdanceset train` that the bench sets itself."""

Value = str | int | float | bool


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Budget(_Record):
    """How long to train: `steps` of the optimizer, or `epochs`."""

    steps: Annotated[int, Field(ge=1)] | None = None
    epochs: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either steps or epochs")
        return self

    @property
    def options(self) -> list[str]:
        """Of `popdanceset train`."""
        return ["--epochs", f"{self.epochs:g}"] if self.steps is None else ["--steps", str(self.steps)]


class Stage(_Record):
    """A run of the trainer.

    Attributes:
        preset: of the model; None: its first one.
        budget: None: that of the model or the bench.
        training: options of `popdanceset train`.
        validated: None: if it is the last one; earlier ones may be unable to dance.
    """

    preset: str | None = None
    budget: Budget | None = None
    training: dict[str, Value] = {}
    validated: bool | None = None


class Sampling(_Record):
    """How a model dances; None: as it does by itself (`training.interface.Options`)."""

    sampler: SamplerName | None = None
    steps: Annotated[int, Field(ge=1)] | None = None
    guidance: float | None = None


class Entry(_Record):
    """A model of the bench: a row of its tables.

    Attributes:
        model: its name in `training.models`.
        preset, budget, training: of all its stages that do not have their own.
        sizes: of its network that differ from the preset's.
        ablate: parts of the network to remove.
        stages: trained one after the other, each from the weights of the one before; empty: one stage.
        sampling: how it dances.
    """

    model: str
    preset: str | None = None
    budget: Budget | None = None
    training: dict[str, Value] = {}
    sizes: dict[str, Value] = {}
    ablate: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    sampling: Sampling = Sampling()


class Protocol(_Record):
    """How the models are measured.

    Attributes:
        split: part of the release to whose music they dance.
        extractor: name of the music features.
        mode: of the metrics.
        columns: of the tables; of `KEYS`.
        variants: dances of each run to each piece of music.
        replicates: resamplings behind intervals and tests; 0 for none.
        seconds: cut dances to this length; None leaves them whole.
        seed: of the resampling.
        against: published numbers to add to the tables, as `evaluate --against` takes them.
    """

    split: str = "test"
    extractor: str = "baseline"
    mode: Mode = "corrected"
    columns: tuple[str, ...] = COLUMNS
    variants: Annotated[int, Field(ge=1)] = 1
    replicates: Annotated[int, Field(ge=0)] = 1000
    seconds: Annotated[float, Field(ge=0.2)] | None = None
    seed: int = 0
    against: tuple[str, ...] = ()


class TablePlan(_Record):
    """A table.

    Attributes:
        title: above it.
        rows: models in their order; empty: all.
        reference: the model that all others are tested against; None: each is tested against each.
    """

    title: str = ""
    rows: tuple[str, ...] = ()
    reference: str | None = None


class Plan(_Record):
    """A whole bench.

    Attributes:
        releases: name → folder or address.
        models: name → what it is.
        seeds: of trainings and dances.
        budget: of all models that do not have their own.
        training: options of `popdanceset train`, for all models.
        protocol: how the models are measured.
        tables: file name → its rows.
        checkpoint_every: steps between checkpoints; a killed run repeats fewer steps than this.
        log_every: steps between points of the learning curves.
        validate_every: steps between validations (FID_k and BAS in the learning curves); 0 for none.
        songs: pieces of music on the page.
        runs_on: deployment of the flow bench, as bench/gpu, whose workers do the runs; "" for this machine.
    """

    releases: dict[str, str]
    models: Annotated[dict[str, Entry], Field(min_length=1)]
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0, 1, 2)
    budget: Budget | None = None
    training: dict[str, Value] = {}
    protocol: Protocol = Protocol()
    tables: dict[str, TablePlan] = {"table-2": TablePlan(title="Comparison")}
    checkpoint_every: Annotated[int, Field(ge=1)] = 200
    log_every: Annotated[int, Field(ge=1)] = 10
    validate_every: Annotated[int, Field(ge=0)] = 0
    songs: Annotated[int, Field(ge=0)] = 8
    runs_on: Annotated[str, Field(pattern=r"^([^/\s]+/[^/\s]+)?$")] = ""

    @model_validator(mode="before")
    @classmethod
    def _releases_by_name(cls, content: Any) -> Any:
        if isinstance(content, dict) and isinstance(content.get("releases"), list):
            named = {PurePosixPath(str(each)).name: str(each) for each in content["releases"]}
            if len(named) < len(content["releases"]):
                raise ValueError("two releases have the same name; write NAME: ADDRESS")
            return content | {"releases": named}
        return content

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed is named twice")
        for kind, names in (("models", list(self.models)), ("releases", list(self.releases))):
            folders = {folder_name(name) for name in names}
            if len(folders) < len(names) or "" in folders:
                raise ValueError(f"{kind} need names that differ in letters or digits")
        if REAL in self.models:
            raise ValueError(f"{REAL!r} is the name of the real dances; call the model something else")
        for name, table in self.tables.items():
            if folder_name(name) != name:
                raise ValueError(f"the table {name!r} is a file name: use lower-case letters and digits")
            for row in (*table.rows, *([table.reference] if table.reference else [])):
                if row not in self.models:
                    raise ValueError(f"the table {name!r} names {row!r}, which is not among the models")
            if table.reference and table.rows and table.reference not in table.rows:
                raise ValueError(f"the reference {table.reference!r} of {name!r} is not among its rows")
        for name, entry in self.models.items():
            for stage in entry.stages or (Stage(),):
                if not (stage.budget or entry.budget or self.budget):
                    raise ValueError(f"{name!r} has no budget: give steps or epochs")
        trained = [self.training, *(entry.training for entry in self.models.values())]
        trained += [stage.training for entry in self.models.values() for stage in entry.stages]
        for option in (option for options in trained for option in options):
            if option.replace("_", "-") in TAKEN:
                raise ValueError(f"{option!r} does not belong under training: the bench sets it")
        return self


def folder_name(name: str) -> str:
    """The name of a model or release as that of a folder."""
    return re.sub(r"[^a-z0-9.+]+", "-", name.lower()).strip("-.")


def read_plan(path: Path, releases: tuple[str, ...] = ()) -> Plan:
    """Reads the file of a bench.

    Args:
        path: a YAML file.
        releases: folders or addresses in place of those that it names.

    Raises:
        InputError: it is not readable, not YAML, or says something impossible.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"is not YAML: {error}", path, "correct it") from error
    if not isinstance(content, dict):
        raise InputError("does not name models", path, "see training/bench/ablations.yaml")
    if releases:
        content["releases"] = list(releases)
    if not content.get("releases"):
        raise InputError("names no release", path, "write releases: [DIR], or give --release DIR")
    try:
        return Plan.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{place}: {message}" if place else message, path, "correct it") from error
