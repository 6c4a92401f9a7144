"""What later stages make from a clip, and how it is discarded when the clip shows something else."""

from __future__ import annotations

from typing import get_args

from popdanceset import layout
from popdanceset.settings import MusicSettings
from popdanceset.store import Store


def names(clip_id: str) -> list[str]:
    """Names of everything that is made from a clip's files, and of failures to make it.

    The first is its verdict, which marks poses as done.
    """
    extractors = get_args(MusicSettings.model_fields["extractor"].annotation)
    features = [layout.music_features(clip_id, extractor) for extractor in extractors]
    stages = ["extract", *(layout.features_stage(extractor) for extractor in extractors)]
    failures = [layout.failure(stage, clip_id) for stage in stages]
    return [layout.verdict(clip_id), layout.poses(clip_id), *features, *failures]


def discard_poses(clip_id: str, store: Store) -> None:
    """Removes its verdict, its poses, and the failure to make them: the clip still shows the same frames."""
    for name in (layout.verdict(clip_id), layout.poses(clip_id), layout.failure("extract", clip_id)):
        store.remove(name)


def discard(clip_id: str, store: Store) -> None:
    """Removes it. The stages then make it again, if the clip still exists.

    Stopped half-way, it leaves a clip without a verdict, whose poses count as not made.
    """
    for name in names(clip_id):
        store.remove(name)
