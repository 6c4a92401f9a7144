"""The engine `ray` on a real cluster of three one-core machines, one of which is killed."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.engine.ray_data import RayEngine, load
from flows.extract import extract_batch
from hybrik_runner.blazepose import assets
from hybrik_runner.commands.extract import extract
from hybrik_runner.running.waiting import waiting
from popdanceset.engine import find_engine, spread
from popdanceset.errors import AssetError, PopDanceSetError, SettingsError
from popdanceset.progress import ignore
from popdanceset.schema import CLIPS, FRAMES
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows
from tests.flows.engine.cluster import started
from tests.flows.engine.work import Failing, Swaying, at_work
from tests.hybrik_runner.conftest import clip_row, write_film

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'popdanceset[ray]'")

CLIP_IDS = [f"BV1_Clip_{number}" for number in range(1, 61)]
FRAME_COUNT = 5


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster whose head does nothing, and three machines of one core; this process is connected to it."""
    with started(3) as found:
        ray.init(found.address, log_to_driver=False, logging_level=logging.ERROR)
        yield found
        ray.shutdown()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", FRAME_COUNT).read_bytes()


@pytest.fixture
def filled(store: Store, film: bytes) -> Callable[..., list[str]]:
    """Fills the store with short accepted clips: `filled(number)`."""

    def fill(number: int) -> list[str]:
        for clip_id in CLIP_IDS[:number]:
            store.write_bytes(f"media/{clip_id}.mp4", film)
        rows = [clip_row(clip_id) for clip_id in CLIP_IDS[:number]]
        store.write_table("clips/BV1.parquet", from_rows(rows, CLIPS), CLIPS)
        return CLIP_IDS[:number]

    return fill


def on_ray(settings: Settings, **values: Any) -> Settings:
    return settings.model_copy(
        update={"engine": "ray", "ray": settings.ray.model_copy(update={"batch": 4, **values})}
    )


def complete(store: Store, clip_ids: list[str]) -> None:
    """Fails unless each clip has its verdict and its poses once."""
    assert waiting(store) == []
    assert len(store.list("verdicts")) == len(clip_ids)
    frames = Counter(store.read_table("poses", FRAMES, ["clip_id"])["clip_id"].to_pylist())
    assert frames == dict.fromkeys(clip_ids, FRAME_COUNT)


@pytest.mark.slow
def test_a_killed_machine_costs_what_it_had_in_hand(
    cluster: Any, settings: Settings, store: Store, filled: Callable[..., list[str]], tmp_path: Path
) -> None:
    clip_ids, log = filled(60), tmp_path / "log"
    log.touch()
    killed: list[int] = []

    def kill() -> None:
        begun = time.monotonic()
        while len(at_work(log)) < 3:
            if time.monotonic() - begun > 120:
                return
            time.sleep(0.05)
        cluster.remove_node(cluster.machines.pop(), allow_graceful=False)
        killed.append(len(log.read_text().splitlines()))

    killer = threading.Thread(target=kill)
    killer.start()
    advanced: list[int] = []
    work = Swaying(str(log), 0.25, processes=3)
    done = spread(
        load(on_ray(settings)),
        work,
        lambda first: waiting(store),
        on_ray(settings),
        lambda steps, note: advanced.append(steps),
    )
    killer.join()
    assert killed, "three machines never worked at once"
    assert killed[0] < len(clip_ids), "it was not killed in the middle"
    assert done == len(clip_ids) == sum(advanced)
    complete(store, clip_ids)
    begun = Counter(line.split()[0] for line in log.read_text().splitlines())
    again = sum(count - 1 for count in begun.values())
    assert again <= 1, "at most the clip whose tables it was about to write"


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_command_and_flow_use_the_cluster(
    store: Store, settings: Settings, filled: Callable[..., list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    """With the embedded estimator, which finds nobody in grey films."""
    assets.ensure(settings)
    caplog.set_level(logging.INFO)
    filled(6)
    ended = CliRunner().invoke(extract, ["--store", store.address, "--set", "engine=ray"])
    assert ended.exit_code == 0, ended.output
    assert ended.output.splitlines()[-1] == "  not_tracked: 6"
    assert len(store.list("verdicts")) == 6
    said = [record.getMessage() for record in caplog.records]
    assert any("estimator blazepose" in line and "loaded in" in line for line in said), "an actor's line"
    assert any("6 of 6 came back" in line for line in said)

    store.remove("verdicts/BV1_Clip_3.parquet")
    changed = {"store": store.address, "engine": "ray"}
    extract_batch.fn(changed, CLIP_IDS[:6])
    assert len(store.list("verdicts")) == 6


@pytest.mark.usefixtures("cluster")
def test_what_goes_wrong_on_a_machine_is_said_here(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    engine = load(on_ray(settings))
    with pytest.raises(AssetError, match=r"^/models: model files are missing \(fetch them\)$"):
        engine.run(Failing(True), ["a", "b"], settings, ignore)
    assert any(record.getMessage().endswith("looking at a") for record in caplog.records)
    with pytest.raises(PopDanceSetError, match="ZeroDivisionError: an absurd header"):
        engine.run(Failing(False), ["a", "b"], settings, ignore)
    assert "Traceback" in caplog.text


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_clip_that_kills_its_process_costs_no_other_clip(
    settings: Settings,
    store: Store,
    filled: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flows.engine.ray_data.RETRIES", 1)
    filled(8)
    deadly = CLIP_IDS[2]
    work = Swaying(str(tmp_path / "log"), 0.0, deadly)
    with pytest.raises(PopDanceSetError, match=rf"^{deadly}: extract: 1 item unfinished because"):
        spread(load(on_ray(settings)), work, lambda first: waiting(store), on_ray(settings), ignore)
    assert waiting(store) == [deadly]


@pytest.mark.usefixtures("cluster")
def test_a_cluster_that_is_too_small(settings: Settings) -> None:
    work = Failing(True)
    with pytest.raises(SettingsError, match=r"^ray\.cpus: the Ray cluster has [23] cores and 0 GPUs"):
        load(on_ray(settings, cpus=64.0)).run(work, ["a"], settings, ignore)
    with pytest.raises(SettingsError, match=r"^ray\.gpus: .* an actor needs 1 and 1"):
        load(on_ray(settings, gpus=1.0)).run(Swaying("", on_gpu=True), ["a"], settings, ignore)


# -- before anything starts


def test_the_engine_is_found_by_its_setting(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert find_engine(settings) is None
    assert isinstance(find_engine(on_ray(settings)), RayEngine)


def test_a_cluster_that_does_not_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.engine.ray_data._initialized", lambda: False)
    with pytest.raises(SettingsError, match=r"^ray\.address: no Ray cluster at 127\.0\.0\.1:1: .*ray start"):
        find_engine(on_ray(settings, address="127.0.0.1:1"))
    monkeypatch.setenv("RAY_ADDRESS", "nobody.invalid:6379")
    with pytest.raises(SettingsError, match=r"no Ray cluster at nobody\.invalid:6379"):
        find_engine(on_ray(settings))


def test_ray_is_not_installed(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    ended = CliRunner().invoke(extract, ["--store", store.address, "--set", "engine=ray"])
    assert isinstance(ended.exception, SettingsError)
    assert str(ended.exception).startswith("engine: engine=ray needs Ray, which cannot be imported")
    assert "pip install 'popdanceset[ray]'" in str(ended.exception)
