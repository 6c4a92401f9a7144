"""The sound of imported clips: whether it can be used, and which music it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from popdanceset.errors import InputError, MediaError

if TYPE_CHECKING:
    from popdanceset.settings import Settings
    from popdanceset.store import Store

LONGEST = 3600.0
"""Seconds of sound that a clip may have."""

_RATES = (4_000, 400_000)
_IDENTIFIED = ("sound:", "silent:")


def check_sound(path: Path) -> None:
    """Does nothing if the music features of a sound can be computed.

    Raises:
        MediaError: it is not a readable audio file, or empty.
        InputError: it is longer than a clip can be.
    """
    import soundfile

    from popdanceset.music.audio import read_track

    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise MediaError(f"its sound is not readable: {error}", path, "mend or remove it") from None
    if not info.frames or not _RATES[0] <= info.samplerate <= _RATES[1]:
        raise MediaError(
            f"its sound has {info.frames} samples at {info.samplerate} Hz", path, "mend or remove it"
        )
    if info.frames / info.samplerate > LONGEST:
        raise InputError(f"its sound lasts {info.frames / info.samplerate:.0f} s", path, "cut it")
    read_track(path)


def is_unknown(music_id: str) -> bool:
    """Returns whether a music id says that nobody stated the music: it is empty, or found by the sound."""
    return not music_id or music_id.startswith(_IDENTIFIED)


def music_of(sounds: Sequence[str], bvid: str, page: int, settings: Settings, store: Store) -> str:
    """Returns the music id of a part of a video, by the sound of its clips, one after the other.

    The published sets have no sound of whole videos. A piece that is cut in the middle is still found in
    another video: windows of 24 s are compared, wherever they lie.

    Args:
        sounds: names in the store, in the order of the clips.
        bvid, page: the part.
        settings: methods and thresholds.
        store: holds the sounds; receives the fingerprints.
    """
    import soundfile

    from popdanceset.music.audio import read_track
    from popdanceset.music.fingerprint import RATE
    from popdanceset.music.identity import identify

    pieces = []
    for name in sounds:
        with store.local(name) as path:
            pieces.append(read_track(path))
    with store.scratch() as folder:
        whole = folder / "whole.wav"
        soundfile.write(whole, np.concatenate(pieces), RATE, "PCM_16")
        return identify(whole, bvid, page, settings, store)
