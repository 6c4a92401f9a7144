"""The music to dance to: songs, or the stored features of a release."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from popdanceset.errors import InputError
from popdanceset.film import Sound
from popdanceset.release.reader import Release
from popdanceset.schema import FPS
from training.sampling.trained import Trained, must_hear

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece of music.

    Attributes:
        name: of the song without its ending, or of the clip; dances are named after it.
        features: (frames, width), unscaled.
        sound: its audio; None if only its features are known.
    """

    name: str
    features: torch.Tensor
    sound: Sound | None = None


def song_names(songs: Sequence[Path]) -> list[str]:
    """Returns the names of songs, after which their dances are named.

    Raises:
        InputError: two songs have the same name.
    """
    names = [song.stem for song in songs]
    if len(set(names)) < len(names):
        raise InputError(
            "two songs have the same name", "--music", "rename one: dances are named after songs"
        )
    return names


def pieces_of_songs(songs: Sequence[Path], trained: Trained, seconds: float | None = None) -> Iterator[Piece]:
    """Reads songs, videos or recordings one after the other, and computes the features of the network.

    Args:
        songs: the files.
        trained: the network, which names its music features.
        seconds: cut each song to this length; None: the whole song.

    Raises:
        InputError, AssetError: as `read_song` and `song_extractor`; or the features do not fit the network.
    """
    from popdanceset.music.song import read_song, song_extractor, song_features

    extractor = None
    for song, name in zip(songs, song_names(songs), strict=True):
        sound = read_song(song, seconds)
        length = len(sound.samples) / sound.rate
        if seconds is not None and length < seconds - 1 / FPS:
            _log.warning("%s lasts %.1f s, not the %g s that were asked for", song, length, seconds)
        extractor = extractor or song_extractor(trained.extractor)
        features = torch.from_numpy(song_features(sound, extractor))
        must_hear(trained, features.shape[1], trained.extractor, song)
        yield Piece(name, features, sound)


def clips_with_music(release: Release, split: str, extractor: str) -> list[str]:
    """Returns the clips of a split that have the music features, and warns of those that have none.

    Raises:
        InputError: the release has no such split or music features, or no clip of the split has any.
    """
    heard = set(release.clips_with_music(extractor))
    clips = release.clip_ids(split)
    names = [name for name in clips if name in heard]
    if not names:
        raise InputError(
            f"no clip of the split {split!r} has {extractor} features", release.path, "choose another split"
        )
    if len(names) < len(clips):
        _log.warning(
            "%s: %d of %d clips have no %s features and get no dance",
            release.path, len(clips) - len(names), len(clips), extractor,
        )  # fmt: skip
    return names


def pieces_of_release(
    release: Release, clips: Sequence[str], trained: Trained, seconds: float | None = None
) -> Iterator[Piece]:
    """Reads the stored music features of clips one after the other; a release contains no audio.

    Args:
        release: an open release.
        clips: names from `clips_with_music`.
        trained: the network, which names its music features.
        seconds: cut the music to this length; None: the whole clip.

    Raises:
        InputError: the features do not fit the network.
    """
    frames = None if seconds is None else max(1, int(seconds * FPS))
    for clip in clips:
        features = np.array(release.music(clip, trained.extractor), np.float32)
        must_hear(trained, features.shape[1], trained.extractor, f"{release.path}: {clip}")
        yield Piece(clip, torch.from_numpy(features[:frames]))
