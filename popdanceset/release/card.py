"""The dataset card: `README.md`, whose front matter lets Hugging Face `datasets` load the folder as it is.

The front matter is written by huggingface_hub's `DatasetCardData`. The text below it is rendered here and not
by `DatasetCard.from_template`, because that renders a misspelled name as nothing, while a strict Jinja
environment reports it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from popdanceset.release.croissant import CITATION
from popdanceset.release.figures import DrawnFigure
from popdanceset.release.info import ReleaseInfo
from popdanceset.release.responsible import (
    MAINTENANCE,
    WITHDRAWAL,
    any_crawled,
    imported_clips,
    licence,
    responsible_ai,
    review,
)
from popdanceset.release.shards import Configuration
from popdanceset.schema import dtype_name
from popdanceset.wording import counted

UNKNOWN, YES, NO = "–", "✓", "✗"

PUBLISHED_TABLE_1 = (
    ("PopDanceSet (CVPR 2024)", YES, YES, YES, YES, YES, "19", "132", "12,819"),
    ("AIST++", NO, NO, YES, YES, YES, "10", "30", "18,694"),
)
"""Rows of the paper's Table 1."""

PUBLISHED_SIZES: Mapping[str, Mapping[str, str]] = {
    "paper": {
        "videos": "263", "clips": "760", "pieces of music": "180", "genres": "19", "dancers": "132",
        "seconds": "12,818.9", "short clips": "352", "medium clips": "394", "long clips": "14",
        "train clips": "736", "test clips": "24",
    },
    "upgraded": {
        "videos": "305", "clips": "1,036", "pieces of music": "237", "seconds": "13,068",
        "short clips": "493", "medium clips": "529", "long clips": "14",
        "train seconds": "12,713", "test seconds": "355",
    },
}  # fmt: skip
"""Sizes of the published sets: the paper's (Sec. 3.1) and the one released later."""


class SizeTable(NamedTuple):
    """Sizes of several datasets: names of the datasets, and name of a size → its value in each."""

    columns: list[str]
    rows: list[tuple[str, list[str]]]


def card(
    info: ReleaseInfo,
    tables: Mapping[str, Configuration],
    figures: Sequence[DrawnFigure] = (),
    viewer: bool = False,
) -> str:
    """Renders the text of the card.

    Args:
        info: description of the release.
        tables: the configurations by name. The first is the default.
        figures: that the release has.
        viewer: whether the release has one.
    """
    import jinja2
    from huggingface_hub import DatasetCardData

    front_matter = DatasetCardData(
        pretty_name="PopDanceSet",
        license=info.license,
        tags=["dance", "motion", "smpl", "music", "pose-estimation", "motion-generation"],
        configs=[
            {
                "config_name": name,
                "data_files": [
                    {"split": split, "path": pattern} for split, pattern in table.patterns.items()
                ],
                **({"default": True} if number == 0 else {}),
            }
            for number, (name, table) in enumerate(tables.items())
        ],
        dataset_info=[
            {"config_name": name, "features": [_feature(field) for field in table.schema]}
            for name, table in tables.items()
        ],
    )
    environment = jinja2.Environment(  # nosec B701  # the result is Markdown
        loader=jinja2.PackageLoader("popdanceset.release", ""),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["cell"] = _cell
    return environment.get_template("card.md.jinja").render(
        front_matter=front_matter.to_yaml(),
        info=info,
        citation=CITATION,
        figures=figures,
        viewer=viewer,
        table_1=[_table_1(info), *PUBLISHED_TABLE_1],
        sizes=_sizes(info),
        imported=imported_clips(info),
        crawled=any_crawled(info),
        licence=licence(info),
        rai=responsible_ai(info),
        review=review(info),
        maintenance=MAINTENANCE,
        withdrawal=WITHDRAWAL,
        counts=f"{counted(info.counts.clips, 'clip')} of {counted(info.counts.dancers, 'dancer')}",
    )


def _table_1(info: ReleaseInfo) -> tuple[str, ...]:
    """Returns the release's row of the paper's Table 1."""
    clips, table = info.counts.clips, info.table_1
    numbers = (
        [table.lyrics, table.aesthetics, table.joint_positions, table.joint_rotations, table.keypoints2d]
        if table
        else [None] * 5
    )
    seconds = f"{info.counts.seconds:,.0f}"
    marks = [_mark(number, clips) for number in numbers]
    return (
        f"this release ({info.version})",
        *marks,
        f"{info.counts.genres}",
        f"{info.counts.dancers}",
        seconds,
    )


def _mark(number: int | None, clips: int) -> str:
    if number is None:
        return UNKNOWN
    if 0 < number < clips:
        return f"{number:,} of {clips:,} clips"
    return YES if number else NO


def _sizes(info: ReleaseInfo) -> SizeTable:
    """Compares the sizes of the release with those of the published sets."""
    counts = info.counts
    own = {
        "videos": f"{counts.videos:,}",
        "clips": f"{counts.clips:,}",
        "pieces of music": f"{counts.music:,}",
        "genres": f"{counts.genres:,}",
        "dancers": f"{counts.dancers:,}",
        "seconds": f"{counts.seconds:,.1f}",
        **{f"{name} clips": f"{getattr(counts, name):,}" for name in ("short", "medium", "long")},
        **{f"{name} clips": f"{split.clips:,}" for name, split in info.splits.items()},
        **{f"{name} seconds": f"{split.frames / info.fps:,.1f}" for name, split in info.splits.items()},
    }
    others = [PUBLISHED_SIZES["paper"], PUBLISHED_SIZES["upgraded"]]
    return SizeTable(
        ["this release", "PopDanceSet (CVPR 2024)", "PopDanceSet, upgraded"],
        [(name, [value, *(other.get(name, UNKNOWN) for other in others)]) for name, value in own.items()],
    )


def _cell(text: str) -> str:
    """Returns a text for a cell of a Markdown table, in which no letter means anything else."""
    return re.sub(r"[\\|_*`\[\]<]", lambda found: f"\\{found[0]}", " ".join(text.split()))


def _feature(field: pa.Field) -> dict[str, Any]:
    """Describes a column in a notation that all versions of Hugging Face `datasets` read."""
    if pa.types.is_fixed_size_list(field.type):
        return {
            "name": field.name,
            "sequence": dtype_name(field.type.value_type),
            "length": field.type.list_size,
        }
    if pa.types.is_list(field.type):
        return {"name": field.name, "sequence": dtype_name(field.type)}
    return {"name": field.name, "dtype": dtype_name(field.type)}
