"""Reads a motion file by the layouts of `popdanceset.motion`, and checks that it can be imported."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from popdanceset.errors import InputError
from popdanceset.importers.items import Floats, Take
from popdanceset.motion.conventions import Conventions, Origin
from popdanceset.motion.files import SmplMotion, read_smpl

LARGEST_FILE = 1 << 30
"""Bytes of a motion file; a day of motion is smaller."""

RATES = (1.0, 1000.0)
"""Frames a second that a recording can have."""

MOST_FRAMES = 24 * 3600 * 120


def read_take(
    path: Path, conventions: Conventions, layouts: Collection[str] = (), estimator: str = ""
) -> Take:
    """Reads a motion with rotations whose rate is known.

    Args:
        path: the file.
        conventions: what the user states.
        layouts: the only layouts that are expected; empty: any.
        estimator: what made the motion; empty: the layout's name.

    Raises:
        InputError: the file is damaged or unsafe, has another layout, no rotations, an unknown rate, or
        values
            that are not finite.
    """
    check_size(path)
    found = read_smpl(path, conventions)
    source = found.motion.source
    assert source is not None
    if layouts and source.layout not in layouts:
        raise InputError(
            f"has the layout {source.layout}, not {' or '.join(layouts)}", path, "give another kind"
        )
    if source.fps_origin is Origin.ASSUMED:
        raise InputError(f"states no frame rate (layout {source.layout})", path, "give --fps")
    poses, root = _rotations(found, path)
    return checked(Take(poses, root, 1.0, source.fps, estimator or source.layout, how=str(source)), path)


def check_size(path: Path) -> None:
    """Does nothing if a file can be one motion.

    Raises:
        InputError: it is too large, or not readable.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check the path") from None
    if size > LARGEST_FILE:
        raise InputError(f"has {size} bytes, more than a motion can have", path, "give one motion a file")


def checked(take: Take, path: Path) -> Take:
    """Returns the motion, if all of it can be used.

    Raises:
        InputError: frames are not finite or too many, or the rate is not that of a recording.
    """
    count = len(take.poses)
    broken = int((~np.isfinite(take.poses).all((1, 2)) | ~np.isfinite(take.root).all(1)).sum())
    if broken:
        raise InputError(f"holds NaN or infinity in {broken} of {count} frames", path, "cut these frames out")
    if not RATES[0] <= take.fps <= RATES[1]:
        raise InputError(f"{take.fps:g} frames a second is not the rate of a recording", path, "give --fps")
    if count > MOST_FRAMES or np.abs(take.root).max(initial=0) > 1e5:
        raise InputError(
            f"{count} frames, up to {np.abs(take.root).max(initial=0):.3g} m away: this is no dance", path,
            "check unit and content",
        )  # fmt: skip
    return take


def _rotations(found: SmplMotion, path: Path) -> tuple[Floats, Floats]:
    if found.poses is None or found.translation is None:
        raise InputError("holds joint positions and no rotations, so no pose table can be made", path)
    return np.array(found.poses, np.float64), np.array(found.translation, np.float64)
