"""Computes the music features of every accepted clip; each clip gets one table per extractor."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from popdanceset import layout
from popdanceset.clip_table import read_clips
from popdanceset.engine import Engine, find_engine, spread
from popdanceset.errors import FailedError, InputError, StoreError
from popdanceset.ledger import count, measured
from popdanceset.music.extractor import FeatureExtractor, Floats, fit_length
from popdanceset.progress import Advance, ignore
from popdanceset.safety import Net, check_failures
from popdanceset.schema import FPS, music_schema
from popdanceset.settings import MusicSettings, Settings
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import is_withdrawn, withdrawn

_log = logging.getLogger(__name__)


def load_extractor(settings: MusicSettings) -> FeatureExtractor:
    """Loads the extractor that the settings name.

    Raises:
        AssetError, SettingsError: as `popdanceset.music.jukebox.load_jukebox`.
    """
    if settings.extractor == "jukebox":
        from popdanceset.music.jukebox import load_jukebox

        return load_jukebox(settings)
    from popdanceset.music.baseline import Baseline

    return Baseline("released" if settings.extractor == "baseline" else "corrected")


def extract_features(
    settings: Settings,
    store: Store,
    advance: Advance = ignore,
    extractor: FeatureExtractor | None = None,
    retry_failed: bool = False,
    clip_ids: Collection[str] | None = None,
) -> int:
    """Writes `music/{extractor}/{clip_id}.parquet` for every accepted clip with audio that has no table yet.

    A table has as many rows as its clip has frames (see `fit_length`). Clips without audio get no table; a
    warning lists them. A clip that fails unexpectedly, or whose audio cannot be read, has a row in the table
    of failures; the others are finished.

    Args:
        settings: of the run.
        store: holds the clips and receives the tables.
        advance: called after each clip.
        extractor: computes the features; None: the one that the settings name.
        retry_failed: also try clips again that failed in this version of the package.
        clip_ids: only those of these that are accepted; None: all.

    Returns:
        Number of clips whose features were computed.

    Raises:
        InputError: there are no accepted clips.
        StoreError: a clip's audio is missing.
        AssetError, SettingsError: as `load_extractor`.
        FailedError: some clips failed, now or before; the others are finished.
    """
    began = time.monotonic()
    columns = ["clip_id", "bvid", "frames", "music_path", "music_id"]
    engine = find_engine(settings)
    clips = read_clips(store, [*columns, "accepted"], clip_ids).filter(pc.field("accepted"))
    if clip_ids is not None:
        clips = clips.filter(pc.field("clip_id").isin(list(clip_ids)))
    if not len(clips) and clip_ids is None:
        raise InputError("there are no accepted clips", store, "run `popdanceset acquire` first")
    if engine is not None:
        return _on_engine(engine, clips, settings, store, advance, retry_failed)
    extractor = extractor or load_extractor(settings.music)
    stage = layout.features_stage(extractor.name)
    net = Net(stage, store, retry=retry_failed)
    present = set(store.list(layout.music_features_of(extractor.name), layout.PARQUET))
    silent: list[str] = []
    failed: list[str] = []
    computed = frames = 0
    device = settings.music.device if extractor.name == "jukebox" else "cpu"
    with measured("features", store, device):
        for clip in clips.sort_by("clip_id").to_pylist():
            clip_id = clip["clip_id"]
            if is_withdrawn(clip["bvid"], store):
                advance(1, clip_id)
                continue
            if not clip["music_path"]:
                silent.append(clip_id)
            elif net.is_left(clip_id):
                failed.append(clip_id)
            else:
                with net.under(clip_id, clip["bvid"]):
                    if _computed(clip, extractor, store, present):
                        computed, frames = computed + 1, frames + clip["frames"]
                        count(items=1, frames=clip["frames"], media_seconds=clip["frames"] / FPS)
                    net.forget(clip_id)
                if is_withdrawn(clip["bvid"], store):
                    store.remove(layout.music_features(clip_id, extractor.name))
                    store.remove(layout.failure(stage, clip_id))
                elif net.is_left(clip_id):
                    failed.append(clip_id)
            advance(1, clip_id)
    if silent:
        _log.warning("%d clips have no audio and get no music features: %s", len(silent), " ".join(silent))
    _log.info(
        "%s features: %d of %d clips computed (%d frames), %d without audio, in %.1f s",
        extractor.name, computed, len(clips), frames, len(silent), time.monotonic() - began,
    )  # fmt: skip
    check_failures(stage, failed)
    return computed


@dataclass(frozen=True, slots=True)
class Computation:
    """The features of some clips, for an engine."""

    on_gpu: bool
    retry_failed: bool = False
    stage: str = "features"

    def __call__(self, settings: Settings, ids: list[str]) -> None:
        """Computes the features of clips; raises as `extract_features`, but for clips that fail."""
        store = Store(settings.store)
        with contextlib.suppress(FailedError):  # the table of failures has them
            extract_features(settings, store, retry_failed=self.retry_failed, clip_ids=ids)


def _on_engine(
    engine: Engine, clips: pa.Table, settings: Settings, store: Store, advance: Advance, retry_failed: bool
) -> int:
    """Has an engine compute the features of accepted clips; returns of how many."""
    name = settings.music.extractor
    stage = layout.features_stage(name)
    sounding = {row["clip_id"]: row["bvid"] for row in clips.to_pylist() if row["music_path"]}

    def unfinished(first: bool) -> list[str]:
        net, gone = Net(stage, store, retry=first and retry_failed), withdrawn(store)
        present = {layout.stem(name) for name in store.list(layout.music_features_of(name), layout.PARQUET)}
        left = sorted(sounding.keys() - present)
        return [each for each in left if not net.is_left(each) and sounding[each] not in gone]

    work = Computation(settings.music.extractor == "jukebox", retry_failed)
    done = spread(engine, work, unfinished, settings, advance)
    net = Net(stage, store)
    check_failures(stage, [each for each in sounding if net.is_left(each)])
    return done


def _computed(
    clip: dict[str, Any], extractor: FeatureExtractor, store: Store, present: Collection[str]
) -> bool:
    """Writes the table of a clip; returns false if the clip has it already.

    A clip that was cut again under its old id has another length: its table is replaced too.
    """
    name = layout.music_features(clip["clip_id"], extractor.name)
    schema = music_schema(extractor.name, extractor.width)
    if name in present and len(store.read_table(name, schema, ["frame_index"])) == clip["frames"]:
        return False
    try:
        with store.local(clip["music_path"]) as audio:
            features = fit_length(
                _knowing(extractor, clip["music_id"])(audio), clip["frames"], extractor.events
            )
    except StoreError:
        if is_withdrawn(clip["bvid"], store):  # its file was deleted meanwhile
            return False
        raise
    store.write_table(name, as_table(clip["clip_id"], features, schema), schema)
    if not store.exists(clip["music_path"]):  # cut again meanwhile: the features are of another span
        store.remove(name)
    return True


def _knowing(extractor: FeatureExtractor, music_id: str) -> FeatureExtractor:
    """The extractor, with the tempo of the piece if its name states one."""
    from popdanceset.music.baseline import Baseline, aist_tempo

    return replace(extractor, tempo=aist_tempo(music_id)) if isinstance(extractor, Baseline) else extractor


def as_table(clip_id: str, features: Floats, schema: pa.Schema) -> pa.Table:
    """Builds the rows of a music table from features (frames, width) float32."""
    frames = len(features)
    flat = pa.array(np.ascontiguousarray(features, np.float32).reshape(-1))
    return pa.table(
        {
            "clip_id": pa.repeat(clip_id, frames),
            "frame_index": np.arange(frames, dtype=np.int32),
            "features": pa.FixedSizeListArray.from_arrays(flat, type=schema.field("features").type),
        }
    )
