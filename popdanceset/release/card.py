"""The dataset card: `README.md`, whose front matter lets Hugging Face `datasets` load the folder as it is.

The front matter is written by huggingface_hub's `DatasetCardData`. The text below it is rendered here and not
by `DatasetCard.from_template`, because that renders a misspelled name as nothing, while a strict Jinja
environment reports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from popdanceset.release.croissant import CITATION
from popdanceset.release.info import ReleaseInfo
from popdanceset.release.shards import Configuration
from popdanceset.schema import dtype_name


def card(info: ReleaseInfo, tables: Mapping[str, Configuration]) -> str:
    """Renders the text of the card.

    Args:
        info: description of the release.
        tables: the configurations by name. The first is the default.
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
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("popdanceset.release", ""),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # the result is Markdown
    )
    return environment.get_template("card.md.jinja").render(
        front_matter=front_matter.to_yaml(), info=info, citation=CITATION
    )


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
