"""The columns, dtypes, shapes, units and axes of every table: the contract between the stages.

A table is a pyarrow schema whose fields carry their meaning as metadata (`unit`, `axes`, `shape`, `doc`), so
that it travels inside each parquet file. Arrays of a fixed shape are stored flat, in C order, as fixed-size
lists; `shape` says how to fold them back (`popdanceset.tables.fold` does).

World axes of everything published: x right, y forward, z up, metres, right-handed.
Image axes: x right, y down, pixels of the clip, origin at the top left corner.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any, Self

import pyarrow as pa

from popdanceset.video import rules

VERSION = 4
FPS = 30

COUNTS = ("view", "danmaku", "reply", "favorite", "coin", "share", "like")
"""The seven counts of a video, by Bilibili's names (comments are `reply`)."""


class State(StrEnum):
    """The state of a video at a snapshot."""

    PUBLIC = "public"
    GONE = "gone"  # -404: deleted, or never there
    HIDDEN = "hidden"  # 62002, 62004, 62012: invisible, in review, owner only
    UNREADABLE = "unreadable"  # the answer cannot be used


class Reason(StrEnum):
    """Why a video, span or clip was rejected. The reason of an accepted one is empty.

    Attributes:
        meaning: what the reason means, in a few words.
    """

    _ignore_ = "reason meaning_"
    _value_: str
    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_, member.meaning = value, meaning
        return member

    NONE = ""
    # selection
    NOT_PUBLIC = "not_public", "deleted, hidden or not readable when its counts were requested"
    COUNTS_MISSING = "counts_missing", "a count that Pop needs is unknown"
    LOW_POPULARITY = "low_popularity", "Pop is not above the threshold"
    FOLLOWERS_UNKNOWN = "followers_unknown", "Pop passes, but the uploader's followers are unknown"
    VIEWS_NOT_ABOVE_FOLLOWERS = (
        "views_not_above_followers",
        "Pop passes, but its views do not exceed what the followers explain",
    )
    # download
    GONE = "gone", "deleted or hidden before it was downloaded"
    RESTRICTED = "restricted", "needs a login, a payment or another country"
    ELSEWHERE = "elsewhere", "its page leads to an episode, a festival or another video"
    PAID_PREVIEW = "paid_preview", "only a preview is free"
    DAMAGED = "damaged", "what arrived is not a complete, readable video"
    WITHDRAWN = "withdrawn", "withdrawn from the dataset; no table has a row of it"
    # import
    MISSING = "missing", "the set lists it, but has no file of it"
    IGNORED = "ignored", "the set itself says not to use it"
    # any stage that works on many items
    FAILED = "failed", "an unexpected error, which the log has"
    # screening and clip planning; the rules add theirs, as `Reason.CAMERA_SHAKE` for "camera_shake"
    CAMERA_CUTS = "camera_cuts", "the camera angle changes too often"
    TOO_SHORT = "too_short", "what is usable is too short for a clip"
    for reason, meaning_ in rules.reasons():
        vars()[reason.upper()] = reason, meaning_
    # poses; several_dancers and too_short are given to poses too
    NOT_TRACKED = "not_tracked", "the pose estimator lost the dancer"
    UNSTEADY_POSE = "unsteady_pose", "the estimated pose is not steady enough"
    # review; people give reasons of screening and poses too
    WRONG_PERSON = "wrong_person", "the poses are of somebody else than the dancer"
    NOT_A_DANCE = "not_a_dance", "what the clip shows is no dance"
    TRIMMED = "trimmed", "a reviewer cut it away"


def _field(
    name: str, dtype: pa.DataType, doc: str, *, unit: str = "", axes: str = "", nullable: bool = False
) -> pa.Field:
    meta = {"doc": doc, "unit": unit, "axes": axes}
    return pa.field(name, dtype, nullable, {k: v for k, v in meta.items() if v})


def _array(
    name: str, shape: tuple[int, ...], doc: str, *, unit: str = "", axes: str = "", nullable: bool = False
) -> pa.Field:
    meta = {"doc": doc, "unit": unit, "axes": axes, "shape": "x".join(map(str, shape))}
    dtype = pa.list_(pa.field("element", pa.float32(), nullable=False), math.prod(shape))
    return pa.field(name, dtype, nullable, {k: v for k, v in meta.items() if v})


def _schema(table: str, fields: list[pa.Field]) -> pa.Schema:
    return pa.schema(fields, {"table": table, "schema_version": str(VERSION)})


_TIME = pa.timestamp("ms", "UTC")
_WORD = pa.string()
_LABEL = pa.dictionary(pa.int32(), pa.string())
_BVID = _field("bvid", _WORD, "video id as Bilibili writes it")
_CLIP_ID = _field("clip_id", _WORD, "{bvid}_Clip_{n}, or {bvid}_p{page}_Clip_{n} for later parts")
_REASON = _field("reason", _WORD, "empty if accepted, else a value of popdanceset.schema.Reason")
_IMPORT = [
    _field("source", _WORD, "imported: and the kind of set; null if our own stages made it", nullable=True),
    _field("source_name", _WORD, "its name in the set that it was imported from", nullable=True),
    _field("published_split", _WORD, "the split of that set's own lists: train, val or test", nullable=True),
    _field("high_quality", pa.bool_(), "whether that set lists it as of high quality", nullable=True),
]
_FRAME_SIZE = [
    _field("width", pa.int32(), "of the displayed frame", unit="px", nullable=True),
    _field("height", pa.int32(), "of the displayed frame", unit="px", nullable=True),
]
_CAMERA = [
    *_FRAME_SIZE,
    _field(
        "focal_length",
        pa.float64(),
        "focal length of the camera, whose principal point is the middle of the frame",
        unit="px",
        nullable=True,
    ),
    _field(
        "focal_length_from",
        _WORD,
        "lines: straight lines of the room tell it; assumed: it is the diagonal of the frame",
        nullable=True,
    ),
    _array(
        "camera_to_world",
        (3, 3),
        "rotation from the camera's axes (x right, y down, z forward) to those of the world",
        unit="1",
        axes="x right, y forward, z up",
        nullable=True,
    ),
]
CAMERA_COLUMNS = tuple(field.name for field in _CAMERA)

STATISTICS = _schema(
    "statistics",
    [
        _BVID,
        _field("snapshot_at", _TIME, "when the counts were read", unit="UTC"),
        _field("state", _WORD, "a value of popdanceset.schema.State"),
        _field("note", _WORD, "why a row is not public or incomplete"),
        _field("source", _WORD, "the listing that returned the row, e.g. ranking:1004"),
        _field("aid", pa.int64(), "numeric video id", nullable=True),
        _field("cid", pa.int64(), "id of the first part", nullable=True),
        _field("pages", pa.int32(), "number of parts", nullable=True),
        _field("mid", pa.int64(), "uploader id", nullable=True),
        _field("owner", _WORD, "uploader name", nullable=True),
        _field("title", _WORD, "title", nullable=True),
        _field("tid", pa.int32(), "section, old scheme", nullable=True),
        _field("tid_v2", pa.int32(), "section, scheme of 2025", nullable=True),
        _field("tname", _WORD, "section name", nullable=True),
        _field("copyright", pa.int8(), "1 original, 2 repost", nullable=True),
        _field("pubdate", _TIME, "publication time", unit="UTC", nullable=True),
        _field("duration", pa.float64(), "length of all parts", unit="s", nullable=True),
        *[_field(name, pa.int64(), f"{name} count at the snapshot", nullable=True) for name in COUNTS],
        _field(
            "follower",
            pa.int64(),
            "followers of the uploader, of a joint upload those of all its people together; asked for "
            "promising videos only",
            nullable=True,
        ),
        _field(
            "staff",
            _WORD,
            "ids of all people of a joint upload, joined by +; empty if unknown, null for other videos",
            nullable=True,
        ),
        _field(
            "dancers",
            _WORD,
            "ids of the dancers of a joint upload, ascending and joined by +; null for other videos",
            nullable=True,
        ),
    ],
)

FOLLOWERS = _schema(
    "followers",
    [
        _field("mid", pa.int64(), "uploader id"),
        _field("snapshot_at", _TIME, "when the number was read", unit="UTC"),
        _field("follower", pa.int64(), "followers; null if the host did not report them", nullable=True),
        _field("note", _WORD, "why there is no number"),
    ],
)

GROWTH = _schema(
    "growth",
    [
        _BVID,
        _field("from", _TIME, "when the earlier counts were read", unit="UTC"),
        _field("to", _TIME, "when the later counts were read", unit="UTC"),
        _field("days", pa.float64(), "time between the two", unit="d"),
        *[
            _field(name, pa.float64(), f"growth of the {name} count", unit="1/d", nullable=True)
            for name in COUNTS
        ],
    ],
)

SELECTION = _schema(
    "selection",
    [
        _BVID,
        _field("pop", pa.float64(), "Pop of Eq. 1", nullable=True),
        _field("beyond_reference", pa.bool_(), "a count exceeds the maximum of the reference sample"),
        _field("view", pa.int64(), "views at the snapshot", nullable=True),
        _field("follower", pa.int64(), "followers of the uploader", nullable=True),
        _field("mid", pa.int64(), "uploader id", nullable=True),
        _field("title", _WORD, "title", nullable=True),
        _field("duration", pa.float64(), "length of all parts", unit="s", nullable=True),
        _field("pages", pa.int32(), "number of parts", nullable=True),
        _field("tid", pa.int32(), "section, old scheme", nullable=True),
        _field("tid_v2", pa.int32(), "section, scheme of 2025", nullable=True),
        _field("snapshot_at", _TIME, "when the counts were read, if known", unit="UTC", nullable=True),
        _field("dancers", _WORD, "dancers of a joint upload, ids joined by +", nullable=True),
        _field("accepted", pa.bool_(), "Pop and views pass both thresholds"),
        _REASON,
    ],
)

VIDEOS = _schema(
    "videos",
    [
        _BVID,
        _field("page", pa.int32(), "part of the video, from 1"),
        _field("cid", pa.int64(), "id of the part", nullable=True),
        _field("path", _WORD, "the file's name in the store; empty if there is none"),
        _field("sha256", _WORD, "SHA-256 of the file; empty if there is none"),
        _field("size", pa.int64(), "size of the file", unit="bytes", nullable=True),
        _field("duration", pa.float64(), "measured length", unit="s", nullable=True),
        _field("fps", pa.float64(), "mean frame rate", unit="1/s", nullable=True),
        *_FRAME_SIZE,
        _field("has_sound", pa.bool_(), "whether there is an audio track", nullable=True),
        _field(
            "tags",
            pa.list_(_WORD),
            "tags on the video's page; null if the page was not read",
            nullable=True,
        ),
        _field("accepted", pa.bool_(), "whether the file is complete and usable"),
        _REASON,
        _field("note", _WORD, "the cause in the downloader's own words"),
    ],
)

CLIPS = _schema(
    "clips",
    [
        _field("clip_id", _WORD, "{bvid}_Clip_{n}; a rejected span has none", nullable=True),
        _BVID,
        _field("page", pa.int32(), "part of the video, from 1"),
        _field("start", pa.float64(), "time in the video", unit="s"),
        _field("end", pa.float64(), "time in the video", unit="s"),
        _field("frames", pa.int32(), "frames of the clip at 30 fps; 0 for a rejected span"),
        _field("path", _WORD, "the clip's file in the store; empty for a rejected span or an imported clip"),
        _field("music_path", _WORD, "its audio as WAV in the store; empty if it has none"),
        _field("music_id", _WORD, "clips with the same id share their music"),
        _field("genre", _WORD, "dance genre, or unknown"),
        _field(
            "dancer_id",
            _WORD,
            "the dancer: the uploader, or the dancers of a joint upload (ids joined by +), unless a reviewer "
            "named somebody else",
        ),
        *[_field(m.name, pa.float64(), m.doc, unit=m.unit, nullable=True) for m in rules.MEASURES],
        _field("accepted", pa.bool_(), "satisfies every rule of screening"),
        _REASON,
        _field("note", _WORD, "details of the reason, if there are any", nullable=True),
        _field(
            "planned_start",
            pa.float64(),
            "start before reviewers trimmed or split it",
            unit="s",
            nullable=True,
        ),
        _field(
            "planned_end", pa.float64(), "end before reviewers trimmed or split it", unit="s", nullable=True
        ),
        _field(
            "swaps",
            _WORD,
            "spans in which reviewers found left and right exchanged: start-end in the clip, joined by +",
            unit="s",
            nullable=True,
        ),
        _field("reviewed", _WORD, "the reviewers' changes that this clip has", nullable=True),
        *_IMPORT,
    ],
)

FINGERPRINTS = _schema(
    "fingerprints",
    [
        _BVID,
        _field("page", pa.int32(), "part of the video, from 1"),
        _field("music_id", _WORD, "music id when the row was written; merges are in their own table"),
        _field("sound", _WORD, "hash of the decoded audio: equal for exact copies"),
        _field("seconds", pa.float64(), "length of the audio", unit="s"),
        _field("method", _WORD, "fingerprint method; only fingerprints of one method are comparable"),
        _field("channels", pa.int32(), "numbers per row of the fingerprint"),
        _field("fingerprint", pa.binary(), "int8 (rows, channels) in C order"),
    ],
)

MERGES = _schema(
    "merges",
    [
        _field("first", _WORD, "music id"),
        _field("second", _WORD, "the other music id, the greater of the two"),
        _BVID,
        _field("page", pa.int32(), "the part of the video in which both were found"),
        _field("method", _WORD, "the fingerprint method that found the pair; empty if a person named it"),
        _field("similarity", pa.float64(), "similarity of the part to the less similar of the two", unit="1"),
        _field("state", _WORD, "proposed, merged or refused"),
    ],
)

VERDICTS = _schema(
    "verdicts",
    [
        _CLIP_ID,
        _BVID,
        _field("frames", pa.int32(), "rows of the pose table at 30 fps"),
        _field(
            "detected",
            pa.int32(),
            "rows in which the estimator detected the dancer; the others are filled in",
        ),
        _field("mean_score", pa.float64(), "mean joint confidence, if there is any", unit="1", nullable=True),
        _field(
            "jitter_before", pa.float64(), "mean joint acceleration about the root, unfiltered", unit="m/s2"
        ),
        _field(
            "jitter_after", pa.float64(), "mean joint acceleration about the root, as written", unit="m/s2"
        ),
        _field("estimator", _WORD, "name and version of the pose estimator"),
        _field(
            "accepted", pa.bool_(), "whether the poses may be released; also true for poses to be reviewed"
        ),
        _REASON,
        _field("note", _WORD, "details for a reviewer"),
        _field("score", pa.float64(), "quality of the poses, 0..1", unit="1", nullable=True),
        _field("verdict", _WORD, "accept, review or reject", nullable=True),
        _field(
            "reasons",
            pa.list_(pa.field("element", pa.string(), nullable=False)),
            "all reasons of the verdict: first those for rejection, then those for review",
            nullable=True,
        ),
        _field(
            "clip_frames",
            pa.int32(),
            "frames of the clip; more than the rows if a long gap ended the poses",
            nullable=True,
        ),
        _field("longest_gap", pa.float64(), "longest gap that was filled in", unit="s", nullable=True),
        _field(
            "tilt", pa.float64(), "angle of the rotation that levels the floor", unit="deg", nullable=True
        ),
        *_CAMERA,
        _field("floor_frames", pa.int32(), "rows in which the feet determined the floor", nullable=True),
        _field("contact", pa.float64(), "share of rows with a foot on the floor", unit="1", nullable=True),
        *[
            _field(
                f"{name}_{when}",
                pa.float64(),
                f"{doc}, {'unfiltered' if when == 'before' else 'as written'}",
                unit=unit,
                nullable=True,
            )
            for name, doc, unit in (
                ("skate", "mean horizontal speed of feet on the floor", "m/s"),
                ("skating", "share of feet on the floor that move by more than 0.5 m/s", "1"),
                ("deviation", "mean distance of standing feet from the floor, above or below", "m"),
            )
            for when in ("before", "after")
        ],
        _field(
            "turn",
            pa.int32(),
            "rotation that makes a clip on its side upright, clockwise; 0 if it is upright",
            unit="deg",
            nullable=True,
        ),
        _field("penetration", pa.float64(), "mean depth of feet below the floor", unit="m", nullable=True),
        _field("floating", pa.float64(), "mean height of standing feet above it", unit="m", nullable=True),
        _field(
            "root_moved",
            pa.float64(),
            "mean distance by which the root was moved so that feet stand",
            unit="m",
            nullable=True,
        ),
        _field(
            "feet_moved",
            pa.float64(),
            "mean distance by which the legs moved feet in contact",
            unit="m",
            nullable=True,
        ),
        _field(
            "feet_left",
            pa.float64(),
            "mean distance of feet in contact from where they stand, beyond the reach of the legs",
            unit="m",
            nullable=True,
        ),
        _field(
            "self_penetration",
            pa.float64(),
            "mean over the rows of the greatest depth of a limb in the body or in another limb, on a body of "
            "capsules (popdanceset.motion.body); depths up to 0.02 m count as 0",
            unit="m",
            nullable=True,
        ),
        _field(
            "self_penetrating",
            pa.float64(),
            "share of rows in which that depth is more than 0.02 m",
            unit="1",
            nullable=True,
        ),
    ],
)

FAILURES = _schema(
    "failures",
    [
        _field("stage", _WORD, "acquire, extract, import or features/{extractor}"),
        _field("item", _WORD, "the part of a video, or the clip, that failed"),
        _BVID,
        _REASON,
        _field("note", _WORD, "kind of the exception, what it says, and where it was raised"),
        _field("version", _WORD, "version of popdanceset; another one tries again"),
        _field("failed_at", _TIME, "when it failed", unit="UTC"),
    ],
)

LEDGER = _schema(
    "ledger",
    [
        _field("stage", _WORD, "crawl, acquire, replan, extract, features or publish"),
        _field("run_id", _WORD, "names the row: a process, and one of its devices"),
        _field("host", _WORD, "name of the machine"),
        _field("device", _WORD, "device that the run kept busy, as torch names it"),
        _field("started_at", _TIME, "when the run began", unit="UTC"),
        _field("updated_at", _TIME, "when the row was written", unit="UTC"),
        _field("progressed_at", _TIME, "when an item was last finished, or the run began", unit="UTC"),
        _field("outcome", _WORD, "running, finished, or the kind of the error that ended the run"),
        _field("seconds", pa.float64(), "time at work", unit="s"),
        _field("cpu_seconds", pa.float64(), "processor time, with finished child processes", unit="s"),
        _field("gpu_seconds", pa.float64(), "time for which a GPU was held", unit="s"),
        _field("requests", pa.int64(), "requests sent to the host"),
        _field("refused", pa.int64(), "requests that the host refused"),
        _field("bytes_received", pa.int64(), "received from the host, after decompression", unit="bytes"),
        _field("bytes_written", pa.int64(), "written to the store", unit="bytes"),
        _field("items", pa.int64(), "finished videos (crawl), parts of videos (acquire) or clips"),
        _field("rejected", pa.int64(), "items that left nothing for the next stage"),
        _field("failed", pa.int64(), "items that failed unexpectedly"),
        _field("frames", pa.int64(), "frames of clips, at 30 fps"),
        _field("media_seconds", pa.float64(), "length of the finished videos or clips", unit="s"),
        _field("version", _WORD, "version of popdanceset"),
    ],
)

_PARENT = "parent joint's frame, SMPL"
_WORLD = "x right, y forward, z up"
_PIXELS = "x right, y down"

FRAMES = _schema(
    "frames",
    [
        _CLIP_ID,
        _field("frame_index", pa.int32(), "from 0, at 30 fps"),
        _field("timestamp", pa.float64(), "from the clip's start", unit="s"),
        _array("smpl_poses", (24, 3), "axis-angle rotations", unit="rad", axes=_PARENT),
        _array(
            "smpl_trans",
            (3,),
            "root; the origin is on the floor below its first place",
            unit="m",
            axes=_WORLD,
        ),
        _array("smpl_scaling", (1,), "scale of the mean SMPL skeleton, constant in a clip", unit="1"),
        _array("joints3d", (24, 3), "SMPL joints relative to the root", unit="m", axes=_WORLD),
        _array(
            "coco_keypoints3d",
            (17, 3),
            "COCO joints relative to the SMPL root",
            unit="m",
            axes=_WORLD,
            nullable=True,
        ),
        _array(
            "coco_keypoints2d", (17, 2), "COCO joints in the frame", unit="px", axes=_PIXELS, nullable=True
        ),
        _array(
            "pred_scores",
            (29,),
            "confidence of the 24 joints, then head top, hands, feet",
            unit="1",
            nullable=True,
        ),
        _array(
            "pred_camera",
            (3,),
            "weak perspective s, x, y: pixel = middle of box + half side · s · (p + (x, y))",
            unit="1/m, m",
            nullable=True,
        ),
        _array(
            "cam_root",
            (3,),
            "root in camera space",
            unit="m",
            axes="x right, y down, z forward",
            nullable=True,
        ),
        _array("bbox", (4,), "x0 y0 x1 y1 of the dancer", unit="px", axes=_PIXELS, nullable=True),
        pa.field(
            "observed",
            pa.list_(pa.field("element", pa.bool_(), nullable=False), 24),
            True,
            {
                "doc": "false where a rotation, or its twist, was inferred and not observed; null if unknown",
                "shape": "24",
            },
        ),
        _field("estimator", _LABEL, "name and version of the pose estimator"),
    ],
)

RELEASE_CLIPS = _schema(
    "release_clips",
    [
        _CLIP_ID,
        _BVID,
        _field("page", pa.int32(), "part of the video, from 1"),
        _field("start", pa.float64(), "time in the video", unit="s"),
        _field("end", pa.float64(), "time in the video", unit="s"),
        _field("frames", pa.int32(), "frames at 30 fps"),
        _field("first_row", pa.int64(), "index of the clip's first row in the frame table"),
        _field("file", _WORD, "the data file that contains the clip"),
        _field("row_group", pa.int32(), "the clip's row group in that file"),
        _field("music_id", _WORD, "clips with the same id share their music"),
        _field("genre", _WORD, "dance genre, or unknown"),
        _field("dancer_id", _WORD, "the dancer"),
        _field("split", _WORD, "train or test"),
        _field("has_music", pa.bool_(), "whether the release has music features of the clip"),
        _field("pop", pa.float64(), "Pop of Eq. 1, if known", nullable=True),
        _field("mean_score", pa.float64(), "mean joint confidence, if there is any", unit="1", nullable=True),
        _field("jitter", pa.float64(), "mean joint acceleration", unit="m/s2"),
        _field("estimator", _WORD, "name and version of the pose estimator"),
        _field(
            "verdict",
            _WORD,
            "of the pose extractor: accept, or review: a person should look at the poses; reject only where "
            "reviewer_verdict is accept",
            nullable=True,
        ),
        _field(
            "reviewer_verdict",
            _WORD,
            "accept if people accepted the poses, whatever the verdict; null if nobody did",
            nullable=True,
        ),
        _field("reviewed", _WORD, "changes that reviewers made to the clip; null: none", nullable=True),
        _field("score", pa.float64(), "quality of the poses, 0..1", unit="1", nullable=True),
        _field(
            "reasons",
            pa.list_(pa.field("element", pa.string(), nullable=False)),
            "all reasons of the verdict",
            nullable=True,
        ),
        _field(
            "skate", pa.float64(), "mean horizontal speed of feet on the floor", unit="m/s", nullable=True
        ),
        _field(
            "skating",
            pa.float64(),
            "share of feet on the floor that move by more than 0.5 m/s",
            unit="1",
            nullable=True,
        ),
        _field("penetration", pa.float64(), "mean depth of feet below the floor", unit="m", nullable=True),
        _field("floating", pa.float64(), "mean height of standing feet above it", unit="m", nullable=True),
        _field("tier", _WORD, "quality of the poses: A, B or C, A is the best", nullable=True),
        *_CAMERA,
        *_IMPORT,
    ],
)

RELEASE_ROWS = _schema(
    "release_rows",
    [
        _field("table", _WORD, "frames, or the extractor of the music features"),
        _CLIP_ID,
        _field("file", _WORD, "the file that contains the clip's rows"),
        _field("row_group", pa.int32(), "the clip's row group in that file"),
        _field("rows", pa.int32(), "number of rows"),
        _field("content", _WORD, "SHA-256 of the rows, whatever file they are in"),
    ],
)

LEFT_OUT = _schema(
    "left_out",
    [
        _CLIP_ID,
        _field("reason", _WORD, "why the release does not have the clip"),
    ],
)


def music_schema(extractor: str, width: int) -> pa.Schema:
    """Returns the schema of a table of music features.

    Args:
        extractor: name of the feature extractor, e.g. `baseline` (35 dims) or `jukebox` (4800 dims).
        width: number of features per frame.
    """
    schema = _schema(
        "music",
        [
            _CLIP_ID,
            _field("frame_index", pa.int32(), "from 0, at 30 fps"),
            _array("features", (width,), f"{extractor} music features"),
        ],
    )
    return schema.with_metadata({**schema.metadata, b"extractor": extractor.encode()})


def shape_of(field: pa.Field) -> tuple[int, ...]:
    """Returns the shape of one cell: () for a scalar, e.g. (24, 3) for `smpl_poses`."""
    text = (field.metadata or {}).get(b"shape", b"").decode()
    return tuple(int(n) for n in text.split("x")) if text else ()


def dtype_name(dtype: pa.DataType) -> str:
    """Returns numpy's name of a dtype; of a list, that of its elements.

    (pyarrow names floats `float` and `double`, without their width.)
    """
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    if pa.types.is_list(dtype):
        dtype = dtype.value_type
    return {"float": "float32", "double": "float64"}.get(str(dtype), str(dtype))


def describe(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """Returns dtype, shape, unit, axes and doc of every column, as plain data for `meta/info.json`."""
    described = {}
    for field in schema:
        meta = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
        leaf = field.type.value_type if pa.types.is_fixed_size_list(field.type) else field.type
        described[field.name] = {
            "dtype": dtype_name(leaf),
            "shape": list(shape_of(field)),
            **{key: meta[key] for key in ("unit", "axes", "doc") if key in meta},
        }
    return described
