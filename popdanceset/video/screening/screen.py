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
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

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

VERSION = 6
"""Of the measures: a report made with another version is made again."""

_SMALL = 160  # pixels: breadth of the copies that the measures of whole pictures share
_SLACK = 0.002  # seconds: time stamps are rounded
_HELD, _REPEATED = 0.2, 0.1  # seconds: a frame shown for longer is measured again and again


def screen(
    path: Path, settings: ScreeningSettings, detector: PersonDetector, made_from: str = ""
) -> Screening:
    """Measures everything in a video.

    A frame that is shown for long (variable rate) is measured ten times a second while it is shown. Damaged
    data are not fatal: the spans in which they are shown are reported.

    Args:
        detector: nobody else may use it meanwhile.
        made_from: kept in the report, see `fingerprint`.

    Raises:
        InputError: there is no such file, or it may not be read.
        MediaError: it is not a video, is damaged, or ends before the time that its header states.
    """
    cv2.setNumThreads(1)  # on pictures of this size a second one costs half as much again and saves no time
    cuts, soft, shake = CutDetector(), TransitionDetector(), ShakeMeter()
    still, overlays, panels = StillnessMeter(), OverlayMeter(), PanelMeter()
    dancers = DancerCounter(detector, settings.detector_score, settings.search_seconds)
    found = probe(path)
    if found.available < found.duration:
        raise MediaError(
            f"ends after {found.available:.1f} of {found.duration:.1f} s", path, "fetch the file again"
        )
    damage: list[tuple[float, float]] = []
    number = 0
    with ThreadPoolExecutor(1, "people") as second_thread:
        waiting: list[Frame] = []
        people: Future[Seen] | None = None
        shown = _repeated(frames(path, settings.height, damage=damage, rough=True))
        groups = _groups(shown, 1 / settings.sample_fps)
        for group in itertools.chain(groups, ([],)):
            seen = people.result() if people is not None else None
            people = second_thread.submit(dancers.look, group[0]) if group else None
            for frame in waiting:
                small = _reduced(frame)
                for measure in (cuts, soft, still):
                    measure.see(small)
                overlays.see(frame)
                if seen is not None:
                    shake.see(frame, seen.people, seen.limbs)
                    panels.see(frame, seen.people)
                number += 1
            waiting = group
    if not number:
        raise MediaError("contains no frame", path, "fetch the file again")
    hard = soft.cuts(cuts.cuts())
    blends = soft.transitions(hard)
    sharp = tuple(cut for cut in hard if not any(start <= cut <= end for start, end in blends))
    edges = sorted([*sharp, *(edge for blend in blends for edge in blend)])
    return Screening(
        duration=found.available,
        fps=found.fps,
        cuts=sharp,
        transitions=blends,
        shake=shake.shake(edges),
        motion=shake.motion(edges),
        picture=still.picture(),
        overlays=overlays.overlays(),
        panels=panels.panels(edges),
        dancers=dancers.dancers(),
        damaged=tuple((max(0.0, begin), min(end, found.available)) for begin, end in damage),
        made_from=made_from,
    )


def _repeated(video: Iterable[Frame]) -> Iterator[Frame]:
    """The frames in order; between two that are far apart, the first one again and again."""
    last: Frame | None = None
    for frame in video:
        if last is not None and frame.time - last.time > _HELD + _SLACK:
            for n in range(1, int((frame.time - last.time - _SLACK) / _REPEATED) + 1):
                yield Frame(last.time + n * _REPEATED, last.image)
        yield frame
        last = frame


def _reduced(frame: Frame) -> Frame:
    """The frame, at most `_SMALL` pixels wide."""
    height, width = frame.image.shape[:2]
    if width <= _SMALL:
        return frame
    size = _SMALL, max(2, round(_SMALL * height / width))
    return replace(frame, image=np.asarray(cv2.resize(frame.image, size), np.uint8))


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
