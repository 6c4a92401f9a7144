"""The scores of the next codes, their loss and gradients, and a dance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from training.baselines.bailando.checks.record import (
    GPT,
    gradient_norms,
    recorded_gpt,
    recorded_vqvae,
)
from training.baselines.bailando.decoding import continue_codes
from training.baselines.bailando.gpt import DanceGpt, next_code_loss
from training.baselines.bailando.released import gpt_names
from training.baselines.bailando.representation import Halves
from training.recorded import (
    Difference,
    compare_exactly,
    compare_numbers,
    compare_to_largest,
    read_record,
    recorded_in,
)

Record = Mapping[str, Any]


def differences(folder: Path) -> Iterator[Difference]:
    """All comparisons."""
    recorded = read_record(folder / GPT)
    with recorded_in(folder / GPT):
        model = recorded_gpt(folder)
        yield from _scores(model, recorded)
        yield from _dances(model, recorded["sample"])
        sample = recorded["sample"]
        expected = sample["decoded_pose_root_velocity"]
        vqvae = recorded_vqvae(folder)
        with torch.no_grad():
            decoded = vqvae.decode(Halves(sample["up"], sample["down"]))[:, : expected.shape[1]]
        yield compare_to_largest("dance: decoded motion", decoded, expected)


def _scores(model: DanceGpt, recorded: Record) -> Iterator[Difference]:
    codes = Halves(recorded["idx_up"], recorded["idx_down"])
    music = recorded["music"].float()
    features = recorded["base_features"]
    with torch.no_grad():
        found = model.base(codes, music)[: len(features)]
    yield compare_to_largest("features of the base", found, features)
    scores = model(codes, music)
    for half, values in zip(("up", "down"), scores, strict=True):
        yield compare_to_largest(f"scores, {half}", values, recorded[f"logits_{half}"])
    loss = next_code_loss(scores, Halves(recorded["target_up"], recorded["target_down"]))
    yield compare_to_largest("loss", loss, recorded["loss"])
    torch.autograd.backward(loss)
    norms = gradient_norms(model, gpt_names(model.config))
    # A bias of keys shifts all scores of a query alike, so its gradient is zero but for rounding.
    expected = {name: norm for name, norm in recorded["grad_norms"].items() if not name.endswith("key.bias")}
    yield compare_numbers("norms of gradients", norms, expected)


def _dances(model: DanceGpt, sample: Record) -> Iterator[Difference]:
    start = Halves(sample["start_up"], sample["start_down"])
    music = sample["music"].float()
    for prefix in sorted({name.removesuffix("up") for name in sample if _is_dance(name)}):
        shift = int(prefix.removeprefix("shift").rstrip("_")) if prefix else None
        danced = continue_codes(model, start, music, shift)
        title = "dance" if shift is None else f"dance, shift {shift}"
        for half, codes in zip(("up", "down"), danced, strict=True):
            yield compare_exactly(f"{title}: codes, {half}", codes, sample[f"{prefix}{half}"])


def _is_dance(name: str) -> bool:
    return name == "up" or (name.startswith("shift") and name.endswith("_up"))
