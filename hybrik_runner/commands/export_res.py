"""`popdanceset export-res`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings
from popdanceset.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from hybrik_runner.hybrik.estimator import HybrIKEstimator
    from popdanceset.motion.hybrik_res import Res
    from popdanceset.settings import Settings
    from popdanceset.store import Store


@click.command("export-res")
@click.argument("source", metavar="CLIP_ID|TABLE|VIDEO")
@click.option(
    "--out", metavar="DIR", required=True, type=click.Path(path_type=Path), help="Output folder of res.pk."
)
@click.option("--film", metavar="FILE", type=click.Path(path_type=Path), help="Video of CLIP_ID or TABLE.")
@with_settings
def export_res(settings: Settings, source: str, out: Path, film: Path | None) -> None:
    """Write poses as HybrIK's res.pk, for its Blender add-on.

    SOURCE is the id of a clip of the store; a TABLE (.parquet) that `extract FILE` wrote, with its video in
    --film, from which the frame size is read; or a VIDEO, on which HybrIK is run. What a pose table does not
    contain is listed, here and in res.json.
    """
    from hybrik_runner.output import res_file
    from popdanceset.schema import FPS

    fps: float | None
    if Path(source).is_file() and not source.endswith(".parquet"):
        res, filled = res_file.from_video(_hybrik(settings), Path(source)), {}
        fps = None  # that of the video, in whose frames the dancer was seen
    else:
        res, filled, fps = _of_table(settings, source, film), res_file.NEUTRAL, float(FPS)
    res_file.write(res, out, filled, fps)
    click.echo(f"{out / res_file.FILE}: {len(res['transl'])} frames")
    for key, note in filled.items():
        click.echo(f"  {key:<12} {note}")


def _of_table(settings: Settings, source: str, video: Path | None) -> Res:
    from hybrik_runner.output import res_file
    from popdanceset import layout, media
    from popdanceset.store import Store

    if source.endswith(".parquet"):
        if video is None:
            raise click.UsageError("TABLE needs its --film.")
        path = Path(source)
        if not path.is_file():
            raise InputError("no such file", path, "give a pose table, a video, or the id of a clip")
        name, table = path.stem, _poses(Store(path.parent), path.name)
        probe = media.probe(video)
    else:
        store = Store(settings.store)
        name, table = source, _poses(store, layout.poses(source))
        if video is None:
            with store.local(_clip_file(store, source)) as local:
                probe = media.probe(local)
        else:
            probe = media.probe(video)
    return res_file.from_table(table, (probe.width, probe.height), name)


def _hybrik(settings: Settings) -> HybrIKEstimator:
    from hybrik_runner.hybrik.estimator import load_estimator

    return load_estimator(settings)


def _poses(store: Store, name: str) -> pa.Table:
    """A pose table with the metadata of its file."""
    import pyarrow.parquet as pq

    from popdanceset.schema import FRAMES

    table = store.read_table(name, FRAMES)
    with store.open_read(name) as file:
        return table.replace_schema_metadata(pq.read_schema(file).metadata)


def _clip_file(store: Store, clip_id: str) -> str:
    from popdanceset import layout
    from popdanceset.schema import CLIPS

    rows = store.read_table(layout.CLIPS, CLIPS, columns=["clip_id", "path"]).to_pylist()
    for row in rows:
        if row["clip_id"] == clip_id and row["path"]:
            return str(row["path"])
    raise InputError(f"no clip is called {clip_id!r}", store, "name its video with --film")
