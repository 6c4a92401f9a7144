"""Checks of a bench before anything starts."""

from __future__ import annotations

from pathlib import Path

import click

from popdanceset.errors import InputError
from popdanceset.release.reader import Release
from popdanceset.wording import counted
from training.bench.plan import KEYS, Plan
from training.bench.runs import Run, runs_of
from training.data.cache import Span, clip_spans
from training.evaluation.published import chosen as published
from training.fitting import checkpoint
from training.interface import Options
from training.metrics.clip import LEAST_FRAMES
from training.models import load
from training.train import planned, train

LEAST_CLIPS = 2
"""Clips to dance to, below which distances of sets and intervals do not exist."""


def check(plan: Plan, out: Path) -> list[Run]:
    """Checks a bench as far as possible without training, and returns its runs.

    Raises:
        InputError: there is no such model, preset, size, option, column or release; a release has too few
            clips, too short ones, or no such music features; or a folder contains something else.
    """
    unknown = [key for key in plan.protocol.columns if key not in KEYS]
    if unknown:
        raise InputError(f"no column is called {unknown[0]!r}", "protocol", f"choose from {', '.join(KEYS)}")
    if plan.protocol.against:
        published(plan.protocol.against)
    contents, spans = {}, {}
    for name, address in plan.releases.items():
        contents[name], spans[name] = _release(address, plan)
    runs = runs_of(plan, contents, out)
    for run in runs:
        if run.seed == plan.seeds[0]:
            longest = max(span.frames for span in spans[run.release] if span.split == "train")
            _stages(run, longest)
            _sampling(run)
    for run in runs:
        run.must_match()
        if not run.done:
            _checkpoints(run)
    return runs


def _release(address: str, plan: Plan) -> tuple[str, list[Span]]:
    split, extractor = plan.protocol.split, plan.protocol.extractor
    with Release(address) as release:
        release.clip_ids(split)  # raises if there is no such part
        if extractor not in release.extractors:
            has = ", ".join(release.extractors) or "none"
            raise InputError(
                f"has no {extractor} music features (it has {has})",
                address,
                "choose another extractor, or publish a release with these features",
            )
        spans, _ = clip_spans(release, extractor)
        content = release.content
    dancing = [span for span in spans if span.split == split and span.frames >= LEAST_FRAMES]
    if len(dancing) < LEAST_CLIPS:
        raise InputError(
            f"its part {split!r} has {counted(len(dancing), 'clip')} with music, not {LEAST_CLIPS}",
            address,
            "publish more clips, or choose another split",
        )
    if not any(span.split == "train" for span in spans):
        raise InputError("has no clip with music to train on", address, "publish more clips")
    return content, spans


def _stages(run: Run, longest: int) -> None:
    """Checks what can be known of a training: its options, its network, and the length of its windows."""
    kind = load(run.kind)
    for number in range(len(run.stages)):
        try:
            given = train.make_context("train", run.arguments(number)).params
        except click.ClickException as error:
            raise InputError(error.format_message(), run.model, "correct its training options") from error
        try:
            _, model = planned(kind, given["preset"], given["chosen"], given["ablate"], given["window"])
        except InputError as error:
            raise InputError(error.what, run.model, error.do) from error
        window = given["window"] or model.window
        if longest < window:
            raise InputError(
                f"windows of {window} frames are longer than all training clips (the longest has {longest})",
                f"{run.model}, {run.release}",
                "give a shorter window under training",
            )


def _sampling(run: Run) -> None:
    kind = load(run.kind)
    if kind.quick == Options():  # nothing about its dances can be chosen
        chosen = run.sampling
        try:
            Options(chosen.sampler, chosen.steps, chosen.guidance).must_be_empty(kind.title)
        except InputError as error:
            raise InputError(error.what, run.model, error.do) from error


def _checkpoints(run: Run) -> None:
    """Checks that checkpoints in the folder of an unfinished run are of its model."""
    for number in range(len(run.stages)):
        folder = run.stage_folder(number)
        path = checkpoint.latest(folder)
        if path is None:
            continue
        found = checkpoint.newest(folder)
        assert found is not None
        checkpoint.must_be_of(found[1], run.kind, folder)
