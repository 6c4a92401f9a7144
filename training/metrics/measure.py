"""Measures every dance of a set on its own: scores per clip, motion beats and features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from popdanceset.errors import InputError
from training.metrics import beats, lodge_skating
from training.metrics.clip import Clip, Floats, Ints
from training.metrics.floor import floating, penetration
from training.metrics.foot_skating import foot_skate_ratio, foot_sliding
from training.metrics.geometric import geometric_features
from training.metrics.jitter import jitter, wham_jitter
from training.metrics.kinetic import kinetic_features
from training.metrics.mode import Mode
from training.metrics.pbc import pbc
from training.metrics.pfc import pfc
from training.metrics.score import NO_MUSIC, Score
from training.metrics.self_penetration import self_penetration


@dataclass(frozen=True, eq=False)
class ClipResult:
    """Scores, beats and features of one dance.

    Attributes:
        name: name of the clip.
        scores: by key of `catalogue.PER_CLIP` (and `BAS_equal_length` in `released` mode).
        motion_beats: frame numbers from 0.
        kinetic: (72,) features, not standardised.
        geometric: (32,) features, not standardised.
    """

    name: str
    scores: dict[str, Score]
    motion_beats: Ints
    kinetic: Floats
    geometric: Floats


@dataclass(frozen=True, eq=False)
class MeasuredSet:
    """A set whose dances have been measured one by one; `compare.compare` takes two of these.

    Attributes:
        mode: mode of the measurement.
        clips: results, one per clip.
        music: name of the music of each clip, or None.
        frames: length of each clip.
        fps: frame rate of each clip.
    """

    mode: Mode
    clips: tuple[ClipResult, ...]
    music: tuple[str | None, ...]
    frames: tuple[int, ...]
    fps: tuple[float, ...]

    @property
    def kinetic(self) -> Floats:
        """(clips, 72) features, not standardised."""
        return np.stack([clip.kinetic for clip in self.clips])

    @property
    def geometric(self) -> Floats:
        """(clips, 32) features, not standardised."""
        return np.stack([clip.geometric for clip in self.clips])


def measure(clips: Sequence[Clip], mode: Mode = "corrected") -> MeasuredSet:
    """Measures every dance on its own.

    This takes most of the time and is needed only once per set, however often the set is compared.

    Raises:
        InputError: the mode is unknown, the set is empty, or two clips have the same name.
    """
    if mode not in get_args(Mode):
        raise InputError(f"mode is {mode!r}", do="take 'corrected' or 'released'")
    if not clips:
        raise InputError("a set without motions has no metrics", do="give at least one motion")
    repeated = [name for name, count in Counter(clip.name for clip in clips).items() if count > 1]
    if repeated:
        raise InputError("several motions have this name", repeated[0], "give each motion its own name")
    kinetic, geometric = _features(kinetic_features, clips, mode), _features(geometric_features, clips, mode)
    results = []
    for number, clip in enumerate(clips):
        beat_scores, motion_beats = _beat_scores(clip, mode)
        scores = _body_scores(clip, mode) | beat_scores
        results.append(ClipResult(clip.name, scores, motion_beats, kinetic[number], geometric[number]))
    return MeasuredSet(
        mode,
        tuple(results),
        tuple(clip.music_id for clip in clips),
        tuple(len(clip.joints) for clip in clips),
        tuple(float(clip.fps) for clip in clips),
    )


def _features(features: Callable[..., Floats], clips: Sequence[Clip], mode: Mode) -> Floats:
    """(clips, width) features; clips of the same frame rate are computed together."""
    rates = np.array([clip.fps for clip in clips])
    found: dict[int, Floats] = {}
    for rate in np.unique(rates):
        numbers = np.flatnonzero(rates == rate)
        rows = features([clips[number].joints for number in numbers.tolist()], float(rate), mode)
        found.update(zip(numbers.tolist(), rows, strict=True))
    return np.stack([found[number] for number in range(len(clips))])


def _body_scores(clip: Clip, mode: Mode) -> dict[str, Score]:
    """Scores that need no music."""
    joints, fps = clip.joints, clip.fps
    depth, share = self_penetration(joints, fps)
    return {
        "PFC": pfc(joints, fps, mode),
        "PBC": pbc(joints, fps, mode),
        "PBC_unweighted": pbc(joints, fps, mode, weighted=False),
        "foot_skate_ratio": foot_skate_ratio(joints, fps),
        "foot_skate_ratio_lodge": lodge_skating.foot_skate_ratio(joints, fps, mode),
        "foot_sliding": foot_sliding(joints, fps),
        "jitter": jitter(joints, fps),
        "jitter_wham": wham_jitter(joints, fps),
        "penetration": penetration(joints, fps),
        "floating": floating(joints, fps),
        "self_penetration": depth,
        "self_penetration_ratio": share,
    }


def _beat_scores(clip: Clip, mode: Mode) -> tuple[dict[str, Score], Ints]:
    """Scores over the common length of motion and music, and the motion beats that the mode finds."""
    end = min(len(clip.joints), len(clip.joints) if clip.music_frames is None else clip.music_frames)
    common = clip.joints[:end]
    motion = beats.motion_beats(common, clip.fps) if end > 2 else np.empty(0, dtype=int)
    shown = motion
    if mode == "released":
        shown = beats.motion_beats(clip.joints[: beats.RELEASED_MOTION], clip.fps, mode)
    if clip.music_beats is None:
        missing = Score(0.0, NO_MUSIC)
        keys = ["BAS", "BAS_music", "beat_hit_rate", "beat_hit_rate_music", "beat_coverage"]
        return dict.fromkeys(keys + ["BAS_equal_length"] * (mode == "released"), missing), shown
    music = np.asarray(clip.music_beats)
    heard = music[music < end]
    scores = {
        "BAS": beats.beat_align_score(motion, heard, clip.fps),
        "BAS_music": beats.beat_align_score(motion, heard, clip.fps, direction="music"),
        "beat_hit_rate": beats.beat_hit_rate(motion, heard, clip.fps),
        "beat_hit_rate_music": beats.beat_hit_rate(motion, heard, clip.fps, direction="music"),
        "beat_coverage": beats.beat_coverage(motion, heard),
    }
    if mode == "released":
        for key, frames in (("BAS", beats.RELEASED_MUSIC), ("BAS_equal_length", beats.RELEASED_MOTION)):
            scores[key] = beats.beat_align_score(shown, music[music < frames], clip.fps, mode)
    return scores, shown
