"""Any file with an audio track as music: its samples, and its features as those of a release are computed.

Songs need no store: `sample` dances to them, `evaluate` finds their beats, and `features FILE` writes what
their extractor finds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from popdanceset.atomic import atomic_write
from popdanceset.errors import InputError, MediaError
from popdanceset.film import Sound
from popdanceset.media import opened
from popdanceset.music.extractor import FeatureExtractor, Floats
from popdanceset.schema import FPS

SHORTEST = 1.0
"""Least number of seconds of music to dance to."""

LONGEST = 3600.0
"""Seconds above which a song is refused: its samples must fit into memory."""

FEATURE_FILES = (".npz", ".npy")
"""Endings of the files that `write_features` writes."""

_RATE = 48_000
_LOW_RATE = 15_360
"""Samples a second below which the music features miss frequencies that they use."""
_SILENCE = 1e-4
_GROWTH = 60 * _RATE
"""Samples by which the memory grows: it is extended in place, since a copy would double it."""

_log = logging.getLogger(__name__)


def read_song(path: Path, seconds: float | None = None) -> Sound:
    """Reads the first audio track of a song, video or recording, as stereo at 48 kHz.

    Logs a warning if the sample rate is so low that frequencies used by the music features are missing.

    Args:
        path: the file.
        seconds: read no more than this; None: the whole song.

    Raises:
        InputError: there is no such file, or its audio is shorter than a second, longer than an hour, or
            silent.
        MediaError: it has no audio track, or the track is damaged.
    """
    import av

    wanted = round(_RATE * (LONGEST if seconds is None else min(seconds, LONGEST)))
    samples, count = np.empty((_GROWTH, 2), np.float32), 0
    with opened(path) as container:
        if not container.streams.audio:
            raise MediaError("has no audio track", path, "name a file with music")
        stream = container.streams.audio[0]
        rate = stream.rate
        try:
            for block in _stereo(container.decode(stream)):
                if count + len(block) > len(samples):
                    samples.resize((count + len(block) + _GROWTH, 2), refcheck=False)
                samples[count : count + len(block)] = block
                count += len(block)
                if count > wanted:
                    break
        except av.FFmpegError as error:
            raise MediaError(
                f"its audio track is damaged: {error.strerror}", path, "download it again"
            ) from error
    if count > wanted and seconds is None:
        raise InputError(f"lasts more than {LONGEST / 60:g} minutes", path, "cut it")
    samples.resize((min(count, wanted), 2), refcheck=False)
    if len(samples) < SHORTEST * _RATE:
        raise InputError(f"has {len(samples) / _RATE:.2f} s of music", path, f"give at least {SHORTEST:g} s")
    if not np.isfinite(samples).all():
        raise MediaError("its audio contains NaN or infinity", path, "download it again")
    if np.abs(samples).max() < _SILENCE:
        raise InputError("is silent", path, "name a file with music")
    if rate < _LOW_RATE:
        _log.warning(
            "%s: recorded at %d Hz; frequencies above %d Hz, which the model may rely on, are missing",
            path,
            rate,
            rate // 2,
        )
    return Sound(samples, _RATE)


def _stereo(frames: Iterator[Any]) -> Iterator[Floats]:
    """Blocks (n, 2) float32 at 48 kHz; the number of channels and the rate may change in the middle."""
    import av

    resampler: Any = av.AudioResampler("fltp", "stereo", _RATE)
    form = None
    for frame in frames:
        now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if now != form and form is not None:
            yield from (piece.to_ndarray().T for piece in resampler.resample(None))
            resampler = av.AudioResampler("fltp", "stereo", _RATE)
        form = now
        frame.pts = None  # a jump of the time stamps is not silence
        yield from (piece.to_ndarray().T for piece in resampler.resample(frame))
    if form is not None:
        yield from (piece.to_ndarray().T for piece in resampler.resample(None))


def song_extractor(name: str) -> FeatureExtractor:
    """Loads an extractor by its name in a release, with the user's other settings.

    Raises:
        SettingsError: the extractor is unknown.
        AssetError: its model files are missing.
    """
    from popdanceset.music.features import load_extractor
    from popdanceset.settings import Settings

    return load_extractor(Settings.load(overrides={"music": {"extractor": name}}).music)


def song_features(song: Sound, extractor: FeatureExtractor) -> Floats:
    """Computes the features of a song: (frames, width) float32, for each whole 1/30 s of it.

    Raises:
        AssetError: the model of the extractor does not work.
    """
    import soundfile

    with TemporaryDirectory() as folder:
        path = Path(folder, "music.wav")
        soundfile.write(path, song.samples, song.rate, subtype="FLOAT")
        features = extractor(path)
    return np.ascontiguousarray(features[: int(len(song.samples) / song.rate * FPS)], np.float32)


def write_features(path: Path, features: Floats, extractor: str) -> None:
    """Writes the features of a song: an `.npy` array (frames, width), or an `.npz` archive.

    The archive has `features`, `fps` and the name of the `extractor`.

    Raises:
        InputError: the ending is unknown, or the file cannot be written.
    """
    check_ending(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            if path.suffix.lower() == ".npy":
                np.save(file, features)
            else:
                np.savez_compressed(
                    file, features=features, fps=np.float64(FPS), extractor=np.array(extractor)
                )
    except OSError as error:
        raise InputError(f"not writable: {error.strerror}", path, "name another file") from error


def check_ending(path: Path) -> None:
    """Checks that features can be written to a file of this name, before they are computed.

    Raises:
        InputError: the ending is unknown.
    """
    if path.suffix.lower() not in FEATURE_FILES:
        raise InputError("unknown kind of file for features", path, f"use {' or '.join(FEATURE_FILES)}")
