"""The comparison with recorded values: it accepts the right network and notices a wrong one."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from popdanceset.errors import InputError
from training.popdg import check

Record = Callable[..., Path]


def test_the_released_values_are_met(golden: Path) -> None:
    found = list(check.differences(golden))
    assert len(found) > 70
    assert [difference.name for difference in found if not difference.fine] == []
    strict = [difference for difference in found if "each relative to itself" not in difference.name]
    assert max(difference.largest for difference in strict) < 1e-4


@pytest.fixture
def record(tmp_path: Path, plain: ModuleType) -> Record:
    """Records the outputs of the plain network at another size, in a folder of both files."""

    def make(change: Callable[[dict[str, Any]], None] = lambda _: None) -> Path:
        sizes = {"latent_dim": 24, "num_heads": 3, "num_layers": 3}
        weights = plain.random_weights(width=24, ff=40, layers=3, music_layers=2, music_dim=5, seed=9)
        generator = torch.Generator().manual_seed(0)
        start = torch.rand(2, 150, 156, generator=generator) * 2 - 1
        noise = torch.randn(2, 150, 156, generator=generator)
        music = torch.randn(2, 150, 5, generator=generator)
        time = torch.tensor([700, 3])
        curve = [math.cos((step / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2 for step in (701, 4, 0)]
        kept = torch.tensor(curve[:2]).view(-1, 1, 1) / curve[2]
        noisy = kept.sqrt() * start + (1 - kept).sqrt() * noise
        nobody = torch.zeros(2, dtype=torch.bool)
        with torch.no_grad():
            outputs = {
                "cond": plain.forward(weights, 3, noisy, time, music),
                "uncond": plain.forward(weights, 3, noisy, time, music, nobody, nobody),
                "guided_w2": plain.guided(weights, 3, noisy, time, music, 2.0),
            }
        saved: dict[str, Any] = {name: {"out": out, "var": var} for name, (out, var) in outputs.items()}
        saved["cond"]["inter"] = {
            "input_projection": torch.nn.functional.linear(
                noisy, weights["input_projection.weight"], weights["input_projection.bias"]
            )
        }
        saved |= {"x_start": start, "noise": noise, "music": music, "t": time, "x_t": noisy}
        saved |= {"p_mean_variance": {}, "p_losses": {}}
        change(saved)
        torch.save({"config": sizes, "state_dict": weights}, tmp_path / "small64_weights.pt")
        torch.save(saved, tmp_path / "small64_io.pt")
        return tmp_path

    return make


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training.popdg.check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_records_of_another_size_are_met(record: Record) -> None:
    done = run(record())
    assert done.returncode == 0
    assert "all 8 differences are small" in done.stdout


def test_a_wrong_value_is_noticed(record: Record) -> None:
    def spoil(saved: dict[str, Any]) -> None:
        saved["uncond"]["out"][1, 7, 9] += 1e-2
        saved["guided_w2"]["var"][0, 0, 0] = float("nan")
        saved["cond"]["inter"]["input_projection"] = torch.zeros(3)

    done = run(record(spoil))
    assert done.returncode == 1
    assert done.stdout.count("TOO LARGE") == 3
    assert "3 of 8 differences are too large" in done.stdout


def test_what_cannot_be_compared_gets_one_line(record: Record, tmp_path: Path) -> None:
    def strange(saved: dict[str, Any]) -> None:
        saved["cond"]["inter"]["DecoderSequence.stack.9"] = torch.zeros(1)

    def lacking(saved: dict[str, Any]) -> None:
        del saved["noise"]

    for change, message in (
        (strange, "DecoderSequence.stack.9 has no known counterpart"),
        (lacking, "'noise'"),
    ):
        with pytest.raises(InputError, match=message):
            list(check.differences(record(change)))
    assert run().returncode == 2
    done = run(tmp_path / "nowhere")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "small64_weights.pt: not readable" in done.stderr
