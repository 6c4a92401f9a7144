"""Croissant 1.0 metadata of a release (`croissant.json`), which dataset search engines and loaders read.

The document is built here and not with `mlcroissant`, because that would add 10 MB to every installation and
half a second to every publication, for objects that end as the same JSON. The tests validate the document
with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from popdanceset import layout
from popdanceset.checksum import sha256_of
from popdanceset.release.info import ReleaseInfo
from popdanceset.release.responsible import CONFORMS_TO, responsible_ai
from popdanceset.release.shards import Configuration
from popdanceset.schema import shape_of

FORMAT = "http://mlcommons.org/croissant/1.0"
PAPER = "https://arxiv.org/abs/2405.03178"
CITATION = (
    "Zhenye Luo, Min Ren, Xuecai Hu, Yongzhen Huang, Li Yao. "
    "POPDG: Popular 3D Dance Generation with PopDanceSet. "
    "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR), 2024."
)

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_ENCODINGS = {
    ".parquet": "application/x-parquet",
    ".json": "application/json",
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".yaml": "application/yaml",
    ".png": "image/png",
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}


def croissant(folder: Path, info: ReleaseInfo, tables: Mapping[str, Configuration]) -> dict[str, Any]:
    """Builds the document for a release folder that is complete except for `croissant.json` itself.

    Args:
        folder: the release; every file in it is listed with its checksum.
        info: description of the release.
        tables: name of a record set → its files and their schema.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != layout.CROISSANT)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [FORMAT, CONFORMS_TO],
        "name": "PopDanceSet",
        "description": (
            f"Popular dances as SMPL motion with music features: {info.counts.clips} clips, "
            f"{info.counts.seconds:.1f} s at {info.fps} frames a second."
        ),
        "citeAs": CITATION,
        "license": info.license,
        "url": PAPER,
        "alternateName": f"PopDanceSet {info.version}",
        "version": info.semantic_version or info.version,
        "datePublished": info.created,
        "isLiveDataset": False,
        **{f"rai:{name}": value for name, value in responsible_ai(info).items()},
        "distribution": [
            *(_file_object(file, file.relative_to(folder).as_posix()) for file in files),
            *(
                {
                    "@type": "cr:FileSet",
                    "@id": f"{name}-files",
                    "name": f"{name}-files",
                    "encodingFormat": _ENCODINGS[".parquet"],
                    # One pattern is written as text: the two forms mean the same.
                    "includes": patterns[0] if len(patterns) == 1 else patterns,
                }
                for name, table in tables.items()
                for patterns in (list(table.patterns.values()),)
            ),
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": name,
                "name": name,
                "field": [_field(name, field) for field in table.schema],
            }
            for name, table in tables.items()
        ],
    }


def _file_object(file: Path, name: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{file.stat().st_size} B",
        "encodingFormat": _ENCODINGS.get(file.suffix, "application/octet-stream"),
        "sha256": sha256_of(file),
    }


def _field(table: str, field: pa.Field) -> dict[str, Any]:
    meta = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    shape = shape_of(field)
    facts = (
        meta.get("doc", ""),
        f"shape {' × '.join(map(str, shape))}" if shape else "",
        f"unit {meta['unit']}" if "unit" in meta else "",
        f"axes {meta['axes']}" if "axes" in meta else "",
    )
    return {
        "@type": "cr:Field",
        "@id": f"{table}/{field.name}",
        "name": field.name,
        "description": "; ".join(filter(None, facts)),
        "dataType": _data_type(field.type.value_type if _is_list(field.type) else field.type),
        **({"repeated": True} if _is_list(field.type) else {}),
        "source": {"fileSet": {"@id": f"{table}-files"}, "extract": {"column": field.name}},
    }


def _is_list(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_list(dtype) or pa.types.is_list(dtype))


def _data_type(dtype: pa.DataType) -> str:
    if pa.types.is_boolean(dtype):
        return "sc:Boolean"
    if pa.types.is_integer(dtype):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(dtype) else "sc:Text"
