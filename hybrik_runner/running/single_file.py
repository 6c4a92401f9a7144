"""One video file in, its poses and a report out: `popdanceset extract FILE`."""

from __future__ import annotations

import logging
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.estimator import loaded_estimator
from hybrik_runner.output import overlay as drawing
from hybrik_runner.poses.table import with_turn
from hybrik_runner.poses.verdict import report
from hybrik_runner.running.pipeline import Job, Pipeline
from hybrik_runner.running.runner import decide
from hybrik_runner.running.turning import turned
from popdanceset import layout, media
from popdanceset.errors import InputError
from popdanceset.motion.accuracy import (
    acceleration_error,
    aligned,
    foot_sliding,
    pa_mpjpe,
    root_translation_error,
)
from popdanceset.progress import track
from popdanceset.schema import FPS
from popdanceset.skeleton import LIMB_JOINTS
from popdanceset.store import Store
from popdanceset.tables import fold_column

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import pyarrow as pa

    from hybrik_runner.estimator import PoseEstimator
    from hybrik_runner.poses.table import Quality
    from hybrik_runner.poses.verdict import Verdict
    from popdanceset.settings import Settings

log = logging.getLogger(__name__)

_HIPS, _ANKLES = slice(6, 8), slice(10, 12)  # of LIMB_JOINTS


def extract_file(
    path: Path,
    folder: Path,
    settings: Settings,
    truth: Path | None = None,
    overlay: drawing.Style | None = None,
    turn: int | None = 0,
) -> dict[str, Any]:
    """Extracts the poses of a video file.

    Writes `{stem}.parquet` (schema FRAMES; not if nobody was found), `{stem}.json` (the report) and, with
    `overlay`, `{stem}_*.png` and `{stem}_overlay.mp4`.

    Args:
        path: the video.
        folder: output folder; created if it does not exist.
        settings: those of `pose` count.
        truth: NPZ file whose `J` (frames, 12, 3) holds the joints of `LIMB_JOINTS` at 30 fps.
        overlay: how to draw the poses; None: they are not drawn.
        turn: degrees clockwise by which the frames are turned first, 0, 90, 180 or 270; None: a clip on its
            side is found and done again upright.

    Returns:
        The report.

    Raises:
        InputError: the video or the truth cannot be read, or they do not fit each other.
        AssetError, SettingsError: as `load_estimator`.
    """
    known = read_truth(truth) if truth else None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot be created: {error.strerror}", folder, "name another folder with --out"
        ) from error
    store = Store(folder)
    total = media.probe(path).frames
    estimator = loaded_estimator(settings)
    start = time.perf_counter()
    quality, verdict = _extracted(path, estimator, settings, total, turn or 0)
    if turn is None:
        turn = quality.orientation.turn
        if turn:
            log.info("%s is on its side: turned by %d° clockwise and extracted again", path.name, turn)
            quality, verdict = _extracted(path, estimator, settings, total, turn)
    if quality.table is not None:
        quality = replace(quality, table=with_turn(quality.table, turn))
    if quality.table is not None:
        store.write_table(path.stem + layout.PARQUET, quality.table, quality.table.schema)
    seconds = time.perf_counter() - start
    result: dict[str, Any] = {
        "file": path.name,
        "estimator": estimator.name,
        "turned_by": turn,
        "seconds": round(seconds, 3),
        "pictures_per_second": round(quality.source_frames / seconds, 2),
        **report(quality, verdict),
    }
    if quality.table is not None:
        if known is not None:
            result |= _accuracy(quality.table, known, truth)
        if overlay:
            drawing.stills(path, quality.table, folder, style=overlay)
            drawing.video(path, quality.table, folder / f"{path.stem}_overlay.mp4", overlay)
    store.write_json(path.stem + layout.JSON, result)
    log.info(
        "extract %s: %d frames, verdict %s, %.1f s", path.name, quality.frames, verdict.decision, seconds
    )
    return result


def read_truth(path: Path) -> NDArray[np.float64]:
    """Reads `J` (frames, 12, 3) of an NPZ file.

    Raises:
        InputError: there is no such file, it is not an NPZ file, or it holds no such array.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            joints = np.asarray(archive["J"], np.float64)
    except FileNotFoundError as error:
        raise InputError("no such file", path, "check --truth") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError("contains no array J", path, "give an NPZ file with J (frames, 12, 3)") from error
    if joints.ndim != 3 or joints.shape[1:] != (12, 3) or not np.isfinite(joints).all():
        raise InputError(
            f"J has shape {joints.shape} or contains NaN or infinity", path, "J must be (frames, 12, 3)"
        )
    return joints


def _accuracy(table: pa.Table, known: NDArray[np.float64], where: Path | None) -> dict[str, float]:
    """The figures that need the truth. Those of WHAM and GVHMR are of the root and of vertices of the soles;
    here of the hips' middle and of the ankles."""
    limbs = _limbs(table, known, where)
    world = aligned(limbs + fold_column(table, "smpl_trans").astype(np.float64)[:, None], known)
    root, true_root = world[:, _HIPS].mean(1, keepdims=True), known[:, _HIPS].mean(1, keepdims=True)
    return {
        "pa_mpjpe_mm": round(1000 * pa_mpjpe(limbs, known), 2),
        "acceleration_error": round(acceleration_error(world - root, known - true_root, FPS), 3),
        "rte_percent": round(100 * root_translation_error(root[:, 0], true_root[:, 0]), 3),
        "foot_sliding_mm": round(1000 * foot_sliding(world[:, _ANKLES], known[:, _ANKLES], FPS), 2),
    }


def _limbs(table: pa.Table, known: NDArray[np.float64], where: Path | None) -> NDArray[np.float64]:
    if len(table) != len(known):
        raise InputError(
            f"holds {len(known)} frames, the video has {len(table)} at 30 fps",
            where or "",
            "give the truth at 30 fps",
        )
    return fold_column(table, "joints3d").astype(np.float64)[:, list(LIMB_JOINTS)]


def _extracted(
    path: Path, estimator: PoseEstimator[Any, Any], settings: Settings, total: int, turn: int
) -> tuple[Quality, Verdict]:
    with track("extract", total or None) as advance:
        job = Job(path.stem, lambda: _counted(path, turn, advance))
        (done,) = Pipeline(estimator, calibrated=settings.pose.calibrated).run([job])
    if isinstance(done.poses, Exception):
        raise done.poses
    return decide(path.stem, done.poses, estimator.name, settings)


def _counted(path: Path, turn: int, advance: Callable[[int, str], None]) -> Generator[media.Frame]:
    for frame in turned(media.frames(path), turn):
        yield frame
        advance(1, "")
