"""Which scheduled runs are skipped: those that are too late, and those whose work another run has begun."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelled, Completed, Failed, Pending, Running, Scheduled, State

from flows.lateness import why_skip

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
FLOW = uuid.uuid4()


def run(
    hours_ago: float,
    state: State[None] | None = None,
    started_hours_ago: float | None = None,
    scheduled: bool = True,
) -> FlowRun:
    """A run that was due this many hours ago."""
    return FlowRun(
        flow_id=FLOW,
        name=f"due {hours_ago} h ago",
        auto_scheduled=scheduled,
        expected_start_time=NOW - timedelta(hours=hours_ago),
        start_time=None if started_hours_ago is None else NOW - timedelta(hours=started_hours_ago),
        state=state or Pending(),
    )


def skipped(own: FlowRun, *others: FlowRun, hours: float = 12) -> str:
    return why_skip(own, [own, *others], NOW, timedelta(hours=hours))


@pytest.mark.parametrize(("hours_ago", "limit", "late"), [(1, 12, False), (13, 12, True), (1000, 0, False)])
def test_a_run_that_is_too_late_is_skipped(hours_ago: float, limit: float, late: bool) -> None:
    reason = skipped(run(hours_ago), hours=limit)
    assert bool(reason) is late
    if late:
        assert "due at 2026-11-29 23:00 UTC" in reason


def test_of_three_that_are_due_together_the_first_to_start_does_the_work() -> None:
    """Even the oldest, which is too late itself: it stands in for the newest."""
    waiting = [run(50), run(26), run(2)]
    assert skipped(waiting[0], *waiting[1:]) == ""
    started = run(50, Running(), started_hours_ago=0.01)
    for own, other in (waiting[1:], waiting[:0:-1]):
        assert "has started since it was due" in skipped(own, other, started)


@pytest.mark.parametrize(
    ("state", "done"),
    [(Completed(), True), (Running(), True), (Failed(), False), (Cancelled(), False), (Scheduled(), False)],
)
def test_only_a_run_that_works_or_has_worked_counts(state: State[None], done: bool) -> None:
    assert bool(skipped(run(1), run(25, state, started_hours_ago=0.5))) is done


def test_what_ran_before_the_newest_due_time_does_not_count() -> None:
    assert skipped(run(1), run(25, Completed(), started_hours_ago=24)) == ""


def test_a_run_that_a_person_started_counts_too() -> None:
    assert skipped(run(1), run(0.5, Running(), started_hours_ago=0.5, scheduled=False))
    # but it is no time at which the schedule was due
    assert skipped(run(13), run(0.5, Failed(), started_hours_ago=0.5, scheduled=False))
