"""Music features from Jukebox: the activations of layer 66 of its language model, 4800 numbers per frame.

The model (Dhariwal et al., 2020; 5 billion parameters) is run by jukemirlib (Castellon et al., 2021) on a
machine with a GPU. EDGE and POPDG compute their features in the same way, at 30 frames a second.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from popdanceset.compiled_librosa import load_librosa
from popdanceset.errors import AssetError, MediaError, SettingsError
from popdanceset.music.audio import read_audio
from popdanceset.music.extractor import Floats, fit_length
from popdanceset.schema import FPS
from popdanceset.settings import MusicSettings

LAYER, WIDTH, RATE = 66, 4800, 44_100
CHECKPOINTS = ("vqvae.pth.tar", "prior_level_2.pth.tar")
CHECKPOINTS_URL = "https://openaipublic.azureedge.net/jukebox/models/5b/"

BODY, LEAD = 20 * FPS, 3 * FPS
"""Frames: longer audio is processed in parts of `BODY`. Each part is heard from `LEAD` earlier on, so that
the model knows what came before. Together they stay below its context of 1,048,576 samples, 23.8 s."""

_SAMPLES = RATE // FPS


class Model(Protocol):
    """The part of jukemirlib that is used here; the module itself satisfies it."""

    def extract(
        self,
        audio: Floats,
        *,
        layers: Sequence[int],
        downsample_target_rate: int,
        fp16: bool,
    ) -> Mapping[int, Floats]:
        """Returns layer → (frames, width) of audio (n,) at 44,100 Hz."""
        ...


class Jukebox:
    """The features as a `popdanceset.music.extractor.FeatureExtractor`.

    Args:
        model: jukemirlib, or an object with the same `extract`.
        fp16: use half precision.
    """

    name: ClassVar[str] = "jukebox"
    width: ClassVar[int] = WIDTH
    events: ClassVar[slice] = slice(0, 0)

    def __init__(self, model: Model, fp16: bool = True) -> None:
        self.model = model
        self.fp16 = fp16

    def __call__(self, path: Path) -> Floats:
        """Returns the features of an audio file: (frames, 4800) float32, one row per started 1/30 s.

        Raises:
            InputError: there is no such file.
            MediaError: the file is not readable audio, or holds no samples.
            AssetError: the model returns features of another shape, or NaN.
        """
        librosa = load_librosa()

        samples, rate = read_audio(path)
        if not len(samples) or not np.isfinite(samples).all():
            raise MediaError(
                "holds no audio, or samples that are NaN or infinite", path, "cut the clip again"
            )
        audio = librosa.resample(samples, orig_sr=rate, target_sr=RATE)
        audio /= max(float(np.abs(audio).max()), 1e-9)  # as jukemirlib's own loader does
        frames = -(-len(audio) // _SAMPLES)
        return np.concatenate([self._part(audio, first, frames) for first in range(0, frames, BODY)])

    def _part(self, audio: Floats, first: int, frames: int) -> Floats:
        start = max(0, first - LEAD)
        last = min(first + BODY, frames)
        part = np.ascontiguousarray(audio[start * _SAMPLES : last * _SAMPLES], np.float32)
        # The model may return no frame for less than a second.
        part = np.pad(part, (0, max(0, RATE - len(part))))
        layers = self.model.extract(part, layers=[LAYER], downsample_target_rate=FPS, fp16=self.fp16)
        found = np.asarray(layers.get(LAYER, ()), np.float32)
        if found.ndim != 2 or found.shape[1] != WIDTH or not len(found) or not np.isfinite(found).all():
            raise AssetError(
                f"Jukebox returned {found.shape} where finite (frames, {WIDTH}) are expected",
                do="check the checkpoints, or set music.fp16=false",
            )
        return fit_length(found, last - start)[first - start :]


def load_jukebox(settings: MusicSettings) -> Jukebox:
    """Loads Jukebox through jukemirlib, with its checkpoints from `music.jukebox_dir`.

    The weights are moved to the GPU when the first file is processed.

    Raises:
        AssetError: jukemirlib or a checkpoint is missing.
        SettingsError: the device `music.device` is not available.
    """
    alternative = "or use the baseline features, which need neither: music.extractor=baseline"
    if importlib.util.find_spec("jukemirlib") is None:
        raise AssetError(
            "Jukebox features need jukemirlib, which is not installed",
            do=f"see https://github.com/rodrigo-castellon/jukemirlib, {alternative}",
        )
    folder = Path(settings.jukebox_dir or "~/.cache/jukemirlib").expanduser()
    missing = [name for name in CHECKPOINTS if not (folder / name).is_file()]
    if missing:
        raise AssetError(
            f"Jukebox's checkpoint is missing: {', '.join(missing)}",
            folder,
            f"download it from {CHECKPOINTS_URL} (about 10 GB), or set music.jukebox_dir, {alternative}",
        )
    library: Any = importlib.import_module("jukemirlib")
    constants: Any = importlib.import_module("jukemirlib.constants")
    if constants.DEVICE == "cpu":
        raise SettingsError(
            f"setting 'music.device': {settings.device!r} is not available: Jukebox needs a CUDA device",
            do=alternative,
        )
    # jukemirlib reads both names from its modules when it loads the model.
    for module in (library, constants):
        module.CACHE_DIR, module.DEVICE = str(folder), settings.device
    return Jukebox(library, settings.fp16)
