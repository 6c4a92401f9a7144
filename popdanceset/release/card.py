"""The dataset card: `README.md` with the front matter by which Hugging Face loads the folder as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from popdanceset.release.croissant import CITATION
from popdanceset.schema import dtype_name

FILE = "README.md"


def card(info: Mapping[str, Any], tables: Mapping[str, tuple[str, pa.Schema]]) -> str:
    """Text of the card.

    Args:
        info: content of `meta/info.json`.
        tables: name of a configuration → pattern of its parquet files, and their schema. The first is the
        default.
    """
    import jinja2
    import yaml

    front_matter = {
        "pretty_name": "PopDanceSet",
        "license": info["license"],
        "tags": ["dance", "motion", "smpl", "music", "pose-estimation", "motion-generation"],
        "configs": [
            {
                "config_name": name,
                # The parts lie in the same files; meta/clips.parquet and splits/ tell them apart.
                "data_files": [{"split": "full", "path": pattern}],
                **({"default": True} if number == 0 else {}),
            }
            for number, (name, (pattern, _)) in enumerate(tables.items())
        ],
        "dataset_info": [
            {"config_name": name, "features": [_feature(field) for field in schema]}
            for name, (_, schema) in tables.items()
        ],
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("popdanceset.release", ""),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # the result is Markdown
    )
    return environment.get_template("card.md.jinja").render(
        front_matter=yaml.safe_dump(front_matter, sort_keys=False, allow_unicode=True).strip(),
        info=info,
        citation=CITATION,
    )


def _feature(field: pa.Field) -> dict[str, Any]:
    """A column in the front matter's words, which Hugging Face datasets of all versions read."""
    if pa.types.is_fixed_size_list(field.type):
        return {
            "name": field.name,
            "sequence": dtype_name(field.type.value_type),
            "length": field.type.list_size,
        }
    return {"name": field.name, "dtype": dtype_name(field.type)}
