"""`python -m training.evaluate`: how good generated dances are, beside the ground truth.

    python -m training.evaluate --release R --motions POPDG=out/popdg --motions EDGE=out/edge,fps=30 \\
        --table table.md --figures figures --against paper
    python -m training.evaluate --real DIR --motions DIR --music DIR --mode released --json

Motions are files of anybody (`training.motions`), checked before they are scored (`training.validity`).
Exit code 2 if an input cannot be used.
"""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, get_args

import click

from popdanceset.commands import run
from popdanceset.errors import InputError
from popdanceset.progress import track
from training.metrics.mode import Mode

if TYPE_CHECKING:
    from training.evaluation.scoring import Evaluation
    from training.evaluation.sets import DanceSet

FOLDER = click.Path(path_type=Path)

_log = logging.getLogger(__name__)


@click.command(context_settings={"max_content_width": 110})
@click.option("--release", metavar="DIR", help="Release whose test part is the ground truth.")
@click.option("--split", default="test", show_default=True, help="Part of the release.")
@click.option("--real", metavar="SET", help="Instead of a release: folder of real motions.")
@click.option(
    "--motions",
    multiple=True,
    metavar="[NAME=]SET",
    help="A model's motions; may be repeated. SET is DIR[,fps=60][,up=y][,unit=cm][,content=poses].",
)
@click.option("--music", type=FOLDER, metavar="DIR", help="Folder of .npy music features, last column beats.")
@click.option("--mode", type=click.Choice(get_args(Mode)), default="corrected", show_default=True)
@click.option("--seed", default=0, show_default=True, help="Of the resampling behind intervals.")
@click.option("--bootstrap", "replicates", default=1000, show_default=True, help="Resamplings; 0 for none.")
@click.option("--seconds", type=click.FloatRange(min=0.2), help="Cut all dances to this length.")
@click.option(
    "--table",
    "tables",
    type=FOLDER,
    multiple=True,
    metavar="FILE",
    help="Write the table: .md, .csv, .json or .tex; may be repeated.",
)
@click.option("--columns", default="", metavar="KEY,KEY…", help="Show only these columns.")
@click.option("--figures", type=FOLDER, metavar="DIR", help="Write bars.png and radar.png.")
@click.option("--against", type=click.Choice(["paper"]), help="Print the rows of POPDG's Table 2 beside.")
@click.option("--json", "as_json", is_flag=True, help="Print everything, down to each motion, as JSON.")
@click.option("--strict", is_flag=True, help="What looks wrong with a motion is an error, not a warning.")
@click.option(
    "--features-real",
    multiple=True,
    metavar="[NAME=]FILE",
    help="With --json: .npy features computed elsewhere, to be compared with …",
)
@click.option(
    "--features-generated", multiple=True, metavar="[NAME=]FILE", help="… these, in the same order."
)
def evaluate(
    release: str | None,
    split: str,
    real: str | None,
    motions: tuple[str, ...],
    music: Path | None,
    mode: Mode,
    seed: int,
    replicates: int,
    seconds: float | None,
    tables: tuple[Path, ...],
    columns: str,
    figures: Path | None,
    against: str | None,
    as_json: bool,
    strict: bool,
    features_real: tuple[str, ...],
    features_generated: tuple[str, ...],
) -> None:
    """Compare generated dances with real ones: a table of all metrics, with intervals and protocol."""
    from training.evaluation.scoring import score
    from training.evaluation.table import WRITERS, markdown

    chosen = [key for key in columns.split(",") if key]
    for path in tables:
        if path.suffix not in WRITERS:
            raise InputError("no kind of table", path, f"use one of {', '.join(WRITERS)}")
    if replicates < 0:
        raise InputError(f"--bootstrap {replicates} is no number of resamplings", do="give 0 or more")
    pairs = _feature_files(features_real, features_generated)
    truth, models = _sets(release, split, real, motions, music)
    with track("evaluate", 1 + len(models)) as advance:
        evaluation = score(
            truth, models, mode, seed, replicates, strict, against == "paper", seconds, advance
        )
    for path in tables:
        _write(path, WRITERS[path.suffix](evaluation.comparison, chosen).encode())
        if path.suffix == ".csv":  # has no place for it
            protocol = json.dumps(evaluation.comparison.protocol, ensure_ascii=False, indent=2) + "\n"
            _write(path.with_suffix(".protocol.json"), protocol.encode())
    if figures is not None:
        _draw(evaluation, figures, chosen)
    if as_json:
        folder = _common_folder(real, motions)
        click.echo(_json(evaluation, pairs, folder, mode), nl=False)
    elif not tables:
        click.echo(markdown(evaluation.comparison, chosen), nl=False)


def _sets(
    release: str | None, split: str, real: str | None, motions: tuple[str, ...], music: Path | None
) -> tuple[DanceSet, list[DanceSet]]:
    from popdanceset.release.reader import Release
    from training.evaluation.sets import MotionFolder, of_folder, of_release
    from training.motions import read_music

    if (release is None) == (real is None):
        raise InputError("the ground truth is missing or named twice", do="give --release or --real")
    sources = [MotionFolder.parse(text) for text in motions]
    with ExitStack() as stack:
        if release is not None:
            opened = stack.enter_context(Release(release))
            truth, pieces = of_release(opened, split, music)
            return truth, [of_folder(source, pieces, music or release) for source in sources]
        assert real is not None
        known = None if music is None else read_music(music)
        truth_source = MotionFolder.parse(real)
        truth_source = MotionFolder("ground truth", truth_source.folder, truth_source.layout)
        return of_folder(truth_source, known, music), [of_folder(s, known, music) for s in sources]


def _feature_files(real: tuple[str, ...], generated: tuple[str, ...]) -> dict[str, tuple[Path, Path]]:
    if len(real) != len(generated):
        raise InputError(
            f"{len(real)} files of --features-real and {len(generated)} of --features-generated",
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
    """The folder that holds the real and the one generated set: there feature files may lie beside them."""
    from training.evaluation.sets import MotionFolder

    if real is None or len(motions) != 1:
        return None
    parents = {MotionFolder.parse(text).folder.resolve().parent for text in (real, motions[0])}
    return parents.pop() if len(parents) == 1 else None


def _json(
    evaluation: Evaluation, pairs: dict[str, tuple[Path, Path]], folder: Path | None, mode: Mode
) -> str:
    from training.evaluation.documents import feature_numbers, feature_pairs, full_document

    found = feature_pairs(folder) if folder else {}
    numbers = {name: feature_numbers(*files, mode) for name, files in (found | pairs).items()}
    whole: dict[str, Any] = full_document(evaluation, numbers)
    return json.dumps(whole, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _draw(evaluation: Evaluation, folder: Path, chosen: list[str]) -> None:
    from training.evaluation.figures import bars, png, radar

    _write(folder / "bars.png", png(bars(evaluation.comparison, chosen)))
    drawn = radar(evaluation.comparison, chosen)
    if drawn is None:
        _log.warning("no radar figure: fewer than three columns compare")
    else:
        _write(folder / "radar.png", png(drawn))


def _write(path: Path, content: bytes) -> None:
    """The file is there whole or not at all."""
    from popdanceset.store import Store

    Store(path.parent).write_bytes(path.name, content)


def main() -> NoReturn:
    """Runs the command line."""
    run(evaluate, "python -m training.evaluate")


if __name__ == "__main__":
    main()
