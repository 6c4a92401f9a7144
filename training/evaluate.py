"""`popdanceset evaluate`: compares generated dances with real ones.

    popdanceset evaluate --release R --motions POPDG=out/popdg --motions EDGE=out/edge,fps=30 \\
        --table table.md --figures figures --against paper
    popdanceset evaluate --release R --motions out/popdg --music song.mp3
    popdanceset evaluate --real DIR --motions DIR --music DIR --mode released --json

`python -m training.evaluate` is the same program. Motions come in the file formats of several
projects (`popdanceset.motion.layouts`) and are checked before they are scored (`training.motion.validity`).
The exit code is 2 if an input cannot be used.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, get_args

import click

from popdanceset.commands import UserPath, run
from popdanceset.errors import InputError
from popdanceset.progress import track
from training.metrics.mode import Mode

if TYPE_CHECKING:
    from training.evaluation.scoring import Evaluation
    from training.evaluation.sets import DanceSet

PATH = UserPath()

_log = logging.getLogger(__name__)


@click.command(
    context_settings={"max_content_width": 110},
    short_help="Compare generated dances with real ones: all metrics.",
)
@click.option("--release", metavar="DIR", help="Release whose test split is the ground truth.")
@click.option("--split", default="test", show_default=True, help="Split of the release.")
@click.option("--real", metavar="SET", help="Folder of real motions, instead of a release.")
@click.option(
    "--motions",
    multiple=True,
    metavar="[NAME=]SET",
    help="Motions of a model; may be repeated. SET is DIR[,fps=60][,up=-y][,unit=cm][,content=poses].",
)
@click.option(
    "--music", "music", type=PATH, multiple=True, metavar="PATH",
    help="Song, .npy or .npz music features whose last column marks beats, or folder of them; "
    "may be repeated. Comes before the music of --release.",
)  # fmt: skip
@click.option(
    "--mode",
    type=click.Choice(get_args(Mode)),
    default="corrected",
    show_default=True,
    help="Metrics as their papers define them, or as the released POPDG code computes them.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the resampling behind the intervals.")
@click.option(
    "--bootstrap",
    "replicates",
    default=1000,
    show_default=True,
    help="Number of resamplings; 0 for no intervals.",
)
@click.option("--seconds", type=click.FloatRange(min=0.2), help="Cut all dances to this length.")
@click.option(
    "--table",
    "tables",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="Write the table to a .md, .csv, .json or .tex file; may be repeated.",
)
@click.option("--columns", default="", metavar="KEY,KEY…", help="Show only these columns.")
@click.option("--figures", type=PATH, metavar="DIR", help="Write bars.png and radar.png to this folder.")
@click.option(
    "--against",
    multiple=True,
    metavar="paper|peers|all|SOURCE",
    help="Add published numbers: Table 2 of the POPDG paper, those of other papers, all, or those of one "
    "source; may be repeated. Footnotes say how their protocols differ from that of the table.",
)
@click.option(
    "--training",
    metavar="SPLIT|SET",
    help="Training dances, a split of the release or a folder: find the training clip nearest to each dance, "
    "and report copies.",
)
@click.option(
    "--explain-protocol",
    "explained",
    type=PATH,
    metavar="DIR",
    help="Write protocol.md and protocol.html to this folder: how axes, rate, length, beats, contact, floor "
    "and code move the numbers of these dances, and which published contradictions that explains.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all results as JSON, down to each motion.")
@click.option("--strict", is_flag=True, help="Stop with an error where a motion looks wrong.")
@click.option(
    "--features-real",
    multiple=True,
    metavar="[NAME=]FILE",
    help="With --json: .npy features of real motions that were computed elsewhere; may be repeated.",
)
@click.option(
    "--features-generated",
    multiple=True,
    metavar="[NAME=]FILE",
    help="Features of generated motions to compare with --features-real, in the same order.",
)
def evaluate(
    release: str | None,
    split: str,
    real: str | None,
    motions: tuple[str, ...],
    music: tuple[Path, ...],
    mode: Mode,
    seed: int,
    replicates: int,
    seconds: float | None,
    tables: tuple[Path, ...],
    columns: str,
    figures: Path | None,
    against: tuple[str, ...],
    training: str | None,
    explained: Path | None,
    as_json: bool,
    strict: bool,
    features_real: tuple[str, ...],
    features_generated: tuple[str, ...],
) -> None:
    """Compare generated dances with real ones: all metrics, with confidence intervals and protocol."""
    from training.evaluation.copying import read_training, with_training
    from training.evaluation.published import chosen as published
    from training.evaluation.scoring import score_sets
    from training.evaluation.table import WRITERS, markdown

    chosen = [key for key in columns.split(",") if key]
    for path in tables:
        if path.suffix not in WRITERS:
            raise InputError("unknown kind of table", path, f"use one of {', '.join(WRITERS)}")
    if replicates < 0:
        raise InputError(f"--bootstrap {replicates} is not a number of resamplings", do="give 0 or more")
    printed = published(against) if against else ()
    pairs = _feature_files(features_real, features_generated)
    truth, models = _read_sets(release, split, real, motions, music)
    with track("evaluate", 1 + len(models)) as advance:
        evaluation = score_sets(truth, models, mode, seed, replicates, strict, printed, seconds, advance)
    if training is not None:
        evaluation = with_training(evaluation, read_training(training, release), seed, replicates)
    for path in tables:
        _write(path, WRITERS[path.suffix](evaluation.comparison, chosen).encode())
        if path.suffix == ".csv":  # has no place for the protocol
            protocol = json.dumps(evaluation.comparison.protocol, ensure_ascii=False, indent=2) + "\n"
            _write(path.with_suffix(".protocol.json"), protocol.encode())
    if figures is not None:
        _draw(evaluation, figures, chosen)
    if explained is not None:
        _explain(evaluation, explained)
    if as_json:
        folder = _common_folder(real, motions)
        click.echo(_json(evaluation, pairs, folder, mode), nl=False)
    elif not tables:
        click.echo(markdown(evaluation.comparison, chosen), nl=False)


def _read_sets(
    release: str | None, split: str, real: str | None, motions: tuple[str, ...], music: tuple[Path, ...]
) -> tuple[DanceSet, list[DanceSet]]:
    """The ground truth, from a release or a folder, and the models' dances."""
    from dataclasses import replace

    from popdanceset.release.reader import Release
    from training.evaluation.sets import MotionFolder, read_folder_dances, read_music, read_release_dances
    from training.motion.music import KnownMusic

    if (release is None) == (real is None):
        raise InputError("the ground truth is missing or given twice", do="give either --release or --real")
    folders = [MotionFolder.parse(text) for text in motions]
    pieces = read_music(music)
    if release is not None:
        with Release(release) as opened:
            truth, known = read_release_dances(opened, split, pieces)
        return truth, [read_folder_dances(folder, known) for folder in folders]
    assert real is not None
    given = KnownMusic(pieces, where="--music") if music else None
    real_folder = replace(MotionFolder.parse(real), name="ground truth")
    return read_folder_dances(real_folder, given), [read_folder_dances(folder, given) for folder in folders]


def _feature_files(real: tuple[str, ...], generated: tuple[str, ...]) -> dict[str, tuple[Path, Path]]:
    if len(real) != len(generated):
        raise InputError(
            f"--features-real names {len(real)} files, --features-generated {len(generated)}",
            do="give as many of both",
        )
    pairs = {}
    for ours, theirs in zip(real, generated, strict=True):
        name, separator, path = ours.partition("=")
        path = path if separator else ours
        name = name if separator else Path(path).stem.removesuffix("_real")
        pairs[name] = (Path(path), Path(theirs.rpartition("=")[2]))
    return pairs


def _common_folder(real: str | None, motions: tuple[str, ...]) -> Path | None:
    """The folder that holds both the real and the only generated set; it may hold feature files too."""
    from training.evaluation.sets import MotionFolder

    if real is None or len(motions) != 1:
        return None
    parents = {MotionFolder.parse(text).folder.resolve().parent for text in (real, motions[0])}
    return parents.pop() if len(parents) == 1 else None


def _json(
    evaluation: Evaluation, pairs: dict[str, tuple[Path, Path]], folder: Path | None, mode: Mode
) -> str:
    from training.evaluation.feature_files import feature_numbers, feature_pairs
    from training.evaluation.released_document import released_document

    found = feature_pairs(folder) if folder else {}
    numbers = {name: feature_numbers(*files, mode) for name, files in (found | pairs).items()}
    whole: dict[str, Any] = released_document(evaluation, numbers)
    return json.dumps(whole, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _draw(evaluation: Evaluation, folder: Path, chosen: list[str]) -> None:
    from training.evaluation.figures import bars, png, radar

    _write(folder / "bars.png", png(bars(evaluation.comparison, chosen)))
    drawn = radar(evaluation.comparison, chosen)
    if drawn is None:
        _log.warning("no radar figure: fewer than three columns can be compared")
    else:
        _write(folder / "radar.png", png(drawn))


def _explain(evaluation: Evaluation, folder: Path) -> None:
    """Writes what the choices of a protocol do to the ground truth and the first model."""
    from training.evaluation.explanation import explain, html, markdown

    real, *models = (scored.dances for scored in evaluation.sets)
    if len(models) > 1:
        _log.warning("the protocol is explained with the dances of %s only", models[0].name)
    generated = models[0].clips() if models else None
    found = explain(real.clips(), generated, models[0].name if models else "")
    for name, write in (("protocol.md", markdown), ("protocol.html", html)):
        _write(folder / name, write(found).encode())
    _log.info("wrote %s", folder / "protocol.html")


def _write(path: Path, content: bytes) -> None:
    """Writes a file so that it appears whole or not at all."""
    from popdanceset.store import Store

    Store(path.parent).write_bytes(path.name, content)


def main() -> NoReturn:
    """Runs the command line."""
    run(evaluate, "python -m training.evaluate")


if __name__ == "__main__":
    main()
