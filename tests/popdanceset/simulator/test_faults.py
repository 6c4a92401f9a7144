"""Faults are counted, never random."""

import math

import pytest

from popdanceset.errors import InputError
from popdanceset.simulator.faults import (
    NAMED,
    Answer,
    Fault,
    FaultBook,
    RateLimit,
    parse_fault,
    parse_rate,
)
from popdanceset.simulator.response import Response

HOST = "api.bilibili.com"


def answers(book: FaultBook, paths: list[str]) -> list[str]:
    """Returns the code that each request received, or "-" for a correct answer."""
    due = [book.answer_for(HOST, path, "rid=1") for path in paths]
    return ["-" if answer is None else str(answer.code) for answer in due]


def test_after_so_many_good_answers_so_many_bad_ones() -> None:
    book = FaultBook([Fault(HOST, Answer(code=-799), times=2, after=1)])
    assert answers(book, ["/x"] * 5) == ["-", "-799", "-799", "-", "-"]


def test_for_ever() -> None:
    assert answers(FaultBook([Fault(HOST, Answer(code=-352), times=None)]), ["/x"] * 3) == ["-352"] * 3


def test_each_address_apart() -> None:
    book = FaultBook([Fault(HOST, Answer(code=-404), each=True)])
    assert answers(book, ["/a", "/b", "/a", "/b"]) == ["-404", "-404", "-", "-"]


def test_two_faults_take_their_turns() -> None:
    book = FaultBook([Fault(HOST, Answer(code=-412)), Fault(HOST, Answer(code=-352))])
    assert answers(book, ["/x"] * 3) == ["-412", "-352", "-"]


def test_only_matching_requests_count() -> None:
    book = FaultBook([Fault(r"api\.bilibili\.com/x/relation/stat\?rid=1", Answer(code=-404))])
    assert answers(book, ["/x/other", "/x/relation/stat", "/x/relation/stat"]) == ["-", "-404", "-"]


def test_faults_come_and_go() -> None:
    book = FaultBook()
    book.add(Fault(HOST, Answer(code=-500), times=None))
    assert answers(book, ["/x"]) == ["-500"]
    book.clear()
    assert answers(book, ["/x"]) == ["-"]


def test_how_an_answer_is_changed() -> None:
    true = Response(body=b"0123456789")
    assert Answer(412, html="no").apply(true).status == 412
    assert b"no" in Answer(html="no").apply(true).body
    assert Answer(429).apply(true) == Response(429, content_type="text/plain")
    assert b'"code":-352' in Answer(code=-352).apply(true).body
    assert Answer(keep=0.5).apply(true).body == b"01234"
    cut = Answer(send=0.5, delay=1).apply(true)
    assert (cut.body, cut.send, cut.delay) == (true.body, 0.5, 1)


def test_faults_on_the_command_line() -> None:
    assert parse_fault("412:3") == Fault(NAMED["412"].match, NAMED["412"].answer, times=3)
    assert parse_fault("-799") == NAMED["-799"]
    fault = parse_fault("playurl-352:all@20")
    assert (fault.times, fault.after, fault.answer.code) == (None, 20, -352)
    for text in ("", "412:", "teapot", "412@", "412:x", "412 : 3", "412:s", "412:alls"):
        with pytest.raises(InputError, match="unknown"):
            parse_fault(text)


def test_a_storm_has_a_begin_and_an_end() -> None:
    now = 100.0
    storm = Fault(HOST, Answer(code=-412), times=None, since=30, until=90)
    book = FaultBook([storm], clock=lambda: now)
    met = []
    for now in (100, 129.9, 130, 189.9, 190, 1000):  # noqa: B007 — read by the book's clock
        met += answers(book, ["/x"])
    assert met == ["-", "-", "-412", "-412", "-", "-"]


def test_storms_on_the_command_line() -> None:
    fault = parse_fault("412:3600s@30s")
    assert (fault.times, fault.after, fault.since, fault.until) == (None, 0, 30, 3630)
    fault = parse_fault("412:2@30s")
    assert (fault.times, fault.after, fault.since, fault.until) == (2, 0, 30, math.inf)
    fault = parse_fault("412:all@30s")
    assert (fault.times, fault.since, fault.until) == (None, 30, math.inf)


def test_rate_limit() -> None:
    now = 100.0
    limit = RateLimit(3, 10.0, lambda: now)
    assert [limit.exceeded() for _ in range(4)] == [False, False, False, True]
    now += 10.0
    assert [limit.exceeded() for _ in range(4)] == [False, False, False, True]


def test_rates_on_the_command_line() -> None:
    assert parse_rate("10/1.5") == (10, 1.5)
    for text in ("10", "x/1", "0/1", "3/-1", "3/nan"):
        with pytest.raises(InputError, match="rate"):
            parse_rate(text)
