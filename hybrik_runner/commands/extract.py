"""`popdanceset extract`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import UserPath, with_settings, with_values

if TYPE_CHECKING:
    from hybrik_runner.output.overlay import Style
    from popdanceset.settings import Settings


@click.command(short_help="Extract the poses of all accepted clips, or of one file.")
@click.argument("file", required=False, type=UserPath())
@click.option("--out", metavar="DIR", type=UserPath(), help="Output folder for FILE.")
@click.option("--truth", metavar="NPZ", type=UserPath(), help="Known joints to compare FILE with.")
@click.option(
    "--overlay", is_flag=False, flag_value="skeleton", type=click.Choice(["skeleton", "body"]),
    help="Draw the poses: stills (PNG) and a video (MP4). As a skeleton, or as a body of capsules.",
)  # fmt: skip
@click.option(
    "--devices", metavar="LIST", help="cpu, cuda:0,cuda:1 …: one worker for each device (pose.devices)."
)
@click.option(
    "--turn", "turns", metavar="TURN", multiple=True,
    help="Turn a clip on its side, clockwise. With FILE: 90, 180, 270 or auto. Without: CLIP_ID=90 and the"
    " like (repeatable), or auto for all clips whose verdict is `turned`. A clip of the store stays turned.",
)  # fmt: skip
@click.option(
    "--retry-failed", is_flag=True, help="Also try clips again that failed unexpectedly in this version."
)
@with_settings
def extract(
    settings: Settings,
    file: Path | None,
    out: Path | None,
    truth: Path | None,
    overlay: Style | None,
    devices: str | None,
    turns: tuple[str, ...],
    retry_failed: bool,
) -> None:
    """Extract the poses of FILE, or of all accepted clips of the store.

    With FILE, writes the pose table at 30 fps to DIR/NAME.parquet and a report to DIR/NAME.json. --truth
    names an NPZ file whose `J` (frames, 12, 3) holds shoulders, elbows, wrists, hips, knees and ankles, left
    before right, at 30 fps; the report then has PA-MPJPE, and acceleration error (m/s²), root translation
    error (% of the path) and foot sliding (mm a frame) as WHAM and GVHMR define them.

    `--set pose.estimator=NAME` selects the estimator: blazepose, the default; blazepose-heavy, more accurate
    in hard views at less than half the speed; blazepose-auto, which shows only doubtful frames to the heavy
    network; hybrik; hybrik-official; or a plug-in.

    Without FILE, any number of these commands may run at once, also on several machines: no clip is done
    twice, and the others take over the clips of a command that is killed.
    """
    settings = with_values(settings, "pose", devices=devices)
    if file is None:
        if out or truth or overlay:
            raise click.UsageError("--out, --truth and --overlay need a FILE.")
        _extract_store(settings, turns, retry_failed)
        return
    if out is None:
        raise click.UsageError("FILE needs --out DIR.")
    if len(turns) > 1 or not set(turns) <= {"0", "90", "180", "270", "auto"}:
        raise click.UsageError("With FILE, --turn is one of 90, 180, 270 and auto.")
    from hybrik_runner.running.single_file import extract_file

    turn = int(turns[0]) if turns and turns[0] != "auto" else (None if turns else 0)
    report = extract_file(file, out, settings, truth, overlay, turn)
    width = max(len(name) for name in report)
    for name, value in report.items():
        text = f"{value:.4g}" if isinstance(value, float) else value
        click.echo(f"{name.replace('_', ' '):<{width}}  {text}")


def _extract_store(settings: Settings, turns: tuple[str, ...], retry_failed: bool) -> None:
    from hybrik_runner.running.turning import AUTO, found_turned, parse_turns, turn_clips
    from hybrik_runner.running.waiting import extract_waiting
    from popdanceset.safety import check_failures
    from popdanceset.store import Store

    store = Store(settings.store)
    if turns:
        automatic = found_turned(store) if AUTO in turns else {}
        named = parse_turns(turn for turn in turns if turn != AUTO)
        changed = turn_clips(store, {**automatic, **named})
        click.echo(f"{len(changed)} clips turned{': ' if changed else ''}{', '.join(changed)}")
    summary = extract_waiting(settings, store, retry_failed=retry_failed)
    click.echo(str(summary))
    check_failures("extract", summary.failed)
