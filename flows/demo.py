"""`popdanceset demo`: the whole chain on one machine, against the offline Bilibili in the package."""

from __future__ import annotations

import datetime
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from popdanceset.errors import InputError, PopDanceSetError

if TYPE_CHECKING:
    from rich.table import Table

    from popdanceset.settings import Settings
    from popdanceset.simulator import Simulator
    from popdanceset.simulator.records import SimulatedVideo
    from popdanceset.store import Store

MANIFEST = "demo"
PARAMETERS = "demo.json"


@click.command()
@click.option(
    "--out", default="popdanceset-demo", show_default=True, metavar="FOLDER", help="Where all goes."
)
@click.option(
    "--videos",
    default=400,
    show_default=True,
    type=click.IntRange(min=1),
    help="Size of the simulated section.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the section.")
@click.option(
    "--steps",
    default=120,
    show_default=True,
    type=click.IntRange(min=0),
    help="Of training at the end, about a minute; 0: no training.",
)
def demo(out: str, videos: int, seed: int, steps: int) -> None:
    """Run the whole chain offline: from 400 simulated videos to a release, and a dance learned from it.

    Run it again in the same folder and it resumes; finished work is kept.
    """
    from rich.console import Console
    from rich.markdown import Markdown

    from flows.demo_training import train_and_dance
    from popdanceset.progress import display
    from popdanceset.report.page import write_report
    from popdanceset.store import Store

    started = time.monotonic()
    folder = Path(out).absolute()
    with display():
        done = run(folder, videos, seed)
        store = Store(done.settings.store)
        accuracy = measure(store, done.section)
        report = write_report(
            store, done.settings, MANIFEST, done.release, folder / "report.html", {"accuracy": accuracy}
        )
        danced = train_and_dance(store, done.release, folder / "training", steps) if steps else None
    console = Console()
    console.print(summary(store, done.release))
    for row in accuracy:
        console.print(f"{row['clip_id']}: {row['pa_mpjpe_mm']:.0f} mm PA-MPJPE from the known truth")
    if danced is not None:
        console.print(Markdown(danced.table))
    console.print(f"release  {folder / 'store' / done.release}", soft_wrap=True)
    console.print(f"report   {report}", soft_wrap=True)
    if danced is not None:
        console.print(f"model    {danced.checkpoint}", soft_wrap=True)
        console.print(f"dance    {danced.film}", soft_wrap=True)
    console.print(f"seconds  {time.monotonic() - started:.0f}")


@dataclass(frozen=True, slots=True)
class Demo:
    """A finished demo: the settings it ran with, the simulated section, and the release inside the store."""

    settings: Settings
    section: list[SimulatedVideo]
    release: str


def run(folder: Path, videos: int, seed: int) -> Demo:
    """Runs the `refresh` flow against a simulated section; what an earlier run finished is kept.

    Args:
        folder: where everything is written.
        videos: size of the section.
        seed: seed of the section.

    Raises:
        InputError: the folder holds something else, or a demo of other parameters.
        PopDanceSetError: a stage failed, or something asked for a host that is not simulated.
    """
    from flows.local_server import local_server
    from hybrik_runner.blazepose.assets import ensure
    from popdanceset.settings import Settings
    from popdanceset.simulator import Simulator
    from popdanceset.simulator.casting import cast, read_media
    from popdanceset.simulator.population import population

    day = remember(folder, videos, seed)
    ensure(Settings.load())  # first, since only this needs the network
    section = cast(population(videos, seed, day), read_media(), seed)
    with local_server(folder / ".prefect"), Simulator(section) as simulator:
        from flows.refresh import refresh

        overrides = local_settings(folder, simulator)
        release = refresh(settings=overrides, manifest=MANIFEST, day=day, with_report=False)
        if simulator.leaks:
            raise PopDanceSetError(f"a request would have left this machine: {simulator.leaks[0]}", "demo")
    return Demo(Settings.load(overrides=overrides), section, release)


def remember(folder: Path, videos: int, seed: int) -> datetime.date:
    """The day on which the folder's demo began, written down so that a later run resumes its crawl."""
    parameters = folder / PARAMETERS
    wanted: dict[str, Any] = {"videos": videos, "seed": seed}
    if parameters.exists():
        try:
            known = json.loads(parameters.read_bytes())
            day = datetime.date.fromisoformat(known.pop("day"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError("is no demo's record", parameters, "choose another --out") from error
        if known != wanted:
            raise InputError(f"this folder's demo was begun with {known}", folder, "choose another --out")
        return day
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("holds something else than a demo", folder, "choose another --out")
    day = datetime.datetime.now(datetime.UTC).date()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        begun = folder / f".{PARAMETERS}.{os.getpid()}"
        begun.write_text(json.dumps(wanted | {"day": day.isoformat()}), encoding="utf-8")
        begun.replace(parameters)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", folder, "choose another --out") from error
    return day


def local_settings(folder: Path, simulator: Simulator) -> dict[str, Any]:
    """Settings that send every stage to the simulator, which does not mind to be asked often."""
    return {
        "store": str(folder / "store"),
        "manifests": str(folder / "manifests"),
        "network": {"proxy": simulator.proxy_url, "ca_file": simulator.ca_file, "contact": "demo@localhost"},
        "crawl": {
            "sources": ["ranking:1004", "newest:1004"],
            "requests_per_second": 100.0,
            "cool_down": 0.1,
        },
    }


def measure(store: Store, section: list[SimulatedVideo]) -> list[dict[str, Any]]:
    """How far the written joints lie from the truth, for clips of the dances whose truth is known.

    Returns:
        One row a clip: clip_id, frames, and `pa_mpjpe_mm` over the 12 limb joints.
    """
    import numpy as np

    from hybrik_runner.accuracy import pa_mpjpe
    from hybrik_runner.runner import pose_name
    from popdanceset.schema import CLIPS, FPS, FRAMES
    from popdanceset.simulator.casting import MEDIA_FOLDER
    from popdanceset.skeleton import LIMB_JOINTS

    truths = {video.bvid: MEDIA_FOLDER / f"{video.media}_truth.npz" for video in section}
    rows = []
    for clip in store.read_table("clips", CLIPS).to_pylist():
        truth_file = truths[clip["bvid"]]
        if not clip["accepted"] or not truth_file.is_file() or not store.exists(pose_name(clip["clip_id"])):
            continue
        table = store.read_table(pose_name(clip["clip_id"]), FRAMES, columns=["joints3d"])
        joints = np.stack(table["joints3d"].to_numpy()).reshape(-1, 24, 3)[:, LIMB_JOINTS]
        with np.load(truth_file) as archive:
            truth = archive["J"][round(clip["start"] * FPS) :][: len(joints)].astype(float)
        error = 1000 * pa_mpjpe(joints[: len(truth)].astype(float), truth)
        rows.append({"clip_id": clip["clip_id"], "frames": len(truth), "pa_mpjpe_mm": error})
    return sorted(rows, key=lambda row: str(row["clip_id"]))


def summary(store: Store, release: str) -> Table:
    """What became of the videos, stage by stage, as a table for the terminal."""
    from rich.table import Table

    from popdanceset.report.content import collect

    content = collect(store, MANIFEST, release)
    table = Table("stage", "left", "seconds", "rejected, by reason", title="From the section to the release")
    for stage in content.stages:
        losses = [*stage.losses, *((f"{reason} (spans)", count) for reason, count in stage.trimmed)]
        table.add_row(
            stage.name,
            f"{stage.count:,} {stage.unit}",
            f"{stage.seconds:,.1f}",
            ", ".join(f"{reason} {count}" for reason, count in losses),
        )
    return table
