"""`popdanceset sample`: samples dances to any music from a trained network of any model.

    popdanceset sample --checkpoint runs/popdg --music song.mp3 --out out/popdg
    popdanceset sample --checkpoint runs/popdg --release RELEASE --split test --out out/popdg

`python -m training.sample` is the same program.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from popdanceset.commands import UserPath, run
from popdanceset.errors import InputError
from training.models import FIRST, MODELS
from training.sampling.choices import FORMATS, PARTS, STEPS, SamplerName, read_physics

PATH = UserPath()
DEFAULT_STEPS = ", ".join(f"{name} {steps}" for name, steps in STEPS.items())


@click.command(
    context_settings={"max_content_width": 110},
    short_help="Sample dances to songs, or to the music of a release.",
)
@click.option("--checkpoint", required=True, type=PATH, metavar="FILE", help="Checkpoint or folder of a run.")
@click.option(
    "--music", "songs", multiple=True, type=PATH, metavar="FILE",
    help="Song, video or recording to dance to; may be repeated.",
)  # fmt: skip
@click.option("--release", metavar="DIR", help="Release to whose stored music features to dance, instead.")
@click.option("--split", default="test", show_default=True, help="Split of the release.")
@click.option("--out", required=True, type=PATH, metavar="DIR", help="Output folder.")
@click.option(
    "--variants", default=1, show_default=True, type=click.IntRange(1), help="Number of dances to each song."
)
@click.option("--seed", default=0, show_default=True, help="Seed of the first variant; the others follow it.")
@click.option(
    "--sampler", type=click.Choice(get_args(SamplerName)),
    help="Sampling algorithm of a diffusion model (default: ddim; consistency if it is distilled).",
)  # fmt: skip
@click.option("--steps", type=click.IntRange(1), help=f"Steps of the sampler (default: {DEFAULT_STEPS}).")
@click.option(
    "--guidance", type=float,
    help="Weight of classifier-free guidance; 1 for none (default: the weight of the model).",
)  # fmt: skip
@click.option(
    "--guide", metavar="LIST",
    help="Physical guidance of a diffusion model: feet (that stand do not slide), floor, body (no limb in the"
    " body), separated by commas (default: none).",
)  # fmt: skip
@click.option(
    "--guide-strength", default=1.0, show_default=True, type=click.FloatRange(0, 2, min_open=True),
    help="Strength of --guide.",
)  # fmt: skip
@click.option(
    "--format", "formats", multiple=True, default=("npz", "mp4"), show_default=True,
    type=click.Choice(FORMATS), help="Format of the files; may be repeated.",
)  # fmt: skip
@click.option("--seconds", type=click.FloatRange(1), help="Cut each song to this length.")
@click.option("--given", type=PATH, metavar="FILE", help="NPZ dance whose parts are kept.")
@click.option("--keep", "part", metavar="PART", help=f"Part of --given to keep: {PARTS}.")
@click.option("--released", is_flag=True, help="Read a checkpoint of the authors' code.")
@click.option(
    "--model", "wanted", type=click.Choice(list(MODELS)),
    help=f"Model of the checkpoint (default: any; with --released: {FIRST}).",
)  # fmt: skip
@click.option(
    "--extractor", default="jukebox", show_default=True,
    help="Music features that a --released checkpoint was trained with.",
)  # fmt: skip
@click.option(
    "--graphs", is_flag=True, default=None, help="Sample with CUDA graphs: a distilled network on a GPU."
)
@click.option("--device", help="cpu, cuda, cuda:1, mps … (default: cuda if available, else cpu).")
def sample(
    checkpoint: Path,
    songs: tuple[Path, ...],
    release: str | None,
    split: str,
    out: Path,
    variants: int,
    seed: int,
    sampler: SamplerName | None,
    steps: int | None,
    guidance: float | None,
    guide: str | None,
    guide_strength: float,
    formats: tuple[str, ...],
    seconds: float | None,
    given: Path | None,
    part: str | None,
    released: bool,
    wanted: str | None,
    extractor: str,
    graphs: bool | None,
    device: str | None,
) -> None:
    """Sample dances to music: one file for each song or clip, variant and format, named {song}-{seed}."""
    from contextlib import ExitStack

    from popdanceset.devices import find_device
    from popdanceset.progress import display, track
    from popdanceset.release.reader import Release
    from popdanceset.schema import FPS
    from training.sampling.generate import generate, save
    from training.sampling.given import keep, read_dance
    from training.sampling.pieces import clips_with_music, pieces_of_release, pieces_of_songs, song_names
    from training.sampling.trained import load_authors, load_trained

    if (given is None) != (part is None):
        raise InputError("--given and --keep need each other", do=f"keep {PARTS}")
    if bool(songs) == (release is not None):
        raise InputError("the music is missing or given twice", do="give either --music or --release")
    physics = None if guide is None else read_physics(guide, guide_strength)
    names = song_names(songs)
    place = find_device(device, "--device")
    with ExitStack() as stack:
        opened = None if release is None else stack.enter_context(Release(release))
        if released:
            trained = load_authors(checkpoint, place, extractor, wanted or FIRST)
        else:
            trained = load_trained(checkpoint, place, wanted)
        old = None if given is None else read_dance(given)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"not writable: {error.strerror}", out, "name another folder") from error
        if opened is None:
            pieces = pieces_of_songs(songs, trained, seconds)
        else:
            names = clips_with_music(opened, split, trained.extractor)
            pieces = pieces_of_release(opened, names, trained, seconds)
        stack.enter_context(display())
        advance = stack.enter_context(track("dances", len(names) * variants))
        for piece in pieces:
            music = piece.features
            fixed = None if old is None or part is None else keep(old, part, len(music), trained.scaler)
            for variant in range(seed, seed + variants):
                dance = generate(
                    trained, music, sampler=sampler, steps=steps, guidance=guidance, seed=variant,
                    given=fixed, physics=physics, graphs=graphs,
                )  # fmt: skip
                name = f"{piece.name}-{variant}"
                for ending in formats:
                    save(dance, out / f"{name}.{ending}", piece.sound)
                advance(1, name)
                click.echo(
                    f"{out / name}  {len(music) / FPS:.1f} s of dance in {dance.seconds_to_generate:.1f} s"
                )


if __name__ == "__main__":
    run(sample, "python -m training.sample")
