"""Opens a media file and reads its packets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from popdanceset.errors import InputError, MediaError

_MOST_ERRORS = 100  # reading errors after which the rest of a file is given up
_LEAST_MOST_PACKETS = 10_000


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[Any]:
    """Opens a media file as a PyAV container.

    Raises:
        InputError: there is no such file, it is a folder, or it may not be read.
        MediaError: it is empty, or neither video nor audio.
    """
    import av

    path = Path(path)
    if path.is_dir():
        raise InputError("is a folder, not a media file", path, "name a file")
    try:
        if path.stat().st_size == 0:
            raise MediaError("is empty", path, "fetch the file again")
        # Without the prefix, "BV1:dance.mp4" would be an address of the protocol "BV1".
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            yield container
    except FileNotFoundError as error:
        raise InputError("no such file", path, "check the path") from error
    except PermissionError as error:
        raise InputError("may not be read", path, "check its permissions") from error
    except av.FFmpegError as error:
        raise MediaError(
            f"is not a readable video or audio file: {error.strerror}", path, "fetch the file again"
        ) from error


def read_packets(container: Any, path: str | Path, *streams: Any) -> Iterator[Any]:
    """Yields the packets of some streams (none named: of all) from the present position, past damaged places.

    The end yields one empty packet for each stream, which flushes its decoder.

    Raises:
        MediaError: the file has more packets than bytes, so that its index is wrong.
    """
    import av

    most = _LEAST_MOST_PACKETS + Path(path).stat().st_size
    number, errors, failed_at = 0, 0, -1
    wanted = streams or tuple(container.streams)
    while True:
        try:
            for packet in container.demux(*wanted):
                number += 1
                if number > most:
                    raise MediaError("is damaged: its index names more packets than it has bytes", path)
                yield packet
            return
        except IndexError:
            continue  # a packet of a track that begins in the middle, which PyAV does not know
        except av.FFmpegError:
            errors += 1
            if errors > _MOST_ERRORS or failed_at == number:
                break
            failed_at = number
    for stream in wanted:
        yield _flushing(stream)


def _flushing(stream: Any) -> Any:
    import av

    packet = av.Packet()
    packet.stream = stream
    return packet
