"""`python -m training.sample`: dances to any music, with a trained network."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import click
import numpy as np
import torch

from popdanceset.commands import run
from popdanceset.errors import InputError
from popdanceset.film import Sound
from popdanceset.progress import display, track
from popdanceset.schema import FPS
from training.export import WRITERS, Dance, render, write
from training.popdg.editing import Given
from training.sampling.audio import read_audio
from training.sampling.dancing import STEPS, SamplerName, dance, whole
from training.sampling.given import PARTS, keep, read_dance
from training.sampling.trained import Trained, load_authors, load_trained, must_hear

FORMATS = (*WRITERS, "mp4")


def features_of(sound: Sound, extractor: str) -> torch.Tensor:
    """(frames, width) features at 30 a second, made as those of a release are.

    Raises:
        InputError: the extractor is unknown, or its model files are missing.
    """
    import soundfile

    from popdanceset.music.features import load_extractor
    from popdanceset.settings import Settings

    settings = Settings.load(overrides={"music": {"extractor": extractor}})
    with TemporaryDirectory() as folder:
        path = Path(folder, "music.wav")
        soundfile.write(path, sound.samples, sound.rate, subtype="FLOAT")
        heard = load_extractor(settings.music)(path)
    return torch.from_numpy(np.ascontiguousarray(heard))[: int(len(sound.samples) / sound.rate * FPS)]


@click.command()
@click.option("--checkpoint", required=True, type=click.Path(path_type=Path), help="File, or a run's folder.")
@click.option(
    "--music", "songs", required=True, multiple=True, type=click.Path(path_type=Path), help="May be repeated."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the dances.")
@click.option("--variants", default=1, show_default=True, type=click.IntRange(1), help="Dances to each song.")
@click.option("--seed", default=0, show_default=True, help="Of the first variant; the others follow.")
@click.option("--sampler", default="ddim", show_default=True, type=click.Choice(get_args(SamplerName)))
@click.option("--steps", type=click.IntRange(1), help=f"Of the sampler (default: {STEPS}).")
@click.option("--guidance", type=float, help="Weight of the music; 1 is plain (default: the model's own).")
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=("npz", "mp4"),
    show_default=True,
    type=click.Choice(FORMATS),
    help="May be repeated.",
)
@click.option("--seconds", type=click.FloatRange(1), help="Only so much of each song.")
@click.option("--given", type=click.Path(path_type=Path), help="An npz with a dance, parts of which stay.")
@click.option("--keep", "part", help=f"What stays of it: {PARTS}.")
@click.option("--released", is_flag=True, help="The checkpoint is one of the authors' code.")
@click.option("--extractor", default="jukebox", show_default=True, help="Music features of such a one.")
@click.option("--device", help="As torch names it (default: cuda if there is one, else cpu).")
def sample(
    checkpoint: Path,
    songs: tuple[Path, ...],
    out: Path,
    variants: int,
    seed: int,
    sampler: SamplerName,
    steps: int | None,
    guidance: float | None,
    formats: tuple[str, ...],
    seconds: float | None,
    given: Path | None,
    part: str | None,
    released: bool,
    extractor: str,
    device: str | None,
) -> None:
    """Dances to music: one file a song, variant and format, named {song}-{seed}."""
    if (given is None) != (part is None):
        raise InputError("--given and --keep go together", do=f"keep {PARTS}")
    names = [song.stem for song in songs]
    if len(set(names)) < len(names):
        raise InputError("two songs have the same name", "--music", "rename one, as dances take their names")
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    trained = load_authors(checkpoint, device, extractor) if released else load_trained(checkpoint, device)
    old = None if given is None else read_dance(given)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"not writable: {error.strerror}", out, "name another folder") from error
    with display(), track("dances", len(songs) * variants) as advance:
        for song in songs:
            sound = read_audio(song)
            if seconds is not None:
                sound = Sound(sound.samples[: int(seconds * sound.rate)], sound.rate)
            music = features_of(sound, trained.extractor)
            must_hear(trained, music.shape[1], trained.extractor, song)
            fixed = None if old is None or part is None else keep(old, part, len(music), trained.scaler)
            for variant in range(seed, seed + variants):
                made = make(trained, music, sampler, steps, guidance, variant, fixed)
                target = out / f"{song.stem}-{variant}"
                for ending in formats:
                    path = target.with_name(f"{target.name}.{ending}")
                    if ending == "mp4":
                        render.film(made.joints, path, FPS, sound)
                    else:
                        write(path, made)
                advance(1, target.name)
                click.echo(f"{target}  {len(music) / FPS:.1f} s of dance in {made.seconds_to_generate:.1f} s")


def make(
    trained: Trained,
    music: torch.Tensor,
    sampler: SamplerName,
    steps: int | None,
    guidance: float | None,
    seed: int,
    given: Given | None,
) -> Dance:
    """One dance, with a bar of its frames; arguments as of `training.sampling.dancing.dance`."""
    began = time.perf_counter()
    pieces = []
    with track("frames", len(music)) as advance:
        for piece in dance(
            trained, music, sampler=sampler, steps=steps, guidance=guidance, seed=seed, given=given
        ):
            pieces.append(piece)
            advance(len(piece.poses))
    motion = whole(iter(pieces))
    took = time.perf_counter() - began
    return Dance(motion.poses.double().numpy(), motion.translation.double().numpy(), FPS, took)


if __name__ == "__main__":
    run(sample, "python -m training.sample")
