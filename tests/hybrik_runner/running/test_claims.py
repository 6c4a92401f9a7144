"""Claims: one worker for each clip, and nobody waits for a dead worker."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrik_runner.running.claims import Claims, claimed
from popdanceset.errors import StoreError
from popdanceset.leases import SKEW
from popdanceset.store import Store


@pytest.fixture
def two(store: Store) -> Iterator[tuple[Claims, Claims]]:
    """Two workers on a store."""
    with Claims(store) as one, Claims(Store(store.address)) as other:
        yield one, other


def claim_file(store: Store, clip_id: str) -> Path:
    return Path(store.address, ".claims", clip_id)


def test_a_clip_has_one_worker(two: tuple[Claims, Claims]) -> None:
    one, other = two
    assert one.take("a")
    assert not other.take("a")
    assert not one.take("a"), "nor twice by the same"
    assert other.take("b")
    one.release("a")
    assert other.take("a")
    one.release("a")
    assert not one.take("a"), "a released clip belongs to the other worker"


def test_claims_leave_nothing_behind(store: Store) -> None:
    with Claims(store) as one:
        one.take("a")
        assert store.list(".claims") == [], "claims are not files of the store"
        assert claim_file(store, "a").exists()
    assert not claim_file(store, "a").exists()


def test_a_killed_workers_clip_is_free_at_once(store: Store) -> None:
    script = f"""
import os, signal
from hybrik_runner.running.claims import Claims
from popdanceset.store import Store
with Claims(Store({store.address!r}), lease=3600) as claims:
    assert claims.take("a")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", script], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert claim_file(store, "a").exists()
    with Claims(store) as one:
        assert one.take("a")


def test_another_machines_claim_counts_until_its_lease_is_over(store: Store) -> None:
    """Its lock may not reach here, if the folder is shared over a network."""
    path = claim_file(store, "a")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"owner": "elsewhere:1:x", "host": "elsewhere", "until": 1000.0}))
    with Claims(store, clock=lambda: 999.0) as one:
        assert not one.take("a")
    with Claims(store, clock=lambda: 1001.0) as one:
        assert one.take("a")
        assert json.loads(path.read_text())["owner"] != "elsewhere:1:x"


@pytest.mark.parametrize("content", ["", '{"owner": "else', "[1]", '"text"'])
def test_a_truncated_claim_does_not_count(store: Store, content: str) -> None:
    path = claim_file(store, "a")
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with Claims(store) as one:
        assert one.take("a")


def test_owners_renew_their_claims(store: Store) -> None:
    times = iter(range(1000, 100000, 10))
    with Claims(store, lease=0.03, clock=lambda: float(next(times))) as one:
        one.take("a")
        first = json.loads(claim_file(store, "a").read_text())["until"]
        beat = threading.Event()
        for _ in range(200):
            if json.loads(claim_file(store, "a").read_text() or "{}").get("until", first) > first:
                break
            beat.wait(0.02)
        else:
            pytest.fail("the claim was never renewed")


def test_a_folder_that_may_not_be_written(store: Store) -> None:
    Path(store.address).mkdir(parents=True, exist_ok=True)
    claim_file(store, "a").parent.write_text("a file in its place")
    with Claims(store) as one, pytest.raises(StoreError, match="cannot be claimed"):
        one.take("a")


@pytest.mark.parametrize("kind", ["memory", "s3"])
def test_an_object_store(kind: str, request: pytest.FixtureRequest) -> None:
    address = (
        f"memory://{uuid.uuid4().hex}" if kind == "memory" else request.getfixturevalue("s3").new_address()
    )
    store, now = Store(address), [1000.0]
    with Claims(store, lease=60, clock=lambda: now[0]) as one, Claims(store, clock=lambda: now[0]) as other:
        assert one.take("a")
        assert one.holds("a")
        assert not other.take("a")
        now[0] += 60 + SKEW + 1
        assert other.take("a"), "its owner has not renewed it for long"
        one._leases._held["claims/a.json"].renewed -= 40  # type: ignore[union-attr]
        assert not one.holds("a"), "it belongs to the other worker by now"
        one.release("a")
        assert other.holds("a")
    assert store.list("claims") == []


def test_every_clip_is_claimed_by_some_worker(two: tuple[Claims, Claims]) -> None:
    """A clip of another worker is tried again until it is done; here that worker releases it after a
    while."""
    one, other = two
    assert other.take("b")
    done: set[str] = set()
    given = []

    def finished(name: str) -> bool:
        if name == "b" and len(given) == 2:
            other.release("b")
        return name in done

    for name in claimed(["a", "b", "c"], one, finished, threading.Event(), pause=0.0):
        given.append(name)
        done.add(name)
    assert given == ["a", "c", "b"]


def test_what_is_finished_between_question_and_claim_is_not_done_again(two: tuple[Claims, Claims]) -> None:
    one, other = two
    answers = iter([False, True])
    assert list(claimed(["a"], one, lambda _: next(answers), threading.Event())) == []
    assert other.take("a"), "and its claim is released"


def test_nobody_waits_when_everything_is_aborted(two: tuple[Claims, Claims]) -> None:
    one, other = two
    other.take("a")
    stopped = threading.Event()
    stopped.set()
    assert list(claimed(["a"], one, lambda _: False, stopped)) == []
