"""Plans by hand-made ledgers, against the same sums written out."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from popdanceset.errors import InputError, SettingsError
from popdanceset.ledger import Entry
from popdanceset.operations.plan import StagePlan, parse_deadline, plan
from popdanceset.operations.plan_command import plan as command
from popdanceset.settings import Settings
from popdanceset.store import Store

Recorded = Callable[..., Entry]


@pytest.fixture
def measured(busy: Store, recorded: Recorded) -> Store:
    """Runs with round numbers."""
    recorded("crawl", requests=40, items=20, seconds=80.0, cpu_seconds=2.0, bytes_received=4000)
    recorded("acquire", items=4, seconds=100.0, cpu_seconds=150.0, requests=12, bytes_received=8_000_000)
    recorded("extract", frames=600, items=2, seconds=60.0, cpu_seconds=100.0)
    recorded(
        "extract", frames=6000, items=20, seconds=50.0, cpu_seconds=20.0, device="cuda:0", gpu_seconds=50.0
    )
    recorded("features", items=2, seconds=4.0, cpu_seconds=5.0)
    recorded("features", items=2, seconds=8.0, cpu_seconds=7.0)
    return busy


def of(stages: tuple[StagePlan, ...], name: str) -> StagePlan:
    return next(stage for stage in stages if stage.stage == name)


def test_every_number_follows_from_the_ledger_and_the_tables(measured: Store, settings: Settings) -> None:
    """4 of 20 videos are selected, with 5 parts; 3 parts gave 6 clips of 300 frames; 1 of 2 poses is good."""
    found = plan(settings, measured, 1000)

    assert found.seen == pytest.approx(1000 * 20 / 4)
    parts = 1000 * 5 / 4
    clips = parts * 6 / 3
    assert found.clips == pytest.approx(clips)
    assert found.released_hours == pytest.approx(clips * 300 / 2 / 30 / 3600)
    crawl, acquire = of(found.stages, "crawl"), of(found.stages, "acquire")
    assert crawl.requests == pytest.approx(5000 * 40 / 20)
    # Measured were two seconds a request; the settings ask for 2.3 on average: half a request a second, and
    # a random pause of up to 30 % more.
    assert crawl.hours == pytest.approx(10_000 * 2.3 / 3600)
    assert acquire.hours == pytest.approx(parts * 25 / 3600)
    assert acquire.cpu_hours == pytest.approx(parts * 37.5 / 3600)
    assert acquire.requests == pytest.approx(parts * 3)
    assert acquire.bytes_received == pytest.approx(parts * 2e6)
    extract = of(found.stages, "extract")
    assert extract.device == "GPU"
    assert extract.hours == extract.gpu_hours == pytest.approx(clips * 300 / 120 / 3600)
    (instead,) = found.alternatives
    assert instead.device == "processor"
    assert instead.hours == pytest.approx(clips * 300 / 10 / 3600)
    assert of(found.stages, "features").cpu_hours == pytest.approx(clips * 3 / 3600)
    assert set(found.unknown) == {"publish", "storage per frame"}
    assert any("2 runs of features" in line for line in found.assumptions)


def test_prices(measured: Store, settings: Settings) -> None:
    prices = settings.prices.model_copy(
        update={"cpu_hour": 0.05, "gpu_hour": 2.0, "storage_gb_month": 0.02, "currency": "EUR"}
    )
    found = plan(settings.model_copy(update={"prices": prices}), measured, 1000)
    cpu, gpu = (sum(getattr(stage, name) for stage in found.stages) for name in ("cpu_hours", "gpu_hours"))
    assert found.computing_price == pytest.approx(0.05 * cpu + 2.0 * gpu)
    assert found.storage_bytes is not None
    assert found.storage_price == pytest.approx(0.02 * found.storage_bytes / 1e9)

    without = prices.model_copy(update={"gpu_hour": 0.0})  # a GPU is used, and nobody said what it costs
    assert plan(settings.model_copy(update={"prices": without}), measured, 1000).computing_price is None
    assert plan(settings, measured, 1000).computing_price is None


def test_a_deadline_needs_workers_and_a_crawl_cannot_be_divided(measured: Store, settings: Settings) -> None:
    found = plan(settings, measured, 100_000, deadline_hours=24)
    acquire = of(found.stages, "acquire")
    assert acquire.workers == -(-acquire.hours // 24)
    crawl = of(found.stages, "crawl")
    assert crawl.hours == 24 * (1_000_000 / settings.crawl.requests_per_day - 1)  # a hundred days' requests
    assert (crawl.workers, crawl.late) == (1, True)


def test_a_store_without_runs_gives_one_clear_line(busy: Store, settings: Settings) -> None:
    with pytest.raises(InputError, match="no runs are recorded"):
        plan(settings, busy, 10)


@pytest.mark.parametrize(("text", "hours"), [("12h", 12), ("7d", 168), ("2 w", 336), ("1.5d", 36)])
def test_deadlines(text: str, hours: float) -> None:
    assert parse_deadline(text) == hours


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "7y"])
def test_what_is_no_deadline(text: str) -> None:
    with pytest.raises(SettingsError, match="not a length of time"):
        parse_deadline(text)


def test_the_command(measured: Store, settings: Settings) -> None:
    arguments = ["--store", settings.store, "--videos", "1000"]
    done = CliRunner().invoke(command, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["schema"] == 1
    assert [stage["stage"] for stage in document["stages"]] == ["crawl", "acquire", "extract", "features"]

    shown = CliRunner().invoke(command, [*arguments, "--deadline", "7d", "--set", "prices.cpu_hour=1"]).stdout
    assert "unknown   publish, storage per frame: never measured here" in shown
    assert "videos    1,000 of 5,000 seen" in shown
