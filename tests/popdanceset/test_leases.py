"""Leases: one owner at a time, whatever the clocks say; nobody waits for a dead one for ever."""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass, field

import pytest

from popdanceset import leases as module
from popdanceset.errors import StoreError
from popdanceset.leases import SKEW, Leases, leased
from popdanceset.store import Store
from tests.s3 import FaultyS3


@dataclass
class Clock:
    """A machine's clocks: the wall clock may be set, the monotonic one only runs."""

    wall: float = 1e9
    running: float = 0.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.running += seconds


@dataclass
class Machine:
    """An owner with clocks of its own."""

    leases: Leases
    clock: Clock = field(default_factory=Clock)


@pytest.fixture(params=["memory", "s3", "local"])
def shared_store(request: pytest.FixtureRequest, store: Store) -> Store:
    if request.param == "local":
        return store
    if request.param == "memory":
        return Store(f"memory://{secrets.token_hex(4)}")
    return Store(request.getfixturevalue("s3").new_address())


@pytest.fixture
def two(shared_store: Store) -> tuple[Machine, Machine]:
    """Two machines; neither renews by itself."""
    machines = []
    for _ in range(2):
        clock = Clock()
        owner = Leases(
            Store(shared_store.address),
            60,
            lambda c=clock: c.wall,
            lambda c=clock: c.running,  # type: ignore[misc]
        )
        machines.append(Machine(owner, clock))
    return machines[0], machines[1]


def test_one_owner_at_a_time(two: tuple[Machine, Machine], shared_store: Store) -> None:
    one, other = (machine.leases for machine in two)
    assert one.take("leases/a.json")
    assert not other.take("leases/a.json")
    assert not one.take("leases/a.json"), "nor twice by the same"
    assert other.other("leases/a.json") == one.owner
    assert other.take("leases/b.json")
    other.release("leases/a.json")
    assert one.holds("leases/a.json"), "only one's own is released"
    one.release("leases/a.json")
    assert other.take("leases/a.json")
    other.release("leases/a.json")
    other.release("leases/b.json")
    assert shared_store.list("leases") == []


def test_a_dead_owner_is_replaced_after_a_lease(two: tuple[Machine, Machine]) -> None:
    dead, other = two
    assert dead.leases.take("a")
    assert not other.leases.take("a")
    other.clock.pass_(59)
    assert not other.leases.take("a")
    other.clock.pass_(2)
    assert other.leases.take("a")
    # It was only presumed dead, and learns it before it writes.
    dead.clock.pass_(61)
    assert not dead.leases.holds("a")
    dead.leases.release("a")
    assert other.leases.holds("a"), "what it releases is not the other's"


def test_one_who_died_long_ago_is_replaced_at_once(two: tuple[Machine, Machine]) -> None:
    dead, other = two
    assert dead.leases.take("a")
    other.clock.wall += 60 + SKEW + 1
    assert other.leases.take("a")


@pytest.mark.parametrize("jump", [-86400.0, -250.0, 250.0])
def test_clocks_that_differ_change_nothing(two: tuple[Machine, Machine], jump: float) -> None:
    one, other = two
    other.clock.wall += jump
    assert one.leases.take("a")
    for _ in range(6):
        for machine in two:
            machine.clock.pass_(31)
        assert one.leases.holds("a")
        assert not other.leases.take("a")
    other.clock.pass_(61)
    assert other.leases.take("a"), "and a dead owner is replaced"


def test_an_owner_whose_clock_jumps_ahead_does_not_block_others_for_ever(
    two: tuple[Machine, Machine],
) -> None:
    dead, other = two
    dead.clock.wall += 10 * 86400
    assert dead.leases.take("a")
    assert not other.leases.take("a")
    other.clock.pass_(61)
    assert other.leases.take("a")


@pytest.mark.parametrize("content", [b"", b'{"owner": "els', b"[1]", b'{"lease": "x", "until": null}'])
def test_what_is_no_lease_does_not_count(
    two: tuple[Machine, Machine], shared_store: Store, content: bytes
) -> None:
    shared_store.write_bytes("a", content)
    assert two[0].leases.take("a")
    assert json.loads(shared_store.read_bytes("a"))["owner"] == two[0].leases.owner


def test_one_of_several_takes_over(shared_store: Store, two: tuple[Machine, Machine]) -> None:
    assert two[0].leases.take("a")
    clock = Clock(wall=1e9 + 1000)
    others = [Leases(Store(shared_store.address), 60, lambda: clock.wall) for _ in range(6)]
    barrier, taken = threading.Barrier(len(others)), []

    def attempt(leases: Leases) -> None:
        barrier.wait()
        if leases.take("a"):
            taken.append(leases)

    threads = [threading.Thread(target=attempt, args=(each,)) for each in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1


def test_a_thread_renews(shared_store: Store) -> None:
    with Leases(shared_store, lease=0.06) as owner:
        assert owner.take("a")
        versions = {shared_store.read_version("a")}
        waiting = threading.Event()
        for _ in range(300):
            versions.add(shared_store.read_version("a"))
            if len(versions) > 3:
                break
            waiting.wait(0.02)
        else:
            pytest.fail("the lease was not renewed")
    assert not shared_store.exists("a"), "and it is released at the end"


def test_a_block_waits_for_its_turn(shared_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL", 0.01)
    inside, most = [0], [0]

    def work() -> None:
        with leased(Store(shared_store.address), "a") as lease:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            assert lease.held()
            threading.Event().wait(0.02)
            inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert not shared_store.exists("a")


def test_a_storm_at_the_end_leaves_a_lease_that_expires(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("popdanceset.conditional.PAUSE", 0.0)
    store = Store(s3.new_address())
    clock = Clock()
    with Leases(store, 60, lambda: clock.wall, lambda: clock.running) as owner:
        assert owner.take("a")
        clock.pass_(40)
        s3.storm = True
        with pytest.raises(StoreError, match="503"):
            owner.holds("a")
    assert "lease not released" in caplog.text
    s3.storm = False
    later = Leases(store, 60, lambda: clock.wall + 60 + SKEW)
    assert later.take("a")
