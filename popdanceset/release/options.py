"""The options that choose and divide the clips of a release; each replaces a setting of `release`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_OPTIONS = (
    click.option(
        "--min-score",
        type=float,
        metavar="0..1",
        help="Leave out clips whose poses have a lower score (default: the setting release.min_score).",
    ),
    click.option(
        "--tier",
        "min_tier",
        type=click.Choice(["A", "B", "C"], case_sensitive=False),
        help="Leave out clips of a lower quality tier; A is the best.",
    ),
    click.option(
        "--test-size",
        metavar="SIZE",
        help="Size of the test split, as near as groups allow: 24clips, 355s or 0.05 (of the frames).",
    ),
    click.option(
        "--hold-out-dancers/--share-dancers",
        "hold_out_dancers",
        default=None,
        help="Whether the test split shares no dancer with training, either.",
    ),
    click.option(
        "--stratify",
        metavar="genre,length",
        help="Have genres, lengths or both in proportion in both splits.",
    ),
    click.option(
        "--keep-splits/--fresh-splits",
        "keep_splits",
        default=None,
        help="Whether what earlier releases used for training stays out of the test split.",
    ),
)


def with_choices(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options; a value that was not given is None."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
