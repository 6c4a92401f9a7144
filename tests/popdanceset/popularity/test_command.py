import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from popdanceset.errors import InputError, SettingsError
from popdanceset.manifest import read_manifest
from popdanceset.popularity.command import drift, explain, fit, select
from popdanceset.schema import COUNTS, STATISTICS
from popdanceset.settings import Settings
from popdanceset.store import Store
from tests.popdanceset.popularity.conftest import bvid


def run(command, *arguments: object) -> str:  # type: ignore[no-untyped-def]
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False).output


def test_fit_and_select_from_one_file(settings: Settings, dances: pa.Table, tmp_path: Path) -> None:
    file, model, store = tmp_path / "videos.parquet", tmp_path / "new" / "fit.json", settings.store
    pq.write_table(dances, file)
    output = run(fit, "--store", store, "--statistics", file, "--sample", "all", "--seed", 1, "--out", model)
    document = json.loads(model.read_text())
    assert document["n"] == 400
    assert f"fit {document['fit_id']}: 400 videos" in output
    assert "0.798   0.814" in output.replace("  ", "  ")

    out = tmp_path / "manifests" / "v1"
    output = run(select, "--store", store, "--statistics", file, "--model", model, "--out", out)
    manifest = read_manifest(out)
    assert f"{len(manifest.videos)} of 400 videos accepted; model {document['fit_id']}" in output
    assert "low_popularity" in output
    by_id = tmp_path / "manifests" / "v2"
    run(select, "--store", store, "--statistics", file, "--model", document["fit_id"], "--out", by_id)
    assert (by_id / "videos.csv").read_bytes() == (out / "videos.csv").read_bytes()
    below = f"manifests={tmp_path / 'manifests'}"
    run(select, "--store", store, "--set", below, "--statistics", file, "--model", model, "--out", "v3")
    assert (tmp_path / "manifests" / "v3" / "videos.csv").read_bytes() == (out / "videos.csv").read_bytes()


def test_the_store_is_the_default(settings: Settings, store: Store, dances: pa.Table, tmp_path: Path) -> None:
    store.write_table("statistics/date=2026-03-01/a.parquet", dances, STATISTICS)
    assert "100 videos" in run(fit, "--store", settings.store)
    assert "50 videos" in run(fit, "--store", settings.store, "--sample", 50)
    out = tmp_path / "manifests" / "midpoints"
    assert "model paper-midpoints" in run(
        select, "--store", settings.store, "--model", "paper-midpoints", "--out", out
    )


def test_a_file_of_counts_alone(settings: Settings, dances: pa.Table, tmp_path: Path) -> None:
    """Nine columns of text, with the oddities of real files; the same as CSV and as parquet."""
    columns = ["bvid", *COUNTS, "follower"]
    texts = pa.table({name: dances[name].cast(pa.string()) for name in columns}).to_pylist()
    for number, junk in enumerate(["--", "-3", "", "1.2万", "12.5", "nan"]):
        texts[number]["view" if number % 2 else "share"] = junk
    texts += [{**texts[50], "coin": "--"}, texts[60]]
    table = pa.Table.from_pylist(texts)
    pv.write_csv(table, tmp_path / "videos.csv")
    pq.write_table(table, tmp_path / "videos.parquet")
    contents = []
    for suffix in ("csv", "parquet"):
        model, out = tmp_path / suffix / "fit.json", tmp_path / suffix / "v1"
        file = tmp_path / f"videos.{suffix}"
        output = run(fit, "--store", settings.store, "--statistics", file, "--sample", "all", "--out", model)
        assert "395 videos" in output
        assert "Breusch-Pagan" in output
        output = run(select, "--store", settings.store, "--statistics", file, "--model", model, "--out", out)
        assert "of 400 videos accepted" in output
        contents.append([model.read_bytes(), (out / "videos.csv").read_bytes()])
    assert contents[0] == contents[1]


def test_options_reach_the_regression(settings: Settings, dances: pa.Table, tmp_path: Path) -> None:
    pq.write_table(dances, tmp_path / "videos.parquet")
    common = (
        "--store",
        settings.store,
        "--statistics",
        tmp_path / "videos.parquet",
        "--out",
        tmp_path / "a.json",
    )
    run(fit, *common, "--elimination", "joint", "--errors", "HC3")
    document = json.loads((tmp_path / "a.json").read_text())
    assert (document["elimination"], document["errors"]) == ("joint", "HC3")


def test_figures_explanation_and_drift(
    settings: Settings, store: Store, dances: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popdanceset.popularity.gallery.MOST_VIDEOS", 300)
    store.write_table("statistics/date=2026-03-01/a.parquet", dances, STATISTICS)
    output = run(
        fit, "--store", settings.store, "--out", tmp_path / "fit.json", "--figures", tmp_path / "figures"
    )
    names = {"normalisation.png", "coefficients.png", "residuals.png", "pop_against_views.png"}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == names
    assert output.count("figure ") == 4
    fit_id = json.loads((tmp_path / "fit.json").read_text())["fit_id"]

    output = run(explain, "--store", settings.store, bvid(5))
    assert f"model {fit_id}: regression on 100 videos" in output
    assert output.splitlines()[-1] in (
        "accepted",
        "rejected: low_popularity",
        "rejected: views_not_above_followers",
    )
    with pytest.raises(InputError, match="no statistics of BV1"):
        run(explain, "--store", settings.store, "BV1")

    picture = tmp_path / "drift.png"
    output = run(drift, "--store", settings.store, fit_id, "paper-midpoints", "--figure", picture)
    assert "videos             400 that both models can score" in output
    assert "Spearman           0.99" in output
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_wrong_input_is_reported(settings: Settings, tmp_path: Path) -> None:
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
