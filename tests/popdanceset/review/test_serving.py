"""Real servers: several reviewers at once, servers that are killed, and how they start and stop."""

import contextlib
import http.client
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from popdanceset.errors import InputError
from popdanceset.review.database import ReviewDatabase, standing
from popdanceset.review.serving import address_of, listen

CLIPS = ("BV1_Clip_1", "BV1_Clip_2", "BV1xx411c7mD_Clip_1")
DECISIONS = 200


def decide_often(server, reviewer, acknowledged):
    """Decides again and again, as a page does; notes the ids that the server acknowledged."""
    for number in range(DECISIONS):
        body = {
            "reviewer": reviewer, "clip_ids": [CLIPS[number % len(CLIPS)]], "kind": "reject",
            "value": "not_a_dance", "note": f"{reviewer} {number}",
        }  # fmt: skip
        acknowledged += server.post("/api/decisions", body)["ids"]


@pytest.mark.parametrize("servers", [1, 2])
def test_two_reviewers_at_once_lose_no_decision(start_server, reviewed, servers):
    started = [start_server("--store", reviewed.address) for _ in range(servers)]
    acknowledged = {"anna": [], "ben": []}
    threads = [
        threading.Thread(target=decide_often, args=(started[n % servers], name, acknowledged[name]))
        for n, name in enumerate(acknowledged)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    database = ReviewDatabase(Path(reviewed.address, "review/decisions.sqlite"), create=False)
    kept = {each.id: each.decision for each in database.decisions()}
    database.close()
    assert len(kept) == 2 * DECISIONS
    for name, ids in acknowledged.items():
        assert [kept[id_].note for id_ in ids] == [f"{name} {number}" for number in range(DECISIONS)]
        assert {kept[id_].reviewer for id_ in ids} == {name}
    for server in started:
        state = dict(server.get("/api/changes?since=0")["clips"])
        assert {tuple(each["by"]) for each in state.values()} == {("anna", "ben")}


def test_a_killed_server_loses_nothing_that_it_acknowledged(start_server, reviewed):
    moments = random.Random(15)
    acknowledged = {}
    for attempt in range(3):
        server = start_server("--store", reviewed.address)
        stopped = threading.Event()

        def decide(server=server, attempt=attempt, stopped=stopped):
            # The kill may come before, in the middle of or after an answer.
            with contextlib.suppress(OSError, http.client.HTTPException):
                for number in range(10**6):
                    note = f"{attempt} {number}"
                    body = {"reviewer": "anna", "clip_ids": [*CLIPS], "kind": "genre", "value": "jazz",
                            "note": note}  # fmt: skip
                    ids = server.post("/api/decisions", body)["ids"]
                    acknowledged.update(dict.fromkeys(ids, note))
            stopped.set()

        threading.Thread(target=decide, daemon=True).start()
        before = len(acknowledged)
        while len(acknowledged) < before + 3 * moments.randint(1, 30):
            assert not stopped.is_set()
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.02))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        assert stopped.wait(60)

    database = ReviewDatabase(Path(reviewed.address, "review/decisions.sqlite"), create=False)
    kept = {each.id: each.decision.note for each in database.decisions()}
    assert {id_: kept.get(id_) for id_ in acknowledged} == acknowledged
    assert len(kept) % len(CLIPS) == 0  # a batch is whole, or not there
    assert {each.decision.clip_id for each in standing(database.decisions())} == set(CLIPS)
    database.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_stops_cleanly(start_server, reviewed, number):
    server = start_server("--store", reviewed.address)
    server.get("/api/room")
    server.process.send_signal(number)
    assert server.process.wait(timeout=60) == 0
    assert "Traceback" not in server.output


def test_a_port_in_use_costs_one_line():
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port}: the port is in use"):
            listen("127.0.0.1", port)


def test_addresses_that_are_not_this_machines_cost_one_line():
    for host in ("203.0.113.1", "no such host", "x" * 300):
        with pytest.raises(InputError, match="cannot listen"):
            listen(host, 0)


def test_the_address_can_be_opened():
    with listen("127.0.0.1", 0) as listening:
        assert address_of(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}/"
    with contextlib.suppress(InputError), listen("::1", 0) as listening:  # not every machine has IPv6
        assert address_of(listening).startswith("http://[::1]:")
