"""What later stages make of a clip, and how it is taken back when the clip shows something else."""

from __future__ import annotations

from typing import get_args

from popdanceset import layout
from popdanceset.settings import MusicSettings
from popdanceset.store import Store


def names(clip_id: str) -> list[str]:
    """Where everything lies that is made of a clip's files; its verdict first, which marks poses as done."""
    extractors = get_args(MusicSettings.model_fields["extractor"].annotation)
    tables = [layout.verdict(clip_id), layout.poses(clip_id)]
    return tables + [layout.music_features(clip_id, extractor) for extractor in extractors]


def discard(clip_id: str, store: Store) -> None:
    """Removes it; the stages then make it anew, if the clip is still there.

    Ended half-way, it leaves a clip without verdict, whose poses count as not made.
    """
    for name in names(clip_id):
        store.remove(name)
