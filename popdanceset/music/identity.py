"""Which clips share their music."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.errors import MediaError

RATE = 16_000  # 1/s
_LOUDEST_SILENCE = 8  # of 32767: noise of an encoder that was given nothing


def music_id(path: str | Path, bvid: str) -> str:
    """Name of the music of a video: the hash of its decoded sound.

    It finds exact copies only: the same sound, encoded the same way, as re-uploads without re-encoding have
        it. The clips of one video share it, so that they never come apart in a split.

    Args:
        path: the whole video, not a clip of it.
        bvid: whose it is; a video without sound shares its music with no other.

    Returns:
        `sound:{hash}`, or `silent:{bvid}`.

    Raises:
        InputError: there is no such file, or it may not be read.
        MediaError: its sound is damaged.
    """
    digest, loudest = hashlib.sha256(), 0
    for block in _sound(Path(path)):
        digest.update(block.tobytes())
        loudest = max(loudest, int(np.abs(block.astype(np.int32)).max(initial=0)))
    return f"sound:{digest.hexdigest()[:16]}" if loudest > _LOUDEST_SILENCE else f"silent:{bvid}"


def _sound(path: Path) -> Any:
    """Blocks (n,) int16 of the first audio track, mono, at `RATE`; none if there is no track."""
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
