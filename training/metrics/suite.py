"""The metric suite in one call: measure the dances of two sets, compare the sets, and note the protocol."""

from __future__ import annotations

from collections.abc import Sequence

from training.metrics.bootstrap import REPLICATES
from training.metrics.clip import Clip
from training.metrics.compare import SetResult, compare
from training.metrics.measure import measure
from training.metrics.mode import Mode


def evaluate_set(
    real: Sequence[Clip],
    generated: Sequence[Clip],
    mode: Mode = "corrected",
    seed: int = 0,
    bootstrap: int = REPLICATES,
) -> SetResult:
    """Computes all numbers of the generated dances, with the real ones as reference.

    Args:
        real: dances of the test set.
        generated: dances of a model; the same object as `real` for the ground truth's own row.
        mode: `corrected` or `released`. Metrics that the released code lacks are the same in both.
        seed: seed of the resampling; the same seed gives the same intervals.
        bootstrap: number of resamplings; 0 for no intervals.

    Raises:
        InputError: a set is empty, two clips have the same name, or a clip cannot be measured.
    """
    measured = measure(real, mode)
    return compare(measured, measured if generated is real else measure(generated, mode), seed, bootstrap)
