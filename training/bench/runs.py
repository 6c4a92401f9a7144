"""The runs of a bench: one model, seed and release each, with a folder of its own.

runs/RELEASE/MODEL/seed-0/run.json     its settings, written first
                          stage-1/     checkpoints and log.jsonl of the trainer
                          dances/      one NPZ file for each dance
                          done.json    written last
                          failed.json  why it has no result
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from popdanceset.atomic import atomic_write
from popdanceset.errors import InputError
from training.bench.plan import Entry, Plan, Sampling, Stage, Value, folder_name

RUNS = "runs"

_TITLES = {
    "content": "data",
    "stages": "training settings",
    "sampling": "sampling settings",
    "split": "split",
    "variants": "variants",
}
"""Keys of `Run.settings` in messages."""


class Records(NamedTuple):
    """Steps between checkpoints, between records of the log, and between validations of each stage (or 0)."""

    checkpoint_every: int
    log_every: int
    validate_every: tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """One model, trained with one seed on one release.

    Attributes:
        release: name of the release.
        model: name of the model in the plan.
        kind: name of the model in `training.models`.
        seed: of training and dances.
        folder: of its files.
        address: of the release.
        content: hash of the rows of the release.
        stages: arguments of `popdanceset train` for each stage that decide its result.
        records: arguments that do not: how often it saves, logs and validates.
        sampling: how it dances.
        split, extractor: to which music.
        variants: dances to each piece of music.
    """

    release: str
    model: str
    kind: str
    seed: int
    folder: Path
    address: str
    content: str
    stages: tuple[tuple[str, ...], ...]
    records: Records
    sampling: Sampling
    split: str
    extractor: str
    variants: int

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.model}, seed {self.seed}, {self.release}"

    @property
    def settings(self) -> dict[str, Any]:
        """What must stay the same for the run to continue."""
        return {
            "content": self.content,
            "stages": [list(arguments) for arguments in self.stages],
            "sampling": self.sampling.model_dump(),
            "split": self.split,
            "variants": self.variants,
        }

    @property
    def state(self) -> str:
        """finished, failed or waiting."""
        return "finished" if self.done else f"failed: {self.failure}" if self.failure else "waiting"

    @property
    def done(self) -> bool:
        """Whether everything of it is on disk."""
        return (self.folder / "done.json").is_file()

    @property
    def failure(self) -> str:
        """Why it failed; "" if it did not."""
        path = self.folder / "failed.json"
        return "" if self.done or not path.is_file() else str(_read(path)["reason"])

    @property
    def dances(self) -> Path:
        """The folder of its dances."""
        return self.folder / "dances"

    def stage_folder(self, number: int) -> Path:
        """The folder of a stage; numbers count from 0."""
        return self.folder / f"stage-{number + 1}"

    def arguments(self, number: int) -> list[str]:
        """Arguments of `popdanceset train` for a stage."""
        start = ["--start", str(self.stage_folder(number - 1))] if number else []
        return [
            *("--release", self.address, "--out", str(self.stage_folder(number))),
            *self.stages[number],
            *start,
            *("--log", "file", "--log-every", str(self.records.log_every), "--keep", "2"),
            *("--checkpoint-every", str(self.records.checkpoint_every)),
            *("--validate-every", str(self.records.validate_every[number])),
        ]

    def must_match(self) -> None:
        """Checks that the folder contains this run, if it contains any.

        Raises:
            InputError: it contains a run with other settings.
        """
        path = self.folder / "run.json"
        if not path.is_file():
            return
        before = _read(path)
        different = [_TITLES[name] for name, value in self.settings.items() if before.get(name) != value]
        if different:
            raise InputError(
                f"contains a run of the model with other {', '.join(different)}",
                self.folder,
                "name another --out, or remove this folder to run it anew",
            )

    def begin(self) -> None:
        """Writes the settings."""
        self._write("run.json", self.settings)

    def finish(self, parameters: int) -> None:
        """Marks it as finished."""
        self._write("done.json", {"parameters": parameters})

    def fail(self, reason: str) -> None:
        """Marks it as failed."""
        self._write("failed.json", {"reason": reason})

    @property
    def parameters(self) -> int:
        """Parameters of the network of a finished run."""
        return int(_read(self.folder / "done.json")["parameters"])

    def _write(self, name: str, content: dict[str, Any]) -> None:
        try:
            with atomic_write(self.folder / name, "w") as file:
                json.dump(content, file, indent=1)
        except OSError as error:
            raise InputError(f"not writable: {error.strerror}", self.folder, "name another --out") from error


def runs_of(plan: Plan, contents: dict[str, str], out: Path) -> list[Run]:
    """All runs of a bench, seed by seed, so that an unfinished bench has a bit of every model.

    Args:
        plan: the bench.
        contents: release → hash of its rows.
        out: folder of the bench.
    """
    return [
        Run(
            release=release,
            model=name,
            kind=entry.model,
            seed=seed,
            folder=out / RUNS / folder_name(release) / folder_name(name) / f"seed-{seed}",
            address=address,
            content=contents[release],
            stages=tuple(_stage(plan, entry, stage, seed) for stage in entry.stages or (Stage(),)),
            records=Records(plan.checkpoint_every, plan.log_every, _validations(plan, entry)),
            sampling=entry.sampling,
            split=plan.protocol.split,
            extractor=plan.protocol.extractor,
            variants=plan.protocol.variants,
        )
        for release, address in plan.releases.items()
        for seed in plan.seeds
        for name, entry in plan.models.items()
    ]


def _validations(plan: Plan, entry: Entry) -> tuple[int, ...]:
    """Steps between the validations of each stage."""
    stages = entry.stages or (Stage(),)
    last = len(stages) - 1
    return tuple(
        plan.validate_every if (number == last if stage.validated is None else stage.validated) else 0
        for number, stage in enumerate(stages)
    )


def _stage(plan: Plan, entry: Entry, stage: Stage, seed: int) -> tuple[str, ...]:
    preset = stage.preset or entry.preset
    budget = stage.budget or entry.budget or plan.budget
    assert budget is not None
    return (
        *("--model", entry.model, "--seed", str(seed)),
        *(("--preset", preset) if preset else ()),
        *(word for name, value in entry.sizes.items() for word in ("--model", f"{name}={value}")),
        *(word for part in entry.ablate for word in ("--ablate", part)),
        *budget.options,
        *_options(plan.training | entry.training | stage.training),
        *("--extractor", plan.protocol.extractor),
    )


def _options(training: dict[str, Value]) -> list[str]:
    words: list[str] = []
    for name, value in training.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words += [option] if value else []
        else:
            words += [option, str(value)]
    return words


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"is damaged: {error}", path, "remove it") from error
    return content
