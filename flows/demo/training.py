"""The end of the demo: a minute of training on the new release, dances to its test music, and metrics.

In a minute on two cores a small network learns to move like a body, not to dance well. The table shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from popdanceset.store import Store

BATCH, WINDOW, STRIDE = 16, 60, 5
COLUMNS = ("PFC", "PBC", "Div_k", "Div_g", "BAS", "FID_k", "jitter", "latency")


@dataclass(frozen=True, slots=True)
class TrainedDemo:
    """The video of a dance with its music, the last checkpoint, and the metrics as a Markdown table."""

    video: Path
    checkpoint: Path
    table: str


def train_and_dance(store: Store, release: str, folder: Path, steps: int) -> TrainedDemo:
    """Trains on the training split of a release and dances to all music of its test split.

    A second run resumes training from the last checkpoint and keeps finished dances.

    Args:
        store: contains the release and the clips' audio.
        release: name of the release in the store.
        folder: output folder of checkpoints and dances.
        steps: number of training steps; 120 take about a minute on two cores.

    Raises:
        InputError: the release is too small to train or test on, or the folder is not writable.
    """
    from training.data import DanceWindows
    from training.fitting.checkpoint import step_of
    from training.fitting.recipe import Recipe
    from training.fitting.trainer import Trainer
    from training.popdg.config import PAPER, ModelConfig

    path = Path(store.address, release)
    windows = DanceWindows(path, "train", WINDOW, STRIDE, cache_dir=folder / "cache")
    small = ModelConfig(width=64, feedforward=128, heads=4, layers=2, music_layers=1)
    recipe = Recipe(
        steps=steps, batch_size=BATCH, learning_rate=1e-3, ema_decay=0.95, checkpoint_every=30, log_every=1
    )
    checkpoint = Trainer(windows, small, PAPER.objective, recipe, folder / "run").run()
    # The dances belong to a checkpoint: an earlier run may have trained for a different number of steps.
    dances = folder / "dances" / checkpoint.stem
    film = _dance(store, path, windows.extractor, checkpoint, dances)
    return TrainedDemo(film, checkpoint, _measure(path, dances, f"after {step_of(checkpoint)} steps"))


def _dance(store: Store, release_dir: Path, extractor: str, checkpoint: Path, folder: Path) -> Path:
    """Dances to the music of each test clip; renders the first dance as a video, whose path it returns."""
    import numpy as np
    import torch

    from popdanceset import layout
    from popdanceset.errors import InputError
    from popdanceset.music.song import read_song
    from popdanceset.release.reader import Release
    from popdanceset.schema import CLIPS
    from training.sampling.generate import generate, save
    from training.sampling.trained import load_trained

    with Release(release_dir) as opened:
        heard = opened.clips_with_music(extractor)
        names = [name for name in opened.clip_ids("test") if name in heard]
        music = {name: torch.from_numpy(np.array(opened.music(name, extractor))) for name in names}
    if not names:
        raise InputError("no clip of the test split has music", release_dir, "run the demo with more videos")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{names[0]}.mp4"
    trained = load_trained(checkpoint)
    for name in names:
        path = folder / f"{name}.npz"
        if path.exists() and (name != names[0] or target.exists()):
            continue
        dance = generate(trained, music[name], sampler="dpm-solver")
        if name == names[0]:
            sounds = store.read_table(layout.CLIPS, CLIPS, columns=["clip_id", "music_path"]).to_pylist()
            sound = next(row["music_path"] for row in sounds if row["clip_id"] == name)
            with store.local(sound) as file:
                save(dance, target, read_song(file))
        save(dance, path)
    return target


def _measure(release_dir: Path, dances: Path, name: str) -> str:
    """Evaluates the test split and the dances to its music."""
    from popdanceset.release.reader import Release
    from training.evaluation.scoring import score_sets
    from training.evaluation.sets import MotionFolder, read_folder_dances, read_release_dances
    from training.evaluation.table import markdown

    with Release(release_dir) as opened:
        truth, known = read_release_dances(opened, "test")
    model = read_folder_dances(MotionFolder(name, dances), known)
    return markdown(score_sets(truth, [model]).comparison, COLUMNS)
