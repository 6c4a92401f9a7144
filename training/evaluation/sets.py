"""Sets of dances with their music, ready for the metric suite."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.errors import InputError
from popdanceset.motion.conventions import Conventions, Origin
from popdanceset.motion.files import motions_from_folder
from popdanceset.motion.joint_motion import JointMotion, motions_from_release, resampled
from popdanceset.release.reader import Release
from training.evaluation.comparison import LATENCY, LeftOut
from training.metrics.bootstrap import bootstrap_confidence_interval
from training.metrics.clip import LEAST_FRAMES, Clip
from training.metrics.score import Interval, joined
from training.motion.music import (
    KnownMusic,
    Music,
    music_from_file,
    music_from_folder,
    music_from_release,
    paired,
)
from training.motion.validity import Finding, checks

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MotionFolder:
    """A folder of motion files that fills one row of the table.

    Attributes:
        name: name of the row.
        folder: where the files are.
        conventions: what the files contain.
    """

    name: str
    folder: Path
    conventions: Conventions = field(default_factory=Conventions)

    @classmethod
    def parse(cls, text: str, default: Conventions | None = None) -> MotionFolder:
        """Parses `[NAME=]FOLDER[,fps=60][,up=-y][,unit=cm][,content=poses]`; NAME defaults to the folder's.

        Raises:
            InputError: a key or value is unknown.
        """
        head, conventions = Conventions.parse(text, default)
        name, separator, folder = head.partition("=")
        if not separator or "/" in name:
            name, folder = "", head
        path = Path(folder)
        if folder.startswith("~/"):  # shells leave it in NAME=~/FOLDER
            path = path.expanduser()
        return cls(name or path.name or path.resolve().name, path, conventions)


@dataclass(frozen=True, slots=True)
class DanceSet:
    """Dances and the music of each.

    Attributes:
        name: name of the row.
        motions: the dances.
        music: music of each dance, or None where it is unknown; None if no music is known at all.
        resampled_from: frame rates of the files, if the dances were resampled.
    """

    name: str
    motions: tuple[JointMotion, ...]
    music: tuple[Music | None, ...] | None = None
    resampled_from: str = ""

    def findings(self) -> list[Finding]:
        """Returns what looks wrong with the motions."""
        return checks(list(self.motions), list(self.music) if self.music is not None else None)

    def without_music(self) -> list[str]:
        """Returns the names of dances whose music is not among the known music."""
        pieces = self.music or ()
        return [motion.name for motion, piece in zip(self.motions, pieces, strict=False) if piece is None]

    def clips(self) -> list[Clip]:
        """Converts the dances for the metric suite; beats are in frames of the motion."""
        music: Sequence[Music | None] = self.music or [None] * len(self.motions)
        return [_clip(motion, piece) for motion, piece in zip(self.motions, music, strict=True)]

    def where(self, keep: Sequence[bool]) -> DanceSet:
        """Returns the dances whose entry in `keep` is true."""
        motions = tuple(motion for motion, kept in zip(self.motions, keep, strict=True) if kept)
        music = self.music and tuple(piece for piece, kept in zip(self.music, keep, strict=True) if kept)
        return replace(self, motions=motions, music=music)

    def resampled(self, fps: float) -> DanceSet:
        """Brings all dances to one frame rate."""
        rates = sorted({motion.fps for motion in self.motions if not np.isclose(motion.fps, fps, rtol=1e-6)})
        if not rates:
            return self
        text = f"{' and '.join(f'{rate:g}' for rate in rates)} fps"
        _log.warning("%s: resampled from %s to %g", self.name, text, fps)
        return replace(
            self, motions=tuple(resampled(motion, fps) for motion in self.motions), resampled_from=text
        )

    def cut(self, seconds: float | None) -> DanceSet:
        """Cuts all dances to at most this length; None leaves them whole."""
        if seconds is None:
            return self
        return replace(
            self,
            motions=tuple(
                replace(m, joints=m.joints[: max(1, round(seconds * m.fps))]) for m in self.motions
            ),
        )

    def read_as(self) -> list[dict[str, Any]]:
        """Returns how the motions were read: layout, rate, axes and unit, and how each of them is known."""
        found = Counter(motion.source for motion in self.motions if motion.source is not None)
        return [
            {"motions": count, "summary": str(source), **asdict(source)} for source, count in found.items()
        ]

    def check_rates(self) -> None:
        """Checks that the frame rate of each motion is known.

        Raises:
            InputError: neither the file, nor its layout, nor the user states it.
        """
        unknown = [m for m in self.motions if m.source and m.source.fps_origin is Origin.ASSUMED]
        if unknown:
            raise InputError(
                f"the frame rate of {len(unknown)} motions is unknown, so they cannot be compared with "
                f"others; the first is {unknown[0].file}",
                self.name,
                "state it, as DIR,fps=30",
            )

    def latency(self, seed: int, replicates: int) -> Interval | None:
        """Returns seconds of computing per second of dance; None if no file states them."""
        known = [m.seconds_to_generate / m.seconds for m in self.motions if m.seconds_to_generate is not None]
        if not known:
            return None
        found = bootstrap_confidence_interval(np.array(known), seed, replicates, lowest=0.0)
        missing = len(self.motions) - len(known)
        note = f"{LATENCY} unknown: {missing} of {len(self.motions)} clips left out" if missing else ""
        return Interval(found.value, found.low, found.high, joined(found.flag, note))


def _clip(motion: JointMotion, music: Music | None) -> Clip:
    if music is None:
        return Clip(motion.name, motion.joints, motion.fps, music_id=motion.music_name or None)
    ratio = motion.fps / music.fps
    beats = None if music.beats is None else np.round(music.beats * ratio).astype(np.int64)
    return Clip(motion.name, motion.joints, motion.fps, beats, music.name, round(music.frames * ratio))


def read_music(paths: Sequence[Path]) -> list[Music]:
    """Reads music features and songs: files, and all of them in folders.

    Raises:
        InputError: as `music_from_folder` and `music_from_file`.
    """
    return [
        piece
        for path in paths
        for piece in (music_from_folder(path) if path.is_dir() else [music_from_file(path)])
    ]


def read_release_dances(
    release: Release, split: str, music: Sequence[Music] = ()
) -> tuple[DanceSet, KnownMusic]:
    """Reads the ground truth of a release, and all its music, which models' motions are paired with.

    Args:
        release: an open release.
        split: part of the release.
        music: further pieces, which come before those of the release.

    Raises:
        InputError: as `motions_from_release`, `music_from_release` and `paired`.
    """
    motions = motions_from_release(release, split)
    known = KnownMusic(music, music_from_release(release, split), release.path)
    return DanceSet("ground truth", tuple(motions), tuple(paired(motions, known))), known


def read_folder_dances(folder: MotionFolder, known: KnownMusic | None) -> DanceSet:
    """Reads the motion files of a folder and pairs them with their music.

    Args:
        folder: the folder.
        known: pieces to choose each motion's from; None if there is no music.

    Raises:
        InputError: as `motions_from_folder` and `paired`.
    """
    motions = motions_from_folder(folder.folder, folder.conventions)
    return DanceSet(folder.name, tuple(motions), None if known is None else tuple(paired(motions, known)))


def measurable(dances: DanceSet) -> tuple[DanceSet, list[LeftOut]]:
    """Separates the dances that can be measured from those that cannot, with the reason.

    Raises:
        InputError: no dance can be measured.
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
    return dances.where([not reason for reason in reasons]), out


def _unmeasurable(motion: JointMotion) -> str:
    """Why a motion cannot be measured; "" if it can."""
    if len(motion.joints) < LEAST_FRAMES:
        return f"it has {len(motion.joints)} frames, {LEAST_FRAMES} are needed"
    if not np.isfinite(motion.joints).all():
        return "it holds NaN or infinity"
    return ""


def common_rate(dances: DanceSet) -> float:
    """Returns the frame rate of most dances."""
    return Counter(motion.fps for motion in dances.motions).most_common(1)[0][0]
