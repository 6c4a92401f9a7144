"""Compares dances with the clips that a model was trained on, and adds what it finds to an evaluation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from popdanceset.errors import InputError
from popdanceset.motion.files import motions_from_folder
from popdanceset.motion.joint_motion import JointMotion, motions_from_release, resampled
from popdanceset.release.reader import Release
from training.evaluation.comparison import Copying
from training.evaluation.scoring import Evaluation, ScoredSet
from training.evaluation.sets import DanceSet, MotionFolder
from training.metrics.bootstrap import REPLICATES, bootstrap_confidence_interval
from training.metrics.nearest import Neighbour, TrainingClip, TrainingSet, video_of
from training.metrics.score import Interval

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingMotion:
    """A training dance, and the names of its video and music."""

    motion: JointMotion
    related: frozenset[str]


def read_training(text: str, release: str | None) -> list[TrainingMotion]:
    """Reads the training dances.

    Args:
        text: a split of the release, or a folder as `--motions` takes it.
        release: the release, if there is one.

    Raises:
        InputError: there is neither such a split nor such a folder; or as `motions_from_release`,
            `motions_from_folder` and `DanceSet.check_rates`.
    """
    folder = MotionFolder.parse(text)
    if release is not None:
        with Release(release) as opened:
            if text in opened.info.splits:
                return _of_release(opened, text)
            if not folder.folder.is_dir():
                raise InputError(
                    f"{text} is neither a split nor a folder",
                    release,
                    f"choose from {', '.join(opened.info.splits)}",
                )
    motions = motions_from_folder(folder.folder, folder.conventions)
    DanceSet(folder.name, tuple(motions)).check_rates()
    return [TrainingMotion(motion, frozenset({video_of(motion.name)})) for motion in motions]


def _of_release(release: Release, split: str) -> list[TrainingMotion]:
    columns = (release.clips[name].to_pylist() for name in ("clip_id", "bvid", "music_id"))
    related = {clip_id: frozenset(filter(None, names)) for clip_id, *names in zip(*columns, strict=True)}
    return [TrainingMotion(motion, related[motion.name]) for motion in motions_from_release(release, split)]


def with_training(
    evaluation: Evaluation,
    training: Sequence[TrainingMotion],
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Evaluation:
    """Adds the distances to training clips to all measured rows, and the neighbours to the comparison.

    Dances and training clips are compared at the frame rate of most dances of the ground truth.

    Args:
        evaluation: scored sets.
        training: the training dances.
        seed: seed of the draw of training clips and of the intervals.
        replicates: number of resamplings; 0 for no intervals.

    Raises:
        InputError: there are no training dances, or one of them cannot be used.
    """
    rate = max(evaluation.sets[0].measured.fps, key=evaluation.sets[0].measured.fps.count)
    clips = [
        TrainingClip(one.motion.name, resampled(one.motion, rate).joints, one.related) for one in training
    ]
    known = TrainingSet(clips, rate)
    dances = {scored.dances.name: _dances(scored, rate) for scored in evaluation.sets}
    frames = round(median(len(motion.joints) for some in dances.values() for motion in some))
    nearest = {
        row: tuple(filter(None, (known.nearest(motion.name, motion.joints) for motion in some)))
        for row, some in dances.items()
    }
    copying = Copying(len(clips), known.threshold(frames, seed), nearest)
    for row in nearest:
        for one in copying.copies(row):
            _log.warning("%s: %s is a copy of the training clip %s", row, one.dance, one.clip)
    comparison = evaluation.comparison
    rows = tuple(
        replace(row, numbers=row.numbers | _numbers(nearest[row.name], copying, seed, replicates))
        if row.name in nearest
        else row
        for row in comparison.rows
    )
    return replace(evaluation, comparison=replace(comparison, rows=rows, copying=copying))


def _dances(scored: ScoredSet, rate: float) -> list[JointMotion]:
    return [resampled(motion, rate) for motion in scored.dances.motions]


def _numbers(
    neighbours: Sequence[Neighbour], copying: Copying, seed: int, replicates: int
) -> dict[str, Interval]:
    """The numbers of `catalogue.AGAINST_TRAINING` that can be told."""
    if not neighbours:
        return {}
    distances = np.array([one.distance for one in neighbours])
    numbers = {"training_distance": bootstrap_confidence_interval(distances, seed, replicates, lowest=0.0)}
    if (limit := copying.threshold.distance) is not None:
        copies = (distances < limit).astype(float)
        numbers["copies"] = bootstrap_confidence_interval(copies, seed, replicates, lowest=0.0)
    return numbers
