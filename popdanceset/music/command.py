"""`popdanceset features` and `popdanceset music`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import UserPath, with_settings, with_values
from popdanceset.errors import InputError

if TYPE_CHECKING:
    from popdanceset.settings import Settings

PATH = UserPath()


@click.command(short_help="Compute the music features of clips, or of one song.")
@click.argument("file", required=False, type=PATH)
@click.option(
    "--extractor",
    type=click.Choice(["baseline", "baseline-corrected", "jukebox"]),
    help="Features to compute (default: the setting music.extractor).",
)
@click.option("--out", type=PATH, metavar="FILE", help="With FILE: .npz or .npy file to write.")
@click.option("--retry-failed", is_flag=True, help="Try clips again that failed in an earlier run.")
@with_settings
def features(
    settings: Settings, file: Path | None, extractor: str | None, out: Path | None, retry_failed: bool
) -> None:
    """Compute the music features of accepted clips, or of one song, video or recording FILE."""
    from popdanceset.music.features import extract_features
    from popdanceset.progress import track
    from popdanceset.store import Store

    settings = with_values(settings, "music", extractor=extractor)
    if (file is None) != (out is None):
        raise InputError("FILE and --out need each other", do="features song.mp3 --out song.npz")
    if file is not None and out is not None:
        click.echo(_of_one_song(settings, file, out))
        return
    with track("features") as advance:
        computed = extract_features(settings, Store(settings.store), advance, retry_failed=retry_failed)
    click.echo(f"computed the music features of {computed} clips")


def _of_one_song(settings: Settings, file: Path, out: Path) -> str:
    """Writes the features of a song and describes them."""
    from popdanceset.music.features import load_extractor
    from popdanceset.music.song import check_ending, read_song, song_features, write_features

    check_ending(out)
    song = read_song(file)
    extractor = load_extractor(settings.music)
    values = song_features(song, extractor)
    write_features(out, values, extractor.name)
    return f"{out}: {len(values)} frames of {values.shape[1]} {extractor.name} features"


@click.group(short_help="List videos that share their music; decide doubtful pairs.")
def music() -> None:
    """List videos that share their music, and decide on doubtful pairs."""


@music.command("list", short_help="List music that several videos use, and doubtful pairs.")
@with_settings
def list_music(settings: Settings) -> None:
    """List music that several videos use, and pairs of music ids that may be the same piece."""
    from popdanceset.music.identity import shared_music
    from popdanceset.music.merges import pairs
    from popdanceset.store import Store

    store = Store(settings.store)
    for music_id, parts in shared_music(store).items():
        if len(parts) > 1:
            click.echo(f"{music_id}: {' '.join(parts)}")
    for row in pairs(store):
        found = f" by {row['bvid']}, similarity {row['similarity']:.2f}" if row["bvid"] else ""
        click.echo(f"{row['first']} {row['second']}: {row['state']}{found}")


@music.command(short_help="Declare that two music ids are one piece.")
@click.argument("first")
@click.argument("second")
@with_settings
def merge(settings: Settings, first: str, second: str) -> None:
    """Declare that two music ids are one piece; releases then use the alphabetically first id for both."""
    from popdanceset.music.merges import PairState, decide
    from popdanceset.store import Store

    common = decide(Store(settings.store), first, second, PairState.MERGED)
    click.echo(f"{first} and {second} are one piece, {common}")


@music.command(short_help="Declare that two music ids are two pieces.")
@click.argument("first")
@click.argument("second")
@with_settings
def refuse(settings: Settings, first: str, second: str) -> None:
    """Declare that two music ids are two pieces; a split still keeps both on one side."""
    from popdanceset.music.merges import PairState, decide
    from popdanceset.store import Store

    decide(Store(settings.store), first, second, PairState.REFUSED)
    click.echo(f"{first} and {second} are two pieces")
