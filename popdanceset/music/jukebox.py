"""Music features from Jukebox: what layer 66 of its language model holds, 4800 numbers at 30 frames a second.

The model (Dhariwal et al., 2020; 5 billion parameters) is run by jukemirlib (Castellon et al., 2021), on a
machine with a GPU. EDGE and POPDG take their features in the same way.
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
from popdanceset.music.baseline import read_sound
from popdanceset.music.features import fit
from popdanceset.schema import FPS
from popdanceset.settings import MusicSettings

Floats = np.ndarray[Any, np.dtype[np.float32]]

LAYER, WIDTH, RATE = 66, 4800, 44_100
CHECKPOINTS = ("vqvae.pth.tar", "prior_level_2.pth.tar")
SOURCE = "https://openaipublic.azureedge.net/jukebox/models/5b/"

BODY, LEAD = 20 * FPS, 3 * FPS
"""Frames: a longer sound is taken in parts of `BODY`, each heard from `LEAD` before it on, as the model knows
what came before. Together they stay below its context of 1,048,576 samples, 23.8 s."""

_SAMPLES = RATE // FPS


class Model(Protocol):
    """What is used of jukemirlib; the module itself is one."""

    def extract(
        self,
        audio: Floats,
        *,
        layers: Sequence[int],
        downsample_target_rate: int,
        fp16: bool,
    ) -> Mapping[int, Floats]:
        """Layer → (frames, width) of a sound (n,) at 44,100 Hz."""
        ...


class Jukebox:
    """The features as a `popdanceset.music.features.FeatureExtractor`.

    Args:
        model: jukemirlib, or something that can do the same.
        fp16: half precision.
    """

    name: ClassVar[str] = "jukebox"
    width: ClassVar[int] = WIDTH
    events: ClassVar[slice] = slice(0, 0)

    def __init__(self, model: Model, fp16: bool = True) -> None:
        self.model = model
        self.fp16 = fp16

    def __call__(self, path: Path) -> Floats:
        """Features of a sound file: (frames, 4800) float32, a frame for every begun 1/30 s.

        Raises:
            InputError: there is no such file.
            MediaError: it is no readable sound, or holds no samples.
            AssetError: the model gives something else than such features.
        """
        librosa = load_librosa()

        samples, rate = read_sound(path)
        if not len(samples) or not np.isfinite(samples).all():
            raise MediaError("holds no sound, or samples that are no finite numbers", path, "cut it again")
        sound = librosa.resample(samples, orig_sr=rate, target_sr=RATE)
        sound /= max(float(np.abs(sound).max()), 1e-9)  # as jukemirlib's own loader does
        frames = -(-len(sound) // _SAMPLES)
        return np.concatenate([self._part(sound, first, frames) for first in range(0, frames, BODY)])

    def _part(self, sound: Floats, first: int, frames: int) -> Floats:
        start = max(0, first - LEAD)
        last = min(first + BODY, frames)
        part = np.ascontiguousarray(sound[start * _SAMPLES : last * _SAMPLES], np.float32)
        part = np.pad(
            part, (0, max(0, RATE - len(part)))
        )  # less than a second may hold no frame for the model
        layers = self.model.extract(part, layers=[LAYER], downsample_target_rate=FPS, fp16=self.fp16)
        found = np.asarray(layers.get(LAYER, ()), np.float32)
        if found.ndim != 2 or found.shape[1] != WIDTH or not len(found) or not np.isfinite(found).all():
            raise AssetError(
                f"Jukebox gives {found.shape} where finite (frames, {WIDTH}) are due",
                do="check the checkpoints, or set music.fp16=false",
            )
        return fit(found, last - start)[first - start :]


def load_jukebox(settings: MusicSettings) -> Jukebox:
    """Jukebox by jukemirlib, with its checkpoints from `music.jukebox_dir`.

    The weights go to the GPU with the first sound.

    Raises:
        AssetError: jukemirlib or a checkpoint is missing.
        SettingsError: `music.device` is not there.
    """
    without = "or use the baseline features, which need neither: music.extractor=baseline"
    if importlib.util.find_spec("jukemirlib") is None:
        raise AssetError(
            "Jukebox features need jukemirlib, which is not installed",
            do=f"see https://github.com/rodrigo-castellon/jukemirlib, {without}",
        )
    folder = Path(settings.jukebox_dir or "~/.cache/jukemirlib").expanduser()
    missing = [name for name in CHECKPOINTS if not (folder / name).is_file()]
    if missing:
        raise AssetError(
            f"Jukebox's checkpoint is missing: {', '.join(missing)}",
            folder,
            f"get it from {SOURCE} (about 10 GB), or set music.jukebox_dir, {without}",
        )
    library: Any = importlib.import_module("jukemirlib")
    constants: Any = importlib.import_module("jukemirlib.constants")
    if constants.DEVICE == "cpu":
        raise SettingsError(
            f"setting 'music.device': {settings.device!r} is not there: Jukebox needs a CUDA device",
            do=without,
        )
    # It reads both names from its modules when it loads the model.
    for module in (library, constants):
        module.CACHE_DIR, module.DEVICE = str(folder), settings.device
    return Jukebox(library, settings.fp16)
