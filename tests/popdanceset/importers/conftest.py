"""Sets of others, small and made here."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from scipy.spatial.transform import Rotation

from popdanceset.importers.importing import Summary, import_set
from popdanceset.settings import Settings
from popdanceset.store import Store

CLIPS = {"BV1aaaaaaaaa_Clip_1": 160, "BV1aaaaaaaaa_Clip_2": 190, "BV1bbbbbbbbb_Clip_10": 170}


def tone(path: Path, frequency: float, seconds: float) -> None:
    """Writes a melody of one voice."""
    rate = 16_000
    time = np.arange(int(seconds * rate)) / rate
    steps = frequency * 2 ** (np.floor(time * 3 % 7) / 12)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * np.cumsum(steps) / rate), rate)


def raw(dance: Any, depth: float = 4.0) -> dict[str, Any]:
    """A motion as the published pickles have it: axes of the camera, y down; the product is the position."""
    turn = Rotation.from_euler("x", 90, degrees=True)  # z up to y down
    poses = dance.poses.astype(np.float64)
    poses[:, 0] = (turn * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
    scale = np.linspace(0.8, 1.2, len(poses))[:, None]
    place = turn.apply(dance.translation.astype(np.float64)) + np.array([0.3, 0.9, depth])
    return {
        "transl": (place / scale).astype(np.float32),
        "pred_thetas": poses.reshape(-1, 72).astype(np.float32),
        "pred_camera": scale.astype(np.float32),
    }


def write_pickle(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))


@pytest.fixture
def published(tmp_path: Path, dance: Callable[..., Any]) -> Path:
    """A set in the published layout: three clips of two videos with sound, two splits, two lists."""
    folder = tmp_path / "published"
    for number, (name, frames) in enumerate(CLIPS.items()):
        write_pickle(folder / "motions" / f"{name}.pkl", raw(dance(frames, number)))
        tone(folder / "wavs" / f"{name}.wav", 220 if name.startswith("BV1a") else 330, frames / 30)
    write_list(folder / "splits/train.txt", list(CLIPS)[:2])
    write_list(folder / "splits/test.txt", list(CLIPS)[2:])
    write_list(folder / "high_quality_dataset", list(CLIPS)[1:2])
    (folder / "dataset_directory").write_bytes(
        b"All videos:\r\n\r\nhttps://www.bilibili.com/BV1aaaaaaaaa\r\nhttps://www.bilibili.com/BV1zzzzzzzzz\n"
    )
    return folder


def write_list(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


Import = Callable[..., Summary]


@pytest.fixture
def run(settings: Settings, store: Store) -> Import:
    """Imports a set into the store, and adds it to the manifest `all`."""

    def call(kind: str, path: Path, **more: Any) -> Summary:
        return import_set(kind, path, settings, store, Path(settings.manifests, "all"), **more)

    return call
