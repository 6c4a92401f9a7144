"""The codebook by itself: its start and its updates, with recorded random choices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from training.baselines.bailando.checks.record import VQVAE, recorded_vqvae
from training.baselines.bailando.codebook import Codebook, noise_scale, repeat
from training.recorded import (
    Difference,
    compare_exactly,
    compare_to_largest,
    read_record,
    recorded_in,
)


def differences(folder: Path) -> Iterator[Difference]:
    """All comparisons."""
    decay = recorded_vqvae(folder).config.decay
    recorded = read_record(folder / VQVAE)
    with recorded_in(folder / VQVAE):
        for name, batches in recorded.items():
            if not name.startswith("codebook_"):
                continue
            codes, embedding = batches[0]["k_after"].shape
            codebook = Codebook(codes, embedding, decay).train()
            for step, expected in enumerate(batches):
                codebook.draw = recorded_choices(expected["randperms"], expected["tile_noises"])
                quantised = codebook(expected["x"])
                title = f"codebook alone, batch {step}"
                yield compare_exactly(f"{title}: codes", quantised.codes, expected["codes"])
                for part, value, wanted in (
                    ("quantised", quantised.features, expected["dequantised"]),
                    ("commitment", quantised.commitment, expected["commit"]),
                    ("vectors", codebook.vectors, expected["k_after"]),
                    ("sums", codebook.sums, expected["k_sum"]),
                    ("counts", codebook.counts, expected["k_elem"]),
                ):
                    yield compare_to_largest(f"{title}: {part}", value, wanted)


def recorded_choices(
    permutations: Sequence[torch.Tensor], noises: Sequence[torch.Tensor]
) -> Callable[[torch.Tensor, int], torch.Tensor]:
    """Stands in for `random_features`, with recorded permutations and noises in the order of the calls."""
    permuted, noised = iter(permutations), iter(noises)

    def draw(rows: torch.Tensor, count: int) -> torch.Tensor:
        repeated = repeat(rows, count)
        if len(repeated) > len(rows):
            repeated = repeated + next(noised) * noise_scale(rows)
        return repeated[next(permuted)[:count]]

    return draw
