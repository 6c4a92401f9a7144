"""Every name inside a store and inside a release, in one place.

Names are relative to the store (or the release) and use `/` on every system.

    statistics/date=YYYY-MM-DD/{source}-{page}.parquet   STATISTICS rows of one page of one listing
    crawl/date=YYYY-MM-DD/{source}.json                  the last page of a listing, once it is known
    followers/date=YYYY-MM-DD/{number}.parquet           FOLLOWERS rows
    budget/date=YYYY-MM-DD/{run}.json                    requests that a crawl has taken from the day's budget
    popularity/{fit_id}.json                             a fitted popularity model
    selection/{manifest}.parquet                         SELECTION rows: every scored video and its reason
    videos/{part}.parquet                                a part's VIDEOS row, written last: it is downloaded
    media/{bvid}/p{page}.mp4                             the downloaded part
    media/{bvid}/p{page}.screening.json                  its screening report
    media/{bvid}/{clip_id}.{start}ms.{frames}f.mp4       a clip; its audio is the .wav beside it
    media/{bvid}/quarantine/p{page}.mp4                  a damaged download, kept aside
    media/{bvid}/.part/p{page}/                          a download in progress
    clips/{part}.parquet                                 a part's CLIPS rows, written last: it is acquired
    fingerprints/{part}.parquet                          a part's FINGERPRINTS rows
    merges/{digest}.parquet                              MERGES row of a pair of music ids
    music/{extractor}/{clip_id}.parquet                  music features of a clip
    poses/{clip_id}.parquet                              a clip's FRAMES rows
    verdicts/{clip_id}.parquet                           a clip's VERDICTS row, written last: poses are done
    failures/{stage}/{item}.parquet                      FAILURES row of what failed unexpectedly
    ledger/{stage}/{run_id}.parquet                      LEDGER row: what a run of a stage used and did
    alerts/sent.json                                     alerts that were sent and have not cleared since
    claims/{clip_id}.json                                which worker extracts a clip (object stores)
    .claims/{clip_id}                                    the same, as a locked file (local stores)
    leases/{name}.json                                   who works on a video's folder, or publishes a release
                                                         (object stores)
    .locks/{name}                                        locks of one machine
    .scratch/                                            unfinished files of running processes
    review/decisions.sqlite                              what reviewers decided (local stores)
    tombstones/{bvid}.json                               a video was withdrawn: its id is never used again
    releases/{version}/                                  a release, see below
    releases/{version}/WITHDRAWN.md                      the release was deleted; nothing else is left of it
    reports/{version}.html                               the report on a release
    manifests/{name}/                                    a manifest that several machines share

where `part` is `{bvid}` or, from the second part on, `{bvid}_p{page}`.

    releases/{version}/
        README.md                       dataset card
        croissant.json                  Croissant metadata with the checksum of every file
        data/frames-{split}-*.parquet   frame rows of a split, one row group a clip; `*` is a number that
                                        counts on from release to release, and a hash of the file
        music/{extractor}-{split}-*.parquet   music features, likewise
        meta/info.json                  version, features, counts; written last: the release is complete
        meta/stats.json                 statistics of every feature
        meta/clips.parquet              RELEASE_CLIPS rows
        meta/rows.parquet               RELEASE_ROWS rows: where each clip's rows are, and their hash
        meta/left_out.parquet           LEFT_OUT rows: clips of the store that are not part, and why
        CHANGELOG.md                    what is new since the release before
        meta/manifest/                  a copy of the manifest
        splits/{split}.txt              clip ids of a split
        splits/published-{split}.txt    clip ids of a split of the lists of an imported set
        figures/{name}.png              figures of the card
        viewer/index.html               pages that show the clips in 3D, if they were asked for
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from popdanceset.clip_id import part_id, part_of

_VIDEO_FILE = re.compile(r"p(\d+)\.mp4")
_SHARD = re.compile(r"(?P<stem>.*)-(?P<number>\d{5,})-(?P<digest>[0-9a-f]{16})\.parquet")

PARQUET = ".parquet"
JSON = ".json"

# Tables: folders of parquet files.
STATISTICS = "statistics"
FOLLOWERS = "followers"
SELECTION = "selection"
VIDEOS = "videos"
CLIPS = "clips"
FINGERPRINTS = "fingerprints"
MERGES = "merges"
MUSIC = "music"
POSES = "poses"
VERDICTS = "verdicts"
FAILURES = "failures"
LEDGER = "ledger"

# Documents and media.
CRAWL_MARKS = "crawl"
BUDGET = "budget"
FITS = "popularity"
MEDIA = "media"
CLAIMS = "claims"
LEASES = "leases"
TOMBSTONES = "tombstones"
RELEASES = "releases"
REPORTS = "reports"
MANIFESTS = "manifests"
REVIEW = "review"
REVIEW_DATABASE = "review/decisions.sqlite"
ALERTS_SENT = "alerts/sent.json"

FOLDERS = (
    *(
        STATISTICS,
        CRAWL_MARKS,
        FOLLOWERS,
        BUDGET,
        FITS,
        SELECTION,
        VIDEOS,
        MEDIA,
        CLIPS,
        FINGERPRINTS,
        MERGES,
    ),
    *(
        MUSIC,
        POSES,
        VERDICTS,
        FAILURES,
        LEDGER,
        CLAIMS,
        LEASES,
        TOMBSTONES,
        RELEASES,
        REPORTS,
        MANIFESTS,
        REVIEW,
    ),
)
"""The folders at the top of a store whose size `popdanceset status` states."""

SCRATCH = ".scratch"
LOCKS = ".locks"
IDENTIFYING_MUSIC = "music"
"""What the one process of a machine locks that identifies music."""
CONDITIONAL_LOCK = ".locks/conditional"

TEMPORARY = "popdanceset-"
"""Beginning of the names of temporary copies, outside the store."""

TRAINING_CACHE = "training"
"""Folder of arrays of releases, in the user's cache."""

# Inside a release.
CARD = "README.md"
CROISSANT = "croissant.json"
RELEASE_DATA = "data"
RELEASE_MUSIC = "music"
RELEASE_META = "meta"
RELEASE_INFO = "meta/info.json"
RELEASE_STATS = "meta/stats.json"
RELEASE_CLIPS = "meta/clips.parquet"
RELEASE_ROWS = "meta/rows.parquet"
RELEASE_LEFT_OUT = "meta/left_out.parquet"
CHANGELOG = "CHANGELOG.md"
RELEASE_MANIFEST = "meta/manifest"
RELEASE_SPLITS = "splits"
RELEASE_FIGURES = "figures"
RELEASE_VIEWER = "viewer"
FRAMES_STEM = "frames"
WITHDRAWAL_NOTE = "WITHDRAWN.md"

# Inside a manifest's folder.
MANIFEST_DOCUMENT = "manifest.yaml"
MANIFEST_VIDEOS = "videos.csv"
MANIFEST_CLIPS = "clips.csv"
MANIFEST_DANCERS = "dancers.csv"
MANIFEST_REVIEWS = "reviews.csv"


def stem(name: str) -> str:
    """The last part of a name without its suffix: the clip id of `poses/BV1…_Clip_1.parquet`."""
    return PurePosixPath(name).stem


# -- crawl and popularity


def statistics_of(day: datetime.date) -> str:
    """Folder of a day's statistics."""
    return f"{STATISTICS}/date={day.isoformat()}"


def crawl_marks_of(day: datetime.date) -> str:
    """Folder of a day's marks: which page of a listing is its last."""
    return f"{CRAWL_MARKS}/date={day.isoformat()}"


def followers_of(day: datetime.date) -> str:
    """Folder of a day's follower counts."""
    return f"{FOLLOWERS}/date={day.isoformat()}"


def budget_of(day: datetime.date) -> str:
    """Folder of the requests taken from a day's budget."""
    return f"{BUDGET}/date={day.isoformat()}"


def fit(fit_id: str) -> str:
    """A fitted popularity model."""
    return f"{FITS}/{fit_id}{JSON}"


def selection(manifest: str) -> str:
    """The selection that made a manifest."""
    return f"{SELECTION}/{manifest}{PARQUET}"


# -- videos and clips


def video_row(bvid: str, page: int = 1) -> str:
    """A part's row of VIDEOS. It is written last: if it exists, the download is done."""
    return f"{VIDEOS}/{part_id(bvid, page)}{PARQUET}"


def video_folder(bvid: str) -> str:
    """Folder of a video's media: downloads, screening reports and clips."""
    return f"{MEDIA}/{bvid}"


def video_file(bvid: str, page: int = 1) -> str:
    """A part's downloaded file."""
    return f"{video_folder(bvid)}/p{page}.mp4"


def video_files_of(names: Iterable[str], bvid: str) -> dict[int, str]:
    """The downloaded files among the names of a video's folder, by part."""
    found = ((_VIDEO_FILE.fullmatch(PurePosixPath(name).name), name) for name in names)
    pages = {int(match[1]): name for match, name in found if match}
    return {page: name for page, name in pages.items() if name == video_file(bvid, page)}


def quarantine(bvid: str, page: int = 1) -> str:
    """A damaged download, kept aside."""
    return f"{video_folder(bvid)}/quarantine/p{page}.mp4"


def unfinished_download(bvid: str, page: int = 1) -> str:
    """Folder of a download in progress; the same in every run, so that a broken download is continued."""
    return f"{video_folder(bvid)}/.part/p{page}"


def screening(bvid: str, page: int = 1) -> str:
    """A part's screening report."""
    return f"{video_folder(bvid)}/p{page}.screening{JSON}"


def clip_rows(bvid: str, page: int = 1) -> str:
    """A part's rows of CLIPS. They are written last: if they exist, the part is acquired."""
    return f"{CLIPS}/{part_id(bvid, page)}{PARQUET}"


def rows_of_clip(clip_id: str) -> str:
    """The rows of CLIPS of the part that a clip belongs to."""
    return f"{CLIPS}/{part_of(clip_id)}{PARQUET}"


def clip_stem(bvid: str, clip_id: str, start: float, frames: int) -> str:
    """A clip's files without their suffixes. The name states the span that they show (start in seconds)."""
    return f"{video_folder(bvid)}/{clip_id}.{round(1000 * start)}ms.{frames}f"


def clip_files_of(bvid: str, page: int = 1) -> str:
    """What the names of all files of a part's clips begin with."""
    return f"{video_folder(bvid)}/{part_id(bvid, page)}_Clip_"


def clip_of_file(name: str) -> str:
    """The clip id of a clip's file."""
    return PurePosixPath(name).name.partition(".")[0]


# -- music


def fingerprints(bvid: str, page: int = 1) -> str:
    """A part's fingerprints."""
    return f"{FINGERPRINTS}/{part_id(bvid, page)}{PARQUET}"


def merge(digest: str) -> str:
    """The decision on a pair of music ids."""
    return f"{MERGES}/{digest}{PARQUET}"


def music_features_of(extractor: str) -> str:
    """Folder of the features of one extractor."""
    return f"{MUSIC}/{extractor}"


def music_features(clip_id: str, extractor: str) -> str:
    """A clip's music features."""
    return f"{MUSIC}/{extractor}/{clip_id}{PARQUET}"


# -- poses


def poses(clip_id: str) -> str:
    """A clip's pose table, of schema FRAMES."""
    return f"{POSES}/{clip_id}{PARQUET}"


def verdict(clip_id: str) -> str:
    """A clip's row of VERDICTS. It is written last: if it exists, the clip's poses are done."""
    return f"{VERDICTS}/{clip_id}{PARQUET}"


def claim(clip_id: str) -> str:
    """Which worker extracts a clip, as a document of an object store."""
    return f"{CLAIMS}/{clip_id}{JSON}"


def claim_lock(clip_id: str) -> str:
    """The same, as a locked file of a local store."""
    return f".claims/{clip_id}"


def lock(name: str) -> str:
    """The lock of one machine on what has this name."""
    return f"{LOCKS}/{name}"


def lease(name: str) -> str:
    """Who works on a folder of an object store."""
    return f"{LEASES}/{name}{JSON}"


# -- failures


def features_stage(extractor: str) -> str:
    """The stage of an extractor's music features."""
    return f"features/{extractor}"


def failures_of(stage: str) -> str:
    """Folder of a stage's failures."""
    return f"{FAILURES}/{stage}"


def failure(stage: str, item: str) -> str:
    """The failure of an item: a part of a video, or a clip."""
    return f"{failures_of(stage)}/{item}{PARQUET}"


# -- operations


def ledger_row(stage: str, run_id: str) -> str:
    """What a run of a stage used and did."""
    return f"{LEDGER}/{stage}/{run_id}{PARQUET}"


def probe(name: str) -> str:
    """A file that `popdanceset doctor` writes and removes."""
    return f".doctor-{name}"


# -- withdrawals


def tombstone(bvid: str) -> str:
    """What is kept of a withdrawn video."""
    return f"{TOMBSTONES}/{bvid}{JSON}"


def withdrawal_note(version: str) -> str:
    """The note in place of a release that was deleted because of a withdrawal."""
    return f"{release(version)}/{WITHDRAWAL_NOTE}"


# -- releases


def release(version: str) -> str:
    """Folder of a release."""
    return f"{RELEASES}/{version}"


def report(version: str) -> str:
    """The report on a release."""
    return f"{REPORTS}/{version}.html"


def manifest(name: str) -> str:
    """Folder of a manifest that several machines share."""
    return f"{MANIFESTS}/{name}"


def cache_stem(content: str) -> str:
    """What the names of cached arrays of a release begin with, by the hash of its content."""
    return content.removeprefix("sha256:")[:24]


def split(part: str) -> str:
    """Clip ids of a split, inside a release."""
    return f"{RELEASE_SPLITS}/{part}.txt"


def published_split(part: str) -> str:
    """Clip ids of a split of an imported set's own lists, inside a release."""
    return f"{RELEASE_SPLITS}/published-{part}.txt"


def figure(name: str) -> str:
    """A figure of the card, inside a release."""
    return f"{RELEASE_FIGURES}/{name}.png"


def shard_stem(table: str, split: str) -> str:
    """What the names of a table's files of a split begin with; the table is `frames` or an extractor."""
    return f"{table}-{split}"


def shards(table: str, split: str) -> str:
    """Pattern of a table's files of a split, inside a release."""
    folder = RELEASE_DATA if table == FRAMES_STEM else RELEASE_MUSIC
    return f"{folder}/{shard_stem(table, split)}-*{PARQUET}"


def shard(table: str, split: str, number: int, digest: str) -> str:
    """A file of a table, inside a release: its number and its content name it."""
    return shards(table, split).replace("*", f"{number:05d}-{digest[:16]}")


def shard_number(name: str) -> int | None:
    """The number in the name of a table's file; None if it is not named as `shard` names it."""
    match = _SHARD.fullmatch(name)
    return int(match["number"]) if match else None


def shard_digest(name: str) -> str:
    """The part of the file's hash that its name states; empty if it is not named as `shard` names it."""
    match = _SHARD.fullmatch(name)
    return match["digest"] if match else ""


def shard_split(table: str, name: str) -> str:
    """The split of a table's file; empty if it is not named as `shard` names it."""
    match = _SHARD.fullmatch(name)
    stem_of_split = shard_stem(table, "")
    stem_ = PurePosixPath(match["stem"]).name if match else ""
    return stem_.removeprefix(stem_of_split) if stem_.startswith(stem_of_split) else ""
