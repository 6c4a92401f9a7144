import random
import threading
from datetime import datetime
from itertools import pairwise

import pytest

from popdanceset.bilibili.politeness import Clock, Politeness
from popdanceset.errors import RefusedError
from popdanceset.settings import CrawlSettings
from tests.popdanceset.bilibili.conftest import Time


def gate(time: Time, **changes):
    return Politeness(CrawlSettings(**changes), time.clock, random.Random(1))


def test_the_rate_is_never_exceeded(time: Time) -> None:
    polite = gate(time, requests_per_second=2, jitter=0.3)
    moments = []
    for _ in range(50):
        polite.wait()
        moments.append(time.passed)
    pauses = [b - a for a, b in pairwise(moments)]
    assert min(pauses) >= 0.5 - 1e-9
    assert max(pauses) <= 0.5 * 1.3 + 1e-9
    assert max(pauses) - min(pauses) > 0.05  # it does jitter
    assert polite.requests == 50


def test_time_spent_elsewhere_counts_as_a_pause(time: Time) -> None:
    polite = gate(time, requests_per_second=1)
    polite.wait()
    time.passed += 10
    polite.wait()
    assert time.slept == []


def test_pauses_double_and_an_answer_ends_the_row(time: Time) -> None:
    polite = gate(time, cool_down=60, jitter=0, refusals_before_stop=4)
    pauses = []
    for _ in range(3):
        polite.wait()
        before = time.passed
        polite.refused("412")
        polite.wait()
        pauses.append(time.passed - before)
    assert pauses == [60, 120, 240]
    polite.accepted()
    before = time.passed
    polite.refused("412")
    polite.wait()
    assert time.passed - before == 60


def test_the_hosts_own_wish_is_heeded(time: Time) -> None:
    polite = gate(time, cool_down=60)
    polite.refused("429", retry_after=500)
    polite.wait()
    assert time.passed == 500


def test_one_refusal_too_many_ends_the_crawl_and_says_when_to_come_back(time: Time) -> None:
    polite = gate(time, refusals_before_stop=2)
    polite.refused("-412")
    with pytest.raises(RefusedError, match="2 requests in a row") as caught:
        polite.refused("-412")
    assert caught.value.exit_code == 3
    assert datetime.fromisoformat(caught.value.retry_at) > time.clock.now()
    assert caught.value.retry_at in str(caught.value)


def test_threads_share_rate_and_cool_down() -> None:
    """With eight threads and real time, all requests together keep the rate."""
    polite = Politeness(CrawlSettings(requests_per_second=200, jitter=0), Clock())
    moments: list[float] = []

    def guest() -> None:
        for _ in range(5):
            polite.wait()
            moments.append(polite.clock.monotonic())

    threads = [threading.Thread(target=guest) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(moments) == polite.requests == 40
    assert max(moments) - min(moments) >= 39 / 200 * 0.95
