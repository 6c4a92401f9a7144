import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from popdanceset.errors import InputError, SettingsError
from popdanceset.manifest import read_manifest
from popdanceset.popularity.command import fit, select
from popdanceset.schema import STATISTICS
from popdanceset.settings import Settings
from popdanceset.store import Store


def run(command, *arguments: object) -> str:  # type: ignore[no-untyped-def]
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False).output


def test_fit_and_select_from_one_file(settings: Settings, dances: pa.Table, tmp_path: Path) -> None:
    file, model, store = tmp_path / "videos.parquet", tmp_path / "new" / "fit.json", settings.store
    pq.write_table(dances, file)
    told = run(fit, "--store", store, "--statistics", file, "--sample", "all", "--seed", 1, "--out", model)
    document = json.loads(model.read_text())
    assert document["n"] == 400
    assert f"fit {document['fit_id']}: 400 videos" in told
    assert "0.798   0.814" in told.replace("  ", "  ")

    out = tmp_path / "manifests" / "v1"
    told = run(select, "--store", store, "--statistics", file, "--model", model, "--out", out)
    manifest = read_manifest(out)
    assert f"{len(manifest.videos)} of 400 videos accepted; model {document['fit_id']}" in told
    assert "low_popularity" in told
    by_id = tmp_path / "manifests" / "v2"
    run(select, "--store", store, "--statistics", file, "--model", document["fit_id"], "--out", by_id)
    assert (by_id / "videos.csv").read_bytes() == (out / "videos.csv").read_bytes()


def test_the_store_is_the_default(settings: Settings, store: Store, dances: pa.Table, tmp_path: Path) -> None:
    store.write_table("statistics/date=2026-03-01/a.parquet", dances, STATISTICS)
    assert "100 videos" in run(fit, "--store", settings.store)
    assert "50 videos" in run(fit, "--store", settings.store, "--sample", 50)
    out = tmp_path / "manifests" / "midpoints"
    assert "model paper-midpoints" in run(
        select, "--store", settings.store, "--model", "paper-midpoints", "--out", out
    )


def test_wrong_input_is_told(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"popularity\.sample"):
        run(fit, "--store", settings.store, "--sample", "some")
    with pytest.raises(InputError, match="no statistics"):
        run(fit, "--store", settings.store)
    with pytest.raises(InputError, match="no such file"):
        run(
            select,
            "--statistics",
            tmp_path / "none.csv",
            "--model",
            "paper-midpoints",
            "--out",
            tmp_path / "v1",
        )
