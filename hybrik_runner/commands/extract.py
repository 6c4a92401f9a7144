"""`popdanceset extract`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings, with_values
from popdanceset.errors import InputError

if TYPE_CHECKING:
    from popdanceset.settings import Settings


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Folder of FILE's results.")
@click.option("--truth", metavar="NPZ", type=click.Path(path_type=Path), help="Known joints to compare with.")
@click.option("--overlay", is_flag=True, help="Draw the poses: stills (PNG) and a film (MP4).")
@click.option("--devices", metavar="LIST", help="cpu, cuda:0,cuda:1 …: a worker each (pose.devices).")
@with_settings
def extract(
    settings: Settings,
    file: Path | None,
    out: Path | None,
    truth: Path | None,
    overlay: bool,
    devices: str | None,
) -> None:
    """Poses of FILE into --out, or of all accepted clips of the store.

    With FILE: DIR/NAME.parquet holds the pose table at 30 fps, DIR/NAME.json what was measured. --truth
    names an NPZ file whose `J` (frames, 12, 3) holds shoulders, elbows, wrists, hips, knees and ankles,
    left before right, at 30 fps.

    Without FILE, any number of these commands may run at once, on several machines too: no clip is done
    twice, and whatever a killed one had in work the others take over.
    """
    settings = with_values(settings, "pose", devices=devices)
    if file is None:
        if out or truth or overlay:
            raise click.UsageError("--out, --truth and --overlay belong to a FILE.")
        _extract_store(settings)
        return
    if out is None:
        raise click.UsageError("FILE needs --out DIR.")
    from hybrik_runner.running.single_file import extract_file

    report = extract_file(file, out, settings, truth, overlay)
    width = max(len(name) for name in report)
    for name, value in report.items():
        click.echo(
            f"{name.replace('_', ' '):<{width}}  {value:.4g}"
            if isinstance(value, float)
            else f"{name.replace('_', ' '):<{width}}  {value}"
        )


def _extract_store(settings: Settings) -> None:
    from collections import Counter

    from hybrik_runner.running.runner import extract as extract_all
    from popdanceset.progress import track
    from popdanceset.schema import CLIPS
    from popdanceset.store import Store

    store = Store(settings.store)
    store.sweep()
    accepted = store.read_table("clips", CLIPS, columns=["accepted"])["accepted"].to_pylist()
    if not any(accepted):
        raise InputError("there are no accepted clips", store, "run `popdanceset acquire` first")
    with track("extract", sum(accepted)) as advance:
        rows = extract_all(settings, store, advance=advance)
    click.echo(f"{len(rows)} clips, {sum(row['accepted'] for row in rows)} with poses fit for a release")
    for reason, count in sorted(Counter(row["reason"] for row in rows if not row["accepted"]).items()):
        click.echo(f"  {reason}: {count}")
