"""Alerts: raised for the right reasons, sent once, and without the webhook's address in any log."""

from __future__ import annotations

import json
import logging
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner
from scipy.stats import norm

from popdanceset import layout
from popdanceset.ledger import Entry
from popdanceset.operations.alerts import Alert, evaluate, raise_alerts, rise_p_value
from popdanceset.operations.status import status
from popdanceset.operations.status_command import status as command
from popdanceset.popularity.fit import fit
from popdanceset.schema import COUNTS, STATISTICS, State
from popdanceset.settings import Settings
from popdanceset.store import Store

Recorded = Callable[..., Entry]
SECRET = "T0PS3CRET"


class Receiver(BaseHTTPRequestHandler):
    """A webhook that keeps what it gets."""

    received: ClassVar[list[tuple[str, dict[str, Any]]]] = []
    answer: ClassVar[int] = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, json.loads(body)))
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def webhook() -> Iterator[str]:
    """Address of a webhook of this machine, with a token in its path and query."""
    Receiver.received.clear()
    Receiver.answer = 200
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook/{SECRET}?key={SECRET}"
    server.shutdown()
    server.server_close()


def with_alerts(settings: Settings, **values: object) -> Settings:
    alerts = type(settings.alerts).model_validate(settings.alerts.model_dump() | values)
    return settings.model_copy(update={"alerts": alerts})


def found(settings: Settings, store: Store, now: datetime) -> list[Alert]:
    return evaluate(settings, store, status(settings, store, now))


def test_a_quiet_store_has_no_alerts(
    store: Store, settings: Settings, now: datetime, recorded: Recorded
) -> None:
    recorded("crawl", requests=100, items=50, refused=2)
    assert found(settings, store, now) == []


def test_refusals_of_the_newest_campaign(
    store: Store, settings: Settings, now: datetime, recorded: Recorded
) -> None:
    recorded("crawl", (-500, -400), requests=50, refused=9)
    assert [alert.key for alert in found(settings, store, now)] == ["refusals:crawl"]
    recorded("crawl", (-60, -30), requests=50, refused=1)
    assert found(settings, store, now) == []
    recorded("crawl", (-50, -20), requests=50, refused=2)  # another worker, at the same time
    (alert,) = found(settings, store, now)
    assert alert.facts == {"refused": 3, "requests": 100}
    assert found(with_alerts(settings, refusals=0), store, now) == []


def test_rising_rejection_rates(store: Store, settings: Settings, now: datetime, recorded: Recorded) -> None:
    recorded("acquire", (-900, -800), items=100, rejected=30)
    recorded("acquire", (-700, -600), items=100, rejected=26)
    recorded("acquire", (-60, -30), items=50, rejected=30)
    (alert,) = found(settings, store, now)
    assert alert.key == "rejections:acquire"
    assert (alert.facts["rate"], alert.facts["rate_before"]) == (0.6, 0.28)
    assert "60% of 50 items rejected, before 28% of 200" in alert.text
    assert found(with_alerts(settings, rejection_rise=0.4), store, now) == []


@pytest.mark.parametrize(("items", "rejected"), [(19, 19), (20, 8), (100, 20)])
def test_too_few_or_too_small_a_rise_is_none(
    items: int, rejected: int, store: Store, settings: Settings, now: datetime, recorded: Recorded
) -> None:
    recorded("extract", (-900, -800), items=200, rejected=56)
    recorded("extract", (-60, -30), items=items, rejected=rejected)
    assert found(settings, store, now) == []


def test_the_p_value_is_that_of_the_two_proportion_z_test() -> None:
    (a, n), (b, m) = (56, 200), (30, 50)
    pooled = (a + b) / (n + m)
    z = (b / m - a / n) / (pooled * (1 - pooled) * (1 / n + 1 / m)) ** 0.5
    assert rise_p_value((a, n), (b, m)) == pytest.approx(norm.sf(z))
    assert rise_p_value((0, 30), (0, 30)) == 1.0
    assert rise_p_value((20, 40), (5, 40)) > 0.99  # a fall is no rise


def test_a_stage_that_stands_still(
    busy: Store, settings: Settings, now: datetime, recorded: Recorded
) -> None:
    """Three clips wait; the last one was finished long ago, although the run still says that it works."""
    recorded("extract", (-200, -1), items=5, outcome="running", progressed_at=now - timedelta(minutes=90))
    (alert,) = found(settings, busy, now)
    assert (alert.key, alert.facts) == ("still:extract", {"waiting": 3, "seconds": 5400.0})
    assert found(with_alerts(settings, still_minutes=91), busy, now) == []
    assert found(with_alerts(settings, still_minutes=0), busy, now) == []


def test_drift_of_the_popularity_model(store: Store, settings: Settings, now: datetime) -> None:
    """Two fits, of which the second turns the weights around."""
    rows = [
        {
            "bvid": f"BV1y{n:08d}", "snapshot_at": now, "state": State.PUBLIC, "note": "", "source": "s",
            "follower": 10, **{name: 100 + (n * (17 + 5 * k)) % 9973 for k, name in enumerate(COUNTS)},
        }
        for n in range(200)
    ]  # fmt: skip
    store.write_rows(f"{layout.statistics_of(now.date())}/s-00001.parquet", rows, STATISTICS)
    first = fit(settings, store)
    document = store.read_json(layout.fit(first.fit_id))
    assert found(settings, store, now) == []

    for term in document["final"]["terms"].values():
        term["coef"] = -term["coef"]
    store.write_json(layout.fit("f" * 12), document | {"fit_id": "f" * 12})
    (alert,) = found(settings, store, now)
    assert alert.key == "drift:popularity"
    assert alert.facts["spearman"] == pytest.approx(-1.0)


def test_an_alert_is_sent_once_until_it_clears(
    store: Store, settings: Settings, now: datetime, recorded: Recorded, webhook: str
) -> None:
    settings = with_alerts(settings, webhook=webhook)

    def evaluated() -> tuple[int, int, tuple[str, ...]]:
        done = raise_alerts(settings, store, status(settings, store, now))
        return len(done.alerts), len(done.sent), done.cleared

    recorded("crawl", (-500, -400), requests=50, refused=9)
    assert evaluated() == (1, 1, ())
    assert evaluated() == (1, 0, ())
    recorded("crawl", (-60, -50), requests=50)
    assert evaluated() == (0, 0, ("refusals:crawl",))
    recorded("crawl", (-20, -10), requests=50, refused=9)
    assert evaluated() == (1, 1, ())

    (path, document), _ = Receiver.received
    assert path.endswith(f"/hook/{SECRET}?key={SECRET}")
    assert set(document) == {"schema", "key", "kind", "stage", "text", "store", "at", "facts"}
    assert document["key"] == "refusals:crawl"
    assert document["text"].startswith("popdanceset: crawl: the host refused 9 of 50 requests")


def test_what_cannot_be_delivered_is_tried_again_and_tells_no_secret(
    store: Store,
    settings: Settings,
    now: datetime,
    recorded: Recorded,
    webhook: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = with_alerts(settings, webhook=webhook)
    recorded("crawl", requests=50, refused=9)
    state = status(settings, store, now)
    Receiver.answer = 500
    failing = raise_alerts(settings, store, state)
    assert failing.sent == ()
    assert failing.undelivered == (
        "alerts.webhook at 127.0.0.1: answered with HTTP 500 (check the address and the connection)",
    )
    unreachable = with_alerts(settings, webhook=f"http://127.0.0.1:1/{SECRET}")
    assert (
        "cannot be reached (ConnectionRefusedError)" in raise_alerts(unreachable, store, state).undelivered[0]
    )
    odd = with_alerts(settings, webhook=f"http://127.0.0.1:9/{SECRET} \n")
    assert len(raise_alerts(odd, store, state).undelivered) == 1

    Receiver.answer = 204
    assert len(raise_alerts(settings, store, state).sent) == 1
    assert SECRET not in caplog.text
    assert SECRET not in repr(settings)
    assert SECRET not in settings.model_dump_json()
    written = b"".join(path.read_bytes() for path in Path(store.address).rglob("*") if path.is_file())
    assert SECRET.encode() not in written


def test_a_command_reads_the_alert(
    store: Store, settings: Settings, now: datetime, recorded: Recorded, tmp_path: Path
) -> None:
    script = tmp_path / "tell me.sh"
    script.write_text('#!/bin/sh\ncat > "$1"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    recorded("crawl", requests=50, refused=9)
    state = status(settings, store, now)
    told = tmp_path / "told.json"
    done = raise_alerts(with_alerts(settings, command=f"'{script}' {told}"), store, state)
    assert done.undelivered == ()
    assert json.loads(told.read_text())["kind"] == "refusals"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("false", "exit code 1"),
        ("/nowhere/x", "cannot be run"),
        ("sleep 9", "took more than"),
        ("a 'b", "not a command"),
    ],
)
def test_a_command_that_fails(
    line: str, said: str, store: Store, settings: Settings, now: datetime, recorded: Recorded
) -> None:
    recorded("crawl", requests=50, refused=9)
    settings = with_alerts(settings, command=line, timeout=0.3)
    assert said in raise_alerts(settings, store, status(settings, store, now)).undelivered[0]


def test_the_command_line(store: Store, settings: Settings, recorded: Recorded) -> None:
    recorded("crawl", requests=50, refused=9)
    arguments = ["--store", settings.store, "--set", f"manifests={settings.manifests}", "--alert"]
    first, second = (CliRunner().invoke(command, arguments) for _ in range(2))
    assert "new  crawl: the host refused 9" in first.output
    assert "known  crawl: the host refused 9" in second.output
    failing = CliRunner().invoke(
        command, ["--store", f"{settings.store}-2", "--alert", "--set", "alerts.command=false"]
    )
    assert failing.exit_code == 0  # nothing to tell
