"""Compares Bailando with values that the released code recorded.

    python -m training.baselines.bailando.check FOLDER

FOLDER contains `vqvae_weights.pt`, `vqvae_io.pt`, `gpt_weights.pt` and `gpt_io.pt` of networks of any size,
and `tone.wav` with `music_438.pt`. Prints the largest difference of each value; the exit code is 1 if a
difference is too large. Differences of arrays are relative to the largest expected value, those of gradients
to the expected norm, those of music features to expected values above 1. Codes, beats, rewards without a
facing term, and windows must be equal: the number of entries that differ is printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from popdanceset.commands import run
from training.baselines.bailando.checks import actor_critic, codebook, gpt, music, vqvae
from training.recorded import Difference, report


def differences(folder: Path) -> Iterator[Difference]:
    """All comparisons, in order.

    Raises:
        InputError: a file is missing, damaged, or of another format.
    """
    yield from vqvae.differences(folder)
    yield from codebook.differences(folder)
    yield from gpt.differences(folder)
    yield from actor_critic.differences(folder)
    yield from music.differences(folder)


@click.command(context_settings={"max_content_width": 110})
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
def check(folder: Path) -> int:
    """Compare Bailando with values recorded from the released code in FOLDER."""
    return report(differences(folder))


if __name__ == "__main__":
    run(check, "python -m training.baselines.bailando.check")
