"""Writes the report: data, stills and plots in one page that loads nothing from elsewhere."""

from __future__ import annotations

import datetime
import itertools
import logging
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from popdanceset import __version__, layout
from popdanceset.errors import MediaError, StoreError
from popdanceset.manifest import Manifest, find_manifest, read_manifest
from popdanceset.operations.cost import hour_cost
from popdanceset.progress import Advance, ignore
from popdanceset.report import plots
from popdanceset.report.bodies import side_view
from popdanceset.report.colours import as_hex
from popdanceset.report.data import ReportData, collect
from popdanceset.report.motion import Standing, standings, worst_seconds
from popdanceset.report.popularity import Popularity, read_popularity
from popdanceset.report.poses import ClipPoses, read_poses
from popdanceset.report.screening import screening_figure
from popdanceset.report.stills import Still, clip_stills, moments, video_stills
from popdanceset.report.svg import Drawing, drawing
from popdanceset.report.tables import Part, Row
from popdanceset.schema import FPS
from popdanceset.settings import Settings
from popdanceset.skeleton import LEFT_COLOUR, MIDDLE_COLOUR, RIGHT_COLOUR
from popdanceset.store import Store
from popdanceset.withdrawal.guard import respected
from popdanceset.withdrawal.tombstones import withdrawn

PAGES = 40
STILLS = 6
NOT_EXTRACTED = "The poses of this clip have not been extracted yet."
NO_POSES = "The estimator found no poses in this clip."
SIDE_COLOURS = {"left": as_hex(LEFT_COLOUR), "right": as_hex(RIGHT_COLOUR), "middle": as_hex(MIDDLE_COLOUR)}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClipPage:
    """What the report shows of a clip.

    Attributes:
        row: of `popdanceset.report.data.ReportData.clips`.
        title: of its video.
        stills: with the skeleton drawn over them if there are poses.
        bodies: the 3D skeleton from the side in each still; empty without poses.
        figures: root, speeds and confidence over time; path of the root.
        weakest: name and mean confidence of the least certain joint; None without poses.
        standings: its figures among those of all clips.
        accuracy: row of the accuracy table; None if the true motion is not known.
        notes: why something is missing.
    """

    row: Row
    title: str
    stills: Sequence[Still]
    bodies: Sequence[Markup]
    figures: Sequence[Drawing]
    weakest: tuple[str, float] | None
    standings: Sequence[Standing]
    accuracy: Mapping[str, Any] | None
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class VideoPage:
    """What the report shows of a video with rejected spans; the longest spans have a still each."""

    bvid: str
    page: int
    title: str
    row: Row | None
    spans: Sequence[tuple[Row, Still | None]]
    figure: Drawing | None
    notes: Sequence[str]


def publish_report(
    store: Store, settings: Settings, manifest: str | Path, release: str, advance: Advance = ignore
) -> str:
    """Writes the report on a release into the store.

    Args:
        store: with the tables and the media; receives the page.
        settings: as for `write_report`.
        manifest: name or folder of the manifest.
        release: version of the release, or its name inside the store.
        advance: called after each clip and video shown.

    Returns:
        The page's name inside the store, `reports/{version}.html`.

    Raises:
        InputError, StoreError: as `write_report`.
    """
    name = layout.report(PurePosixPath(release).name)
    with respected(store), store.scratch() as folder:
        page = write_report(store, settings, manifest, release, folder / "report.html", advance=advance)
        store.put(page, name)
    return name


def write_report(
    store: Store,
    settings: Settings,
    manifest: str | Path,
    release_version: str | None,
    path: Path,
    extra: Mapping[str, Any] | None = None,
    *,
    pages: int = PAGES,
    advance: Advance = ignore,
) -> Path:
    """Writes the report as one HTML file that needs no other file, no network and no script.

    The page says which stages have not run yet.

    Args:
        store: with the tables and the media.
        settings: the thresholds drawn, and the folder of the manifests.
        manifest: name or folder of the manifest to report on.
        release_version: release to report on; None or empty: the newest one made from this manifest, if there
            is one.
        path: file to write; it is replaced as a whole.
        extra: `accuracy`: a list of mappings with `clip_id`, `pa_mpjpe_mm` and further figures of clips whose
            true motion is known.
        pages: how many clips, and how many videos with rejected spans, are shown with images, evenly chosen;
            the tables list all.
        advance: called after each clip and video shown.

    Returns:
        The path.

    Raises:
        InputError: there is no such selection or release.
        StoreError: a table is not readable, or the page cannot be written.
    """
    began = time.monotonic()
    folder = find_manifest(manifest, settings)
    data = collect(store, folder.name, release_version or "", folder)
    accuracy = list((extra or {}).get("accuracy", ()))
    by_clip = {row["clip_id"]: row for row in accuracy}
    reviewed = read_manifest(folder) if folder.is_dir() else None
    if reviewed:
        gone = withdrawn(store)
        allowed = tuple(video for video in reviewed.videos if video.bvid not in gone)
        reviewed = replace(reviewed, videos=allowed)
    popularity = read_popularity(store, settings, data, reviewed)
    clips = _evenly(data.clips, pages)
    spans = _evenly(list(data.spans.items()), pages)
    environment = Environment(
        loader=PackageLoader("popdanceset.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(seconds=as_duration, number=as_number, digits=as_digits, percent=as_percent)
    stream = environment.get_template("report.html").stream(
        data=data,
        popularity=popularity,
        shown_clips={row["clip_id"] for row in clips},
        clip_pages=_clip_pages(store, data, clips, by_clip, advance),
        shown_videos={part for part, _ in spans},
        video_pages=_video_pages(store, settings, data, spans, advance),
        screening=screening_figure(itertools.chain(data.clips, *data.spans.values()), settings),
        accuracy=accuracy,
        worst=list(worst_seconds(store, data.clips)),
        hour_cost=hour_cost(
            data.costs, data.release.info.counts.seconds if data.release else 0.0, settings.prices
        ),
        currency=settings.prices.currency,
        provenance=_provenance(store, data, popularity, reviewed),
        settings=settings.model_dump(exclude={"network", "download", "alerts"}, mode="json"),
        colours=SIDE_COLOURS,
        fps=FPS,
        made_at=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    stream.enable_buffering(64)
    # The images of one clip at a time are in memory.
    with Store(path.parent).open_write(path.name) as file:
        for part in stream:
            file.write(part.encode("utf-8", "replace"))
    _log.info(
        "report on %s: %d of %d clips and %d of %d videos with rejected spans shown, in %.1f s",
        folder.name, len(clips), len(data.clips), len(spans), len(data.spans), time.monotonic() - began,
    )  # fmt: skip
    return path


def as_duration(seconds: float) -> str:
    """Formats a length: `75.2` → `1 min 15 s`."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def as_number(value: Any) -> str:
    """Formats integers with thousands separators, floats with four significant digits, None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def as_digits(value: float | None, digits: int) -> str:
    """Formats a measure with this number of decimals; a dash if it is not known."""
    return "–" if value is None else f"{value:.{digits}f}"


def as_percent(share: float | None) -> str:
    """Formats a share: `0.913` → `91`; a dash if it is not known."""
    return "–" if share is None else f"{share * 100:.0f}"


def _evenly(items: Sequence[Any], most: int) -> list[Any]:
    if len(items) <= most:
        return list(items)
    return [items[k * len(items) // most] for k in range(most)]


def _clip_pages(
    store: Store,
    data: ReportData,
    clips: Sequence[Row],
    accuracy: Mapping[str, Mapping[str, Any]],
    advance: Advance,
) -> Iterator[ClipPage]:
    for row in clips:
        poses = read_poses(store, row["clip_id"])
        notes = []
        if poses is None:
            notes.append(NO_POSES if row["verdict"] else NOT_EXTRACTED)
        indices = moments(STILLS, row["frames"])
        stills: list[Still] = []
        try:
            with store.local(row["path"]) as file:
                stills = clip_stills(file, poses.keypoints if poses else None, indices)
        except (MediaError, StoreError) as error:
            _log.warning("report: %s", error)
            notes.append(f"No stills: {error.what}.")
        yield ClipPage(
            row=row,
            title=data.titles.get(row["bvid"], ""),
            stills=stills,
            bodies=[side_view(poses.joints[k]) for k in indices if k < len(poses.joints)] if poses else (),
            figures=_clip_figures(poses) if poses else (),
            weakest=poses.weakest_joint if poses else None,
            standings=standings(row, data.clips),
            accuracy=accuracy.get(row["clip_id"]),
            notes=notes,
        )
        advance(1, row["clip_id"])


def _clip_figures(poses: ClipPoses) -> list[Drawing]:
    beats = "" if poses.beats is None else f" with the {len(poses.beats)} beats of the music"
    return [
        drawing(plots.over_time(poses), f"Height of the root, mean speeds{beats}, mean joint confidence"),
        drawing(plots.trajectory(poses), "Path of the root from above; the dot marks its start"),
    ]


def _video_pages(
    store: Store,
    settings: Settings,
    data: ReportData,
    videos: Sequence[tuple[Part, list[Row]]],
    advance: Advance,
) -> Iterator[VideoPage]:
    for (bvid, page), spans in videos:
        row = data.videos.get((bvid, page))
        notes = []
        longest = sorted(
            sorted(range(len(spans)), key=lambda k: spans[k]["start"] - spans[k]["end"])[:STILLS]
        )
        stills: dict[int, Still] = {}
        try:
            with store.local(row["path"] if row and row["path"] else layout.video_file(bvid, page)) as file:
                middles = [(spans[k]["start"] + spans[k]["end"]) / 2 for k in longest]
                stills = dict(zip(longest, video_stills(file, middles), strict=False))
        except (MediaError, StoreError) as error:
            _log.warning("report: %s", error)
            notes.append(f"No stills: {error.what}.")
        yield VideoPage(
            bvid=bvid,
            page=page,
            title=data.titles.get(bvid, ""),
            row=row,
            spans=[(span, stills.get(k)) for k, span in enumerate(spans)],
            figure=_screening_figure(store, settings, layout.screening(bvid, page), spans),
            notes=notes,
        )
        advance(1, bvid)


def _screening_figure(store: Store, settings: Settings, name: str, spans: Sequence[Row]) -> Drawing | None:
    if not store.exists(name):
        return None
    caption = (
        "Camera shake with its limit, people in the frame, and visible limbs of the main dancer. "
        "Dashed: camera cuts. Shaded: rejected spans"
    )
    return drawing(plots.screening(store.read_json(name), spans, settings.screening), caption)


def _provenance(
    store: Store, data: ReportData, popularity: Popularity, manifest: Manifest | None
) -> list[tuple[str, str]]:
    facts = [
        ("software", f"popdanceset {__version__}, Python {platform.python_version()}"),
        ("store", str(store)),
        ("manifest", data.manifest),
        ("popularity model", popularity.name or "–"),
    ]
    if manifest:
        snapshot = manifest.provenance.get("snapshot") or {}
        facts.append(("counts read", " – ".join(str(snapshot.get(end) or "?") for end in ("first", "last"))))
    if data.release:
        info = data.release.info
        facts += [
            ("release", data.release.version),
            ("release created", info.created),
            ("release content", info.content),
            ("release schema_version", str(info.schema_version)),
        ]
    estimators = sorted({clip["verdict"]["estimator"] for clip in data.clips if clip["verdict"]})
    facts.append(("pose estimator", ", ".join(estimators) or "–"))
    return facts
