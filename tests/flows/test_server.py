"""Runs of deployments on a real server, with PostgreSQL where there is one: late runs, endings, secrets."""

from __future__ import annotations

import asyncio
import datetime
import json
import re
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from popdanceset.release.writer import publish
from popdanceset.settings import Settings
from popdanceset.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from tests.flows.conftest import Api, Machine

pytestmark = pytest.mark.slow

SECRET = "PLANTED-7f3a"
DEAD_PROXY = f"http://me:{SECRET}@127.0.0.1:9"

TICKS = '''
"""A flow that is due every few seconds."""

from prefect import flow

from flows.beginnings import begin


@flow
def tick(late_hours: float = 0.0) -> None:
    begin(None, late_hours=late_hours)
'''
TICKING = """
name: ticks
pull:
  - prefect.deployments.steps.set_working_directory: {{directory: "{folder}"}}
deployments:
  - name: often
    entrypoint: ticks.tick
    work_pool: {{name: later}}
    concurrency_limit: {{limit: 1, collision_strategy: CANCEL_NEW}}
    schedules:
      - rrule: "DTSTART:{start:%Y%m%dT%H%M%SZ}\\nRRULE:FREQ=SECONDLY;INTERVAL=3;COUNT=6"
"""
"""Due six times in a row, and never again."""


class Site(NamedTuple):
    here: Machine
    api: Api
    database: str


@pytest.fixture(scope="module")
def site(
    machine: Callable[..., Machine], api: type[Api], free_port: Callable[[], int], postgres: str
) -> Site:
    """A server on PostgreSQL, the deployments and one that ticks, and a worker of each pool but the last."""
    port = free_port()
    here = machine(
        "server",
        **({"PREFECT_API_DATABASE_CONNECTION_URL": postgres} if postgres else {}),
        PREFECT_SERVER_API_PORT=str(port),
        PREFECT_API_URL=f"http://127.0.0.1:{port}/api",
        POPDANCESET_NETWORK__PROXY=DEAD_PROXY,
        POPDANCESET_ALERTS__WEBHOOK=f"http://127.0.0.1:9/{SECRET}",
        PYTHONPATH=str(Path(__file__).parents[2]),
    )
    (here.folder / "ticks.py").write_text(TICKS)
    here.run(
        """
        prefect server start --no-ui > prefect-server.log 2>&1 &
        prefect server status --wait
        for pool in crawl gpu later; do prefect work-pool create $pool --type process; done
        prefect --no-prompt deploy --all --prefect-file flows/prefect.yaml
        prefect worker start --pool crawl &
        prefect worker start --pool gpu &
        """
    )
    start = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30)
    ticks_file = here.folder / "ticks.yaml"
    ticks_file.write_text(TICKING.format(folder=here.folder, start=start), encoding="utf-8")
    here.run("prefect --no-prompt deploy --all --prefect-file ticks.yaml")
    return Site(here, api(f"http://127.0.0.1:{port}/api"), postgres)


def test_a_deployment_runs_and_its_artifact_is_in_postgresql(site: Site) -> None:
    run = site.api.start("withdraw/withdraw", bvids=["BV1xx411c7mD"], reason="uploader")
    assert site.api.wait(run)["type"] == "COMPLETED", site.api.logs(run)
    assert re.search("1 videos? would be withdrawn", site.api.artifacts(run)["withdrawal"]["data"])
    assert not (site.here.folder / "store" / "tombstones").exists()
    if not site.database:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql); it ran on SQLite")
    stored = rows(site.database, f"select state_type::text from flow_run where id = '{run}'")
    assert stored == [("COMPLETED",)]


def test_a_failed_run_says_how_to_continue_and_the_line_works(
    site: Site, until: Callable[[Callable[[], Any], float], Any]
) -> None:
    parameters = {"settings": {"crawl": {"sources": ["ranking:1004"]}, "network": {"timeout": 0.5}}}
    run = site.api.start("select/select", **parameters)
    assert site.api.wait(run)["type"] == "FAILED"
    what = until(lambda: site.api.artifacts(run).get("what-to-do"), 60)  # its hooks run after its end
    (line,) = re.findall(r"```bash\n(prefect .*)\n```", what["data"])
    assert until(lambda: line in site.api.logs(run), 30)
    words = shlex.split(line)
    assert words[:4] == ["prefect", "deployment", "run", "select/select"]
    assert json.loads(words[words.index("--params") + 1]) == parameters
    with pytest.raises(AssertionError, match="exit code"):  # it fails again: there is still no crawl
        site.here.run(line)
    again = site.api.runs(flows={"name": {"any_": ["select"]}})
    assert [each["parameters"]["settings"] for each in again] == [parameters["settings"]] * 2


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("crawl/daily", {"settings": {"store": "/proc/store"}}, "not writable"),
    ("extract/gpu", {"settings": {"pose": {"estimator": "hybrik", "devices": ["cuda:7"]}}}, "hybrik"),
    ("refresh/weekly", {"run_on": {"extract": "extract/tpu"}}, "no deployment 'extract/tpu'"),
    ("acquire/acquire", {"manifest": "store:a/b"}, "cannot be the name of a manifest"),
]


def test_bad_configuration_ends_a_run_before_anything_starts(site: Site) -> None:
    runs = [site.api.start(deployment, **parameters) for deployment, parameters, _ in BAD]
    for run, (_, _, words) in zip(runs, BAD, strict=True):
        state = site.api.wait(run)
        assert state["type"] == "FAILED"
        assert words in state["message"]
        assert "\n" not in state["message"].strip()
        assert site.api.get(f"flow_runs/{run}/graph-v2")["nodes"] == []  # no stage and no task has run


def test_training_on_the_newest_release_shows_its_table(
    site: Site, synthetic: ModuleType, until: Callable[[Callable[[], Any], float], Any]
) -> None:
    folder = site.here.folder
    settings = Settings.load(overrides={"store": str(folder / "store"), "release": {"figures": False}})
    clips = [synthetic.clip_row(f"BV{n}_Clip_1", 120 + 10 * n, f"m{n}") for n in range(1, 7)]
    synthetic.fill_store(Store(settings.store), "weekly", clips)
    for clip in clips:
        synthetic.add_music(Store(settings.store), clip["clip_id"], clip["frames"], beat_every=15)
    version = Path(publish(settings, Store(settings.store), "weekly").path).name
    sizes = {"width": 32, "feedforward": 64, "heads": 4, "layers": 2, "music_layers": 1}
    run = site.api.start(
        "train/refreshed", epochs=0.5, batch_size=8, window=60, stride=30, sizes=sizes,
        sampler="dpm-solver", sampler_steps=2,
    )  # fmt: skip
    assert site.api.wait(run)["type"] == "COMPLETED", site.api.logs(run)
    shown = site.api.artifacts(run)["metrics"]
    table = folder / "runs" / version / "table.md"
    assert table.read_text(encoding="utf-8") in shown["data"]
    assert {"POPDG", "ground truth"} <= set(re.findall(r"POPDG|ground truth", shown["data"]))
    assert list((folder / "runs" / version / "run").glob("checkpoint-*.pt"))
    release = f"{folder}/store/releases/{version}"
    lines = [f"popdanceset {command} --release {release}" for command in ("train", "sample", "evaluate")]
    # A run's last lines may reach the server after its state.
    assert until(lambda: all(line in site.api.logs(run) for line in lines), 30), site.api.logs(run)


def test_a_refused_proxy_leaks_no_password(
    site: Site, until: Callable[[Callable[[], Any], float], Any]
) -> None:
    run = site.api.start("crawl/daily", settings={"network": {"timeout": 1}})
    assert until(lambda: "proxy" in site.api.logs(run).lower(), 120)  # and then it is tried again
    written = [path for path in site.here.folder.rglob("*") if path.is_file()]
    assert [path.name for path in written if SECRET.encode() in path.read_bytes()] == []
    if site.database:
        assert SECRET not in dump(site.database)


def test_of_many_missed_times_one_is_made_up_for(
    site: Site, until: Callable[[Callable[[], Any], float], Any]
) -> None:
    """A worker comes late and takes one run at a time."""
    assert until(lambda: len(ticks(site)) > 2 and all(is_due(run) for run in ticks(site)), 60)
    site.here.run("prefect worker start --pool later --limit 1 &")

    def ended() -> Counter[str] | None:
        states = Counter(run["state_name"] for run in ticks(site))
        return states if states.keys() <= {"Completed", "Skipped", "Cancelled"} else None

    states = until(ended, 120)
    assert states, Counter(run["state_name"] for run in ticks(site))
    assert states["Completed"] == 1, states
    assert states["Skipped"] >= 1, states
    why = [run["state"]["message"] for run in ticks(site) if run["state_name"] == "Skipped"]
    assert all("has started since it was due" in message for message in why)


def ticks(site: Site) -> list[dict[str, Any]]:
    return site.api.runs(flows={"name": {"any_": ["tick"]}})


def is_due(run: dict[str, Any]) -> bool:
    due = datetime.datetime.fromisoformat(run["expected_start_time"])
    return due < datetime.datetime.now(datetime.UTC)


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    import asyncpg

    async def fetch() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(database.replace("+asyncpg", ""))
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def dump(database: str) -> str:
    """Everything in the database, as text."""
    names = rows(database, "select table_name from information_schema.tables where table_schema = 'public'")
    return "\n".join(str(rows(database, f'select * from "{name}"')) for (name,) in names)
