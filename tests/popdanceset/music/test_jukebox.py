"""Jukebox features, with a tiny model that has jukemirlib's interface."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

from popdanceset.errors import AssetError, MediaError, SettingsError
from popdanceset.music import jukebox
from popdanceset.music.features import extract_features, load_extractor
from popdanceset.music.jukebox import CHECKPOINTS, Jukebox, load_jukebox
from popdanceset.schema import CLIPS, music_schema
from popdanceset.settings import MusicSettings, Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows

CONTEXT = 1_048_576  # samples that the real model can process at once

TINY = '''
"""A stand-in: every frame holds the mean level of its audio, 4800 times."""
import numpy as np
from . import constants
CACHE_DIR, DEVICE = constants.CACHE_DIR, constants.DEVICE
calls = []

def extract(audio=None, fpath=None, meanpool=False, layers=None, offset=0.0, duration=None,
            downsample_target_rate=None, downsample_method=None, fp16=False, fp16_out=False,
            force_empty_cache=True):
    calls.append((len(audio), fp16))
    hop = 44100 // downsample_target_rate
    frames = len(audio) // hop
    level = audio[: frames * hop].reshape(frames, hop).mean(1)
    return {layer: np.repeat(level[:, None], 4800, axis=1).astype(np.float32) for layer in layers}
'''


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The stand-in, importable as jukemirlib, with a folder of checkpoints next to it."""
    package = tmp_path / "site/jukemirlib"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(TINY)
    (package / "constants.py").write_text("CACHE_DIR = '/nowhere'\nDEVICE = 'cuda'\n")
    monkeypatch.syspath_prepend(package.parent)
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    for name in CHECKPOINTS:
        (checkpoints / name).touch()
    yield checkpoints
    for name in ("jukemirlib", "jukemirlib.constants"):
        sys.modules.pop(name, None)


def ramp(path: Path, seconds: float, rate: int = 44_100) -> Path:
    """An audio file whose level grows with time."""
    soundfile.write(path, np.linspace(0, 1, int(seconds * rate)), rate, subtype="FLOAT")
    return path


@pytest.mark.parametrize("seconds", [0.01, 5.0, 19.99, 20.0, 67.3])
def test_long_audio_is_processed_in_parts_that_fit_together(
    library: Path, tmp_path: Path, seconds: float
) -> None:
    extractor = load_jukebox(MusicSettings(jukebox_dir=str(library)))
    features = extractor(ramp(tmp_path / "a.wav", seconds))
    frames = -(-int(seconds * 44_100) // 1470)
    assert features.shape == (frames, 4800)
    assert features.dtype == np.float32
    if seconds > 1:
        middle = (np.arange(frames) + 0.5) / 30 / seconds
        np.testing.assert_allclose(features[:-1, 0], middle[:-1], atol=1e-3)
    calls = sys.modules["jukemirlib"].calls
    assert max(samples for samples, _ in calls) < CONTEXT
    assert len(calls) == -(-frames // 600)


def test_settings_reach_the_library(library: Path, tmp_path: Path) -> None:
    settings = MusicSettings(extractor="jukebox", jukebox_dir=str(library), device="cuda:1", fp16=False)
    extractor = load_extractor(settings)
    assert (extractor.name, extractor.width, extractor.events) == ("jukebox", 4800, slice(0, 0))
    for name in ("jukemirlib", "jukemirlib.constants"):
        module: Any = sys.modules[name]
        assert (str(library), "cuda:1") == (module.CACHE_DIR, module.DEVICE)
    extractor(ramp(tmp_path / "a.wav", 1))
    assert sys.modules["jukemirlib"].calls[-1][1] is False


def test_what_is_missing_is_named_with_an_alternative(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = MusicSettings(extractor="jukebox", jukebox_dir=str(library))
    (library / CHECKPOINTS[1]).unlink()
    with pytest.raises(
        AssetError, match=r"prior_level_2\.pth\.tar .*openaipublic.*music\.extractor=baseline"
    ):
        load_extractor(settings)
    monkeypatch.setattr(jukebox.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AssetError, match=r"jukemirlib, which is not installed .*music\.extractor=baseline"):
        load_extractor(settings)


def test_a_machine_without_a_gpu_is_an_error(library: Path) -> None:
    (library.parent / "site/jukemirlib/constants.py").write_text("CACHE_DIR = ''\nDEVICE = 'cpu'\n")
    with pytest.raises(SettingsError, match=r"music\.device.*needs a CUDA device"):
        load_jukebox(MusicSettings(jukebox_dir=str(library)))


@pytest.mark.parametrize(
    "layers",
    [{}, {66: np.zeros((30, 64))}, {66: np.zeros((0, 4800))}, {66: np.full((30, 4800), np.nan)}],
    ids=["none", "narrow", "empty", "nan"],
)
def test_a_model_that_returns_something_else_is_refused(layers: dict, tmp_path: Path) -> None:
    class Odd:
        def extract(self, audio: np.ndarray, **options: Any) -> dict:
            return layers

    with pytest.raises(AssetError, match="Jukebox returned"):
        Jukebox(Odd())(ramp(tmp_path / "a.wav", 1))


def test_files_without_samples_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 44_100)
    with pytest.raises(MediaError, match=r"empty\.wav: holds no audio"):
        Jukebox(ModuleType("unused"))(tmp_path / "empty.wav")  # type: ignore[arg-type]


def test_a_clip_may_have_features_of_both_kinds(
    library: Path, tmp_path: Path, settings: Settings, store: Store
) -> None:
    store.put(ramp(tmp_path / "a.wav", 1), "media/BV1/BV1_Clip_1.wav")
    row = dict.fromkeys(CLIPS.names) | {
        "clip_id": "BV1_Clip_1", "bvid": "BV1", "page": 1, "start": 0.0, "end": 1.0, "frames": 30,
        "path": "media/BV1/BV1_Clip_1.mp4", "music_path": "media/BV1/BV1_Clip_1.wav", "music_id": "m1",
        "genre": "unknown", "dancer_id": "1", "accepted": True, "reason": "",
    }  # fmt: skip
    store.write_table("clips/BV1.parquet", from_rows([row], CLIPS), CLIPS)
    music = settings.music.model_copy(update={"extractor": "jukebox", "jukebox_dir": str(library)})
    for each in (settings, settings.model_copy(update={"music": music})):
        assert extract_features(each, store) == 1
        assert extract_features(each, store) == 0
    for name, width in (("baseline", 35), ("jukebox", 4800)):
        table = store.read_table(f"music/{name}/BV1_Clip_1.parquet", music_schema(name, width))
        assert len(table) == 30
