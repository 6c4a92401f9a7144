"""The sound of a film or sound file, mixed and reduced to what fingerprints look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.errors import MediaError
from popdanceset.music.fingerprint import RATE, Samples


def read_track(path: str | Path) -> Samples:
    """The first audio track: (n,) int16, mono at `popdanceset.music.fingerprint.RATE`; empty without one.

    Raises:
        InputError: there is no such file, or it may not be read.
        MediaError: its sound is damaged.
    """
    blocks = [*_blocks(Path(path))]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)


def _blocks(path: Path) -> Any:
    import av

    from popdanceset.media import opened

    with opened(path) as container:
        if not container.streams.audio:
            return
        resampler = av.AudioResampler("s16", "mono", RATE)
        try:
            for frame in container.decode(container.streams.audio[0]):
                for piece in resampler.resample(frame):
                    yield piece.to_ndarray()[0].astype("<i2")
            for piece in resampler.resample(None):
                yield piece.to_ndarray()[0].astype("<i2")
        except av.FFmpegError as error:
            raise MediaError(
                f"its sound is damaged: {error.strerror}", path, "fetch the file again"
            ) from error
