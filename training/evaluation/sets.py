"""Sets of dances with their music, as the suite wants them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from popdanceset.errors import InputError
from popdanceset.release.reader import Release
from training.evaluation.comparison import LATENCY, LeftOut
from training.metrics import bootstrap
from training.metrics.clip import Clip
from training.metrics.score import Interval, joined
from training.motions import (
    Layout,
    Motion,
    Music,
    paired,
    read_folder,
    read_music,
    read_release,
    release_music,
    resampled,
)
from training.validity import Finding, checks

LEAST = 4
"""Frames below which nothing can be measured: jerk needs four."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MotionFolder:
    """Where a set comes from.

    Attributes:
        name: of its row.
        folder: of its motions.
        layout: what the files mean.
    """

    name: str
    folder: Path
    layout: Layout = field(default_factory=Layout)

    @classmethod
    def parse(cls, text: str, default: Layout | None = None) -> MotionFolder:
        """`[NAME=]FOLDER[,fps=60][,up=y][,unit=cm][,content=poses]`; without a name, the folder's.

        Raises:
            InputError: an unknown key or value.
        """
        head, *options = text.split(",")
        while options and "=" not in options[0]:  # a comma in the folder's name
            head += "," + options.pop(0)
        name, separator, folder = head.partition("=")
        if not separator or "/" in name:
            name, folder = "", head
        given: dict[str, str | float] = {}
        for option in options:
            key, _, value = option.partition("=")
            if key not in Layout.__slots__:
                raise InputError(f"unknown key {key!r}", text, f"use {', '.join(Layout.__slots__)}")
            given[key] = value
        if "fps" in given:
            try:
                given["fps"] = float(given["fps"])
            except ValueError:
                raise InputError(f"fps={given['fps']} is no frame rate", text, "give a number") from None
        path = Path(folder)
        layout = replace(default or Layout(), **given)  # type: ignore[arg-type]
        return cls(name or path.name or path.resolve().name, path, layout)


@dataclass(frozen=True, slots=True)
class DanceSet:
    """Dances and the music of each.

    Attributes:
        name: of its row.
        motions: the dances.
        music: of each dance, or None if no music is known at all.
        resampled_from: frame rates the files had, if another one was asked for.
    """

    name: str
    motions: tuple[Motion, ...]
    music: tuple[Music, ...] | None = None
    resampled_from: str = ""

    def findings(self) -> list[Finding]:
        """What looks wrong with the motions."""
        return checks(list(self.motions), list(self.music) if self.music is not None else None)

    def clips(self) -> list[Clip]:
        """As the suite wants them; beats in frames of the motion."""
        music: Sequence[Music | None] = self.music or [None] * len(self.motions)
        return [_clip(motion, piece) for motion, piece in zip(self.motions, music, strict=True)]

    def chosen(self, which: Sequence[bool]) -> DanceSet:
        """The dances that are marked."""
        motions = tuple(m for m, keep in zip(self.motions, which, strict=True) if keep)
        music = self.music and tuple(m for m, keep in zip(self.music, which, strict=True) if keep)
        return replace(self, motions=motions, music=music)

    def at(self, fps: float) -> DanceSet:
        """All dances at one frame rate."""
        rates = sorted({motion.fps for motion in self.motions if not np.isclose(motion.fps, fps, rtol=1e-6)})
        if not rates:
            return self
        text = f"{' and '.join(f'{rate:g}' for rate in rates)} fps"
        _log.warning("%s: resampled from %s to %g", self.name, text, fps)
        return replace(
            self, motions=tuple(resampled(motion, fps) for motion in self.motions), resampled_from=text
        )

    def cut(self, seconds: float | None) -> DanceSet:
        """No dance longer than so many seconds."""
        if seconds is None:
            return self
        return replace(
            self,
            motions=tuple(
                replace(m, joints=m.joints[: max(1, round(seconds * m.fps))]) for m in self.motions
            ),
        )

    def latency(self, seed: int, replicates: int) -> Interval | None:
        """Seconds of computing for a second of dance; None if no file says."""
        known = [m.seconds_to_generate / m.seconds for m in self.motions if m.seconds_to_generate is not None]
        if not known:
            return None
        found = bootstrap.bootstrap_confidence_interval(np.array(known), seed, replicates, lowest=0.0)
        missing = len(self.motions) - len(known)
        note = f"{LATENCY} unknown: {missing} of {len(self.motions)} clips left out" if missing else ""
        return Interval(found.value, found.low, found.high, joined(found.flag, note))


def _clip(motion: Motion, music: Music | None) -> Clip:
    if music is None:
        return Clip(motion.name, motion.joints, motion.fps, music_id=motion.music_name or None)
    ratio = motion.fps / music.fps
    beats = None if music.beats is None else np.round(music.beats * ratio).astype(np.int64)
    return Clip(motion.name, motion.joints, motion.fps, beats, music.name, round(music.frames * ratio))


def of_release(release: Release, split: str, music: Path | None = None) -> tuple[DanceSet, list[Music]]:
    """The ground truth of a release, and all its music, with which models' motions are paired.

    Raises:
        InputError: as `read_release`, `read_music` and `paired`.
    """
    motions = read_release(release, split)
    pieces = release_music(release, split) if music is None else read_music(music)
    where = release.path if music is None else music
    return DanceSet("ground truth", tuple(motions), tuple(paired(motions, pieces, where))), pieces


def of_folder(source: MotionFolder, music: Sequence[Music] | None, where: object = "") -> DanceSet:
    """A set of motion files.

    Args:
        source: the folder.
        music: among which each motion's is; None if there is none.
        where: the music is, for messages.

    Raises:
        InputError: as `read_folder` and `paired`.
    """
    motions = read_folder(source.folder, source.layout)
    pieces = None if music is None else tuple(paired(motions, music, where))
    return DanceSet(source.name, tuple(motions), pieces)


def measurable(dances: DanceSet) -> tuple[DanceSet, list[LeftOut]]:
    """The dances that can be measured, and why the others cannot.

    Raises:
        InputError: none can.
    """
    reasons = [_unmeasurable(motion) for motion in dances.motions]
    out = [
        LeftOut(dances.name, motion.name, reason)
        for motion, reason in zip(dances.motions, reasons, strict=True)
        if reason
    ]
    if len(out) == len(reasons):
        first = out[0]
        raise InputError(
            f"none of {len(out)} motions can be measured; {first.clip}: {first.reason}",
            dances.name,
            "repair them",
        )
    return dances.chosen([not reason for reason in reasons]), out


def _unmeasurable(motion: Motion) -> str:
    if len(motion.joints) < LEAST:
        return f"it has {len(motion.joints)} frames, {LEAST} are needed"
    if not np.isfinite(motion.joints).all():
        return "it holds NaN or infinity"
    return ""


def common_rate(dances: DanceSet) -> float:
    """The frame rate of most dances."""
    return Counter(motion.fps for motion in dances.motions).most_common(1)[0][0]
