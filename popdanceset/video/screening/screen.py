"""Screens a video: decodes it once, at reduced size, and shows every frame to every measure.

People are detected in a second thread: while they are searched for in one frame, the frames before it are
decoded and measured.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from popdanceset.errors import MediaError
from popdanceset.media import Frame, frames, probe
from popdanceset.video.screening.cuts import CutDetector
from popdanceset.video.screening.dancers import DancerCounter, Seen
from popdanceset.video.screening.detector import PersonDetector
from popdanceset.video.screening.overlays import OverlayMeter
from popdanceset.video.screening.panels import PanelMeter
from popdanceset.video.screening.report import Screening
from popdanceset.video.screening.shake import ShakeMeter
from popdanceset.video.screening.stillness import StillnessMeter
from popdanceset.video.screening.transitions import TransitionDetector

if TYPE_CHECKING:
    from popdanceset.settings import ScreeningSettings

VERSION = 3
"""Of the measures: a report made with another version is made again."""

_SLACK = 0.002  # seconds: time stamps are rounded
_MISSING = 0.5  # seconds that may be missing at the end of a file before it counts as damaged


def screen(
    path: Path, settings: ScreeningSettings, detector: PersonDetector, made_from: str = ""
) -> Screening:
    """Measures everything in a video.

    Args:
        detector: nobody else may use it meanwhile.
        made_from: kept in the report, see `fingerprint`.

    Raises:
        InputError: there is no such file, or it may not be read.
        MediaError: it is not a video, is damaged, or ends before the time that its header states.
    """
    cuts, soft, shake = CutDetector(), TransitionDetector(), ShakeMeter()
    still, overlays, panels = StillnessMeter(), OverlayMeter(), PanelMeter()
    dancers = DancerCounter(detector, settings.detector_score, settings.search_seconds)
    found = probe(path)
    last, number = 0.0, 0
    with ThreadPoolExecutor(1, "people") as second_thread:
        waiting: list[Frame] = []
        people: Future[Seen] | None = None
        groups = _groups(frames(path, settings.height), 1 / settings.sample_fps)
        for group in itertools.chain(groups, ([],)):
            seen = people.result() if people is not None else None
            people = second_thread.submit(dancers.look, group[0]) if group else None
            for frame in waiting:
                for measure in (cuts, soft, still, overlays):
                    measure.see(frame)
                if seen is not None:
                    shake.see(frame, seen.people, seen.limbs)
                    panels.see(frame, seen.people)
                last, number = frame.time, number + 1
            waiting = group
    fps = (number - 1) / last if last else found.fps
    duration = last + (1 / fps if fps else 0.0)
    if duration < found.duration - _MISSING:
        raise MediaError(f"ends after {duration:.1f} of {found.duration:.1f} s", path, "fetch the file again")
    hard = soft.cuts(cuts.cuts())
    blends = soft.transitions(hard)
    sharp = tuple(cut for cut in hard if not any(start <= cut <= end for start, end in blends))
    edges = sorted([*sharp, *(edge for blend in blends for edge in blend)])
    return Screening(
        duration=duration,
        fps=fps,
        cuts=sharp,
        transitions=blends,
        shake=shake.shake(edges),
        motion=shake.motion(edges),
        picture=still.picture(),
        overlays=overlays.overlays(),
        panels=panels.panels(edges),
        dancers=dancers.dancers(),
        made_from=made_from,
    )


def _groups(video: Iterable[Frame], interval: float) -> Iterator[list[Frame]]:
    """The frames in order, in groups that begin at about the multiples of `interval` seconds."""
    group: list[Frame] = []
    begun = 0
    for frame in video:
        if frame.time >= begun * interval - _SLACK:
            if group:
                yield group
            group, begun = [], begun + 1
        group.append(frame)
    if group:
        yield group


def fingerprint(sha256: str, settings: ScreeningSettings) -> str:
    """Hash of what a report depends on: file, measures, and the settings that planning does not use."""
    measured = settings.model_dump(
        include={"height", "detector", "sample_fps", "detector_score", "search_seconds"}
    )
    text = json.dumps([VERSION, sha256, measured], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
