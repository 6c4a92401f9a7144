"""What an hour of released dance costs: in sums, in the report's data, and in a release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime
from types import ModuleType

import pytest

from popdanceset import layout
from popdanceset.ledger import Entry, read_ledger
from popdanceset.operations.cost import hour_cost, stage_costs
from popdanceset.release.reader import Release
from popdanceset.release.writer import publish
from popdanceset.schema import LEDGER
from popdanceset.settings import PriceSettings, Settings
from popdanceset.store import Store

Recorded = Callable[..., Entry]


@pytest.fixture
def spent(store: Store, recorded: Recorded) -> Store:
    recorded("extract", cpu_seconds=3600.0, gpu_seconds=1800.0, items=3, device="cuda:0")
    recorded("acquire", cpu_seconds=7200.0, requests=10, bytes_received=1_000_000, items=4)
    recorded("acquire", cpu_seconds=1800.0, requests=5, bytes_received=500_000, items=1)
    return store


def test_stages_are_summed_in_the_order_of_the_pipeline(spent: Store) -> None:
    acquire, extract = stage_costs(read_ledger(spent))
    assert (acquire.stage, acquire.runs, acquire.cpu_seconds, acquire.requests) == ("acquire", 2, 9000.0, 15)
    assert (extract.stage, extract.runs, extract.gpu_seconds) == ("extract", 1, 1800.0)


def test_an_hour_costs_everything_divided_by_what_is_released(spent: Store) -> None:
    """3.5 core hours and half a GPU hour for a quarter of an hour."""
    prices = PriceSettings(cpu_hour=0.1, gpu_hour=2.0)
    hour = hour_cost(stage_costs(read_ledger(spent)), 900.0, prices)
    assert hour is not None
    assert (hour.cpu_hours, hour.gpu_hours, hour.requests) == pytest.approx((14.0, 2.0, 60.0))
    assert hour.price == pytest.approx((3.5 * 0.1 + 0.5 * 2.0) / 0.25)


def test_a_price_that_is_not_known_is_not_guessed(spent: Store) -> None:
    hour = hour_cost(stage_costs(read_ledger(spent)), 900.0, PriceSettings(cpu_hour=0.1))
    assert hour is not None
    assert hour.price is None
    assert hour_cost([], 900.0, PriceSettings()) is None
    assert hour_cost(stage_costs(read_ledger(spent)), 0.0, PriceSettings()) is None


def test_a_release_states_what_it_cost(spent: Store, settings: Settings, synthetic: ModuleType) -> None:
    synthetic.fill_store(spent, "weekly", [synthetic.clip_row("BV1_Clip_1", 300, "m1")])
    release = Release(f"{spent}/{publish(settings, spent, 'weekly').path}")
    cost = release.info.cost
    assert cost is not None
    assert cost.stages["acquire"].cpu_seconds == 9000.0
    assert cost.per_released_hour.gpu_hours == pytest.approx(0.5 / (10 / 3600))


def test_without_the_cost_two_publications_are_the_same_bytes(
    settings: Settings, synthetic: ModuleType
) -> None:
    """The cost is measured, so that it differs; it is in no other file and not in the hash of the content."""
    trees = []
    for name, seconds in (("one", 10.0), ("two", 99.0)):
        for cost in (True, False):
            store = Store(f"{settings.store}-{name}-{cost}")
            chosen = settings.release.model_copy(update={"cost": cost})
            own = settings.model_copy(update={"store": store.address, "release": chosen})
            synthetic.fill_store(store, "weekly", [synthetic.clip_row("BV1_Clip_1", 60, "m1")])
            _record(store, seconds)
            path = publish(own, store, "weekly", day=date(2026, 1, 2)).path
            files = store.list(path)
            trees.append({file: store.read_bytes(file) for file in files})
    one, one_without, two, two_without = trees
    assert one_without == two_without
    version = layout.release("2026.01.02")
    assert {name for name in one if one[name] != two[name]} == {
        f"{version}/{layout.RELEASE_INFO}",
        f"{version}/{layout.CROISSANT}",  # which has the checksum of the other
    }


def _record(store: Store, seconds: float) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    row = asdict(Entry("acquire", "r", "h", "cpu", now, now, now, cpu_seconds=seconds, items=1))
    store.write_rows(layout.ledger_row("acquire", "r"), [row], LEDGER)
