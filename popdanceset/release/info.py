"""What a release says about itself: `meta/info.json` as a typed document, and its schema versions.

Policy: a release is read by every popdanceset whose schema version is the same or newer. `popdanceset.schema`
raises `VERSION` whenever a column, a unit or a meaning changes, and `CHANGES` here says what is new. Where
`info.json` itself changes, the entry has a function that upgrades older documents; columns that an older
release lacks must be nullable and are read as nulls. A release of a newer version is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from popdanceset.errors import InputError
from popdanceset.layout import RELEASE_INFO
from popdanceset.schema import VERSION, describe

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """What a schema version changed.

    Attributes:
        new: what is new, as a phrase for messages: `column pred_scores`.
        upgrade: turns an `info.json` of the version before into one of this version.
    """

    new: str
    upgrade: Callable[[Document], Document] = lambda document: document


CHANGES: Mapping[int, SchemaChange] = {
    1: SchemaChange("the first published schema"),
    2: SchemaChange(
        "columns verdict, score and reasons of the clips; a data file contains clips of one split only"
    ),
    3: SchemaChange(
        "columns of imported frames that the original never had are null; columns source, source_name, "
        "published_split and high_quality of the clips; a semantic version, CHANGELOG.md, "
        "meta/rows.parquet and meta/left_out.parquet; unchanged data files are those of the release "
        "before, so the order of the clips is that of the files; columns skate, skating, penetration, "
        "floating and tier of the clips; figures, and how the videos were found; columns reviewer_verdict "
        "and reviewed of the clips"
    ),
    4: SchemaChange(
        "columns width, height, focal_length, focal_length_from and camera_to_world of the clips"
    ),
}
"""Every schema version, and what it changed."""


class _InfoPart(BaseModel):
    """A part of the document. Fields that this version does not know are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)


class FeatureInfo(_InfoPart):
    """A column: numpy dtype, shape of a cell ([] for a scalar), unit, axes and meaning."""

    dtype: str
    shape: list[int]
    unit: str | None = None
    axes: str | None = None
    doc: str | None = None


class Provenance(_InfoPart):
    """Where the release comes from: the manifest's name, and everything that its `manifest.yaml` states."""

    manifest: str


class ReleaseCounts(_InfoPart):
    """How much the release holds; `short`, `medium` and `long` count clips by length."""

    clips: int
    frames: int
    seconds: float
    videos: int
    music: int
    genres: int
    dancers: int
    short: int
    medium: int
    long: int


class CollectionInfo(_InfoPart):
    """How the videos were found.

    Attributes:
        first_day, last_day: when the counts of the videos were read, ISO 8601; None if unknown.
        listings: listing → number of the release's videos that it contained; empty if unknown.
        uploaders: number of known uploaders.
        without_uploader: number of videos whose uploader is unknown.
    """

    first_day: str | None = None
    last_day: str | None = None
    listings: dict[str, int] = {}
    uploaders: int = 0
    without_uploader: int = 0


class ReviewInfo(_InfoPart):
    """What people decided about clips that could have been published.

    Attributes:
        clips: number of clips that they decided something about.
        accepted, rejected: clips whose poses they accepted or rejected.
        changed: clips that they had changed: poses extracted again, trimmed, divided, or described anew.
        reviewers: number of people.
    """

    clips: int
    accepted: int
    rejected: int
    changed: int
    reviewers: int


class TableOneInfo(_InfoPart):
    """What the paper's Table 1 asks of a dataset and `counts` lacks, as numbers of clips that have it.

    Attributes:
        lyrics: None: nobody has determined which music has lyrics.
        aesthetics: clips of videos whose popularity score is known.
        joint_positions, joint_rotations, keypoints2d: clips that have them in every frame.
    """

    lyrics: int | None
    aesthetics: int
    joint_positions: int
    joint_rotations: int
    keypoints2d: int


class SplitInfo(_InfoPart):
    """Size of a split, and the file that lists its clips."""

    clips: int
    frames: int
    file: str


class SplitRule(_InfoPart):
    """How the splits were made.

    Attributes:
        size: of the test split, as it was asked for: `24clips`, `355s` or a share.
        by: `piece` or `size` (`popdanceset.release.splits`).
        held_out: what the splits do not share: video, music, dancer.
        stratified: what they have in equal proportions: genre, length.
        seed: of the random numbers.
    """

    size: str
    by: str
    held_out: list[str]
    stratified: list[str]
    seed: int


class MusicInfo(_InfoPart):
    """Music features of one extractor: numbers per frame, clips that have them, and their files."""

    width: int
    clips: int
    files: list[str]
    features: dict[str, FeatureInfo]


class StageCostInfo(_InfoPart):
    """What the runs of a stage used: processor and GPU seconds, requests, and bytes from the host."""

    runs: int
    cpu_seconds: float
    gpu_seconds: float
    requests: int
    bytes_received: int


class HourCostInfo(_InfoPart):
    """What an hour of this release cost; the price is absent if prices were not set."""

    cpu_hours: float
    gpu_hours: float
    requests: float
    bytes_received: float
    price: float | None = None


class CostInfo(_InfoPart):
    """What the store's runs had used when the release was written.

    Attributes:
        stages: by stage, all runs of the store together, also those for videos that were rejected.
        per_released_hour: their sum, divided by the length of this release.
        currency: of the price; empty: not set.
    """

    stages: dict[str, StageCostInfo]
    per_released_hour: HourCostInfo
    currency: str = ""


class PastRelease(_InfoPart):
    """An earlier release: its names, its day, and what it changed in words and numbers (no ids)."""

    version: str
    semantic_version: str | None = None
    created: str
    summary: str = ""


class ReleaseInfo(_InfoPart):
    """The content of `meta/info.json`, in the order of its fields.

    Attributes:
        version: name of the release.
        created: day of publication, ISO 8601.
        license: of the motion data.
        schema_version: `popdanceset.schema.VERSION` of the program that wrote the release.
        generator: name and version of that program.
        content: hash of all rows; two releases with the same hash hold the same data.
        fps: frames per second.
        axes: the world axes, in words.
        source: where the release comes from.
        counts: how much it holds.
        splits: split → its size and file.
        genres: genre → number of clips.
        estimators: names and versions of the pose estimators.
        data: files of frame rows, in order.
        features: columns of the frame rows.
        music: extractor → its features.
        semantic_version: MAJOR.MINOR.PATCH, see `popdanceset.release.versions`; None in releases of schema
            versions 1 and 2.
        previous: name of the release that was the newest before; None for the first one.
        summary: what is new since then, in one line.
        history: the earlier releases, newest first.
        contact: where questions and requests for removal go; empty: unknown.
        settings: settings of the publication.
        collection: how the videos were found; None: unknown.
        table_1: what the paper's Table 1 asks; None: unknown.
        imported: source → number of clips that were imported from it.
        split_rule: how the splits were made; None if an older program made them.
        tiers: quality tier → number of clips; empty if an older program made the release.
        cost: of making it (`popdanceset.release.cost`); None: not recorded.
        review: what people decided about clips; None: nothing, or unknown.
    """

    version: str
    created: str
    license: str
    schema_version: int
    generator: str
    content: str
    fps: int
    axes: str
    source: Provenance
    counts: ReleaseCounts
    splits: dict[str, SplitInfo]
    genres: dict[str, int]
    estimators: list[str]
    data: list[str]
    features: dict[str, FeatureInfo]
    music: dict[str, MusicInfo]
    semantic_version: str | None = None
    previous: str | None = None
    summary: str = ""
    history: list[PastRelease] = []
    contact: str = ""
    settings: dict[str, Any] = {}
    collection: CollectionInfo | None = None
    table_1: TableOneInfo | None = None
    imported: dict[str, int] = {}
    split_rule: SplitRule | None = None
    tiers: dict[str, int] = {}
    cost: CostInfo | None = None
    review: ReviewInfo | None = None

    def document(self) -> Document:
        """Returns the content of `meta/info.json` as plain data; fields that were never set are left out."""
        return self.model_dump(exclude_unset=True)


def feature_infos(schema: pa.Schema) -> dict[str, FeatureInfo]:
    """Describes the columns of a table."""
    return {name: FeatureInfo.model_validate(facts) for name, facts in describe(schema).items()}


def parse_info(document: Any, where: object) -> ReleaseInfo:
    """Checks the content of `meta/info.json` and upgrades it if the release is older than this program.

    `schema_version` stays the one that the release was written with.

    Args:
        document: the parsed JSON.
        where: the release, for messages.

    Raises:
        InputError: the document is damaged, or of a newer schema version.
    """
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or version < 1:
        raise InputError(f"{RELEASE_INFO} states no schema version", where, "fetch the release again")
    if version > VERSION:
        raise InputError(
            f"has schema version {version}, and this popdanceset reads versions up to {VERSION}",
            where,
            "update popdanceset",
        )
    for newer in range(version + 1, VERSION + 1):
        document = CHANGES[newer].upgrade(document)
    try:
        return ReleaseInfo.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{RELEASE_INFO} is damaged: {field}: {first['msg']}", where, "fetch the release again"
        ) from error


def news_since(version: int) -> str:
    """Says what is new since a schema version: `version 2: …; version 3: …`; empty if nothing is."""
    return "; ".join(f"version {newer}: {CHANGES[newer].new}" for newer in range(version + 1, VERSION + 1))
