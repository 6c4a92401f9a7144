"""Screens a video: decodes it once, at reduced size, and shows every picture to every measure."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from popdanceset.errors import MediaError
from popdanceset.media import frames, probe
from popdanceset.video.screening.cuts import CutDetector
from popdanceset.video.screening.dancers import DancerCounter, PersonDetector
from popdanceset.video.screening.report import Screening
from popdanceset.video.screening.shake import ShakeMeter

if TYPE_CHECKING:
    from popdanceset.settings import ScreeningSettings

VERSION = 1
"""Of the measures: a report made by others is made again."""

_MISSING = 0.5  # seconds of the end of a file that may lack before it counts as damaged


def screen(
    path: Path, settings: ScreeningSettings, detector: PersonDetector, made_from: str = ""
) -> Screening:
    """Measures cuts, shake and dancers.

    Args:
        detector: not shared with another thread.
        made_from: kept in the report, see `fingerprint`.

    Raises:
        InputError: there is no such file, or it may not be read.
        MediaError: it is no video, damaged, or ends before the time its header tells.
    """
    cuts, shake = CutDetector(), ShakeMeter()
    dancers = DancerCounter(detector, settings.sample_fps, settings.detector_score)
    found = probe(path)
    last, number = 0.0, 0
    for frame in frames(path, settings.height):
        dancers.see(frame)
        cuts.see(frame)
        shake.see(frame, dancers.people)
        last, number = frame.time, number + 1
    fps = (number - 1) / last if last else found.fps
    duration = last + (1 / fps if fps else 0.0)
    if duration < found.duration - _MISSING:
        raise MediaError(f"ends after {duration:.1f} of {found.duration:.1f} s", path, "fetch the file again")
    times = cuts.cuts()
    return Screening(duration, fps, times, shake.shake(times), dancers.dancers(), made_from)


def fingerprint(sha256: str, settings: ScreeningSettings) -> str:
    """What a report depends on: the file, the measures, and the settings that planning does not use."""
    measured = settings.model_dump(include={"height", "detector", "sample_fps", "detector_score"})
    text = json.dumps([VERSION, sha256, measured], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
