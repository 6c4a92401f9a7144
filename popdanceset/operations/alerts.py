"""What an operator should be told of, and telling it once.

    refusals    the host refused requests of the newest campaign of a stage (alerts.refusals)
    rejections  a stage rejects a larger share than in its earlier campaigns: the rise is at least
                alerts.rejection_rise, and a one-sided two-proportion z test with pooled variance rejects
                equal rates at alerts.rejection_p; each side has at least 20 items
    drift       the last two fits of popularity rank or judge the same videos differently
                (alerts.min_spearman, alerts.max_changed)
    still       items wait at a stage that has been at work before, and none was finished for
                alerts.still_minutes

An alert is sent once. It is sent again only after an evaluation found its cause gone.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from popdanceset import layout
from popdanceset.errors import InputError, PopDanceSetError, StoreError
from popdanceset.ledger import Entry, read_ledger
from popdanceset.operations.delivery import deliver
from popdanceset.operations.status import Status, status
from popdanceset.operations.status_text import span
from popdanceset.operations.throughput import campaigns
from popdanceset.popularity.drift import drift_between
from popdanceset.popularity.model import load_model
from popdanceset.popularity.statistics import as_statistics
from popdanceset.settings import AlertSettings, Settings
from popdanceset.store import Store
from popdanceset.wording import counted

log = logging.getLogger(__name__)

SCHEMA = 1
"""Version of the JSON document of an alert."""

FEWEST = 20
"""Items that each side of a comparison of rejection rates must have."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something an operator should know.

    Attributes:
        kind: refusals, rejections, drift or still.
        stage: the stage concerned; popularity for drift.
        text: one sentence.
        facts: the numbers behind it.
    """

    kind: str
    stage: str
    text: str
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What is the same for the same alert at another time."""
        return f"{self.kind}:{self.stage}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        alerts: everything that is wrong now.
        sent: of these, what was sent now.
        cleared: keys of alerts whose cause is gone.
        undelivered: why something could not be sent; it will be tried again.
    """

    alerts: tuple[Alert, ...]
    sent: tuple[Alert, ...]
    cleared: tuple[str, ...]
    undelivered: tuple[str, ...]


def raise_alerts(settings: Settings, store: Store, found: Status | None = None) -> Evaluation:
    """Evaluates all alerts once, and sends those that are new.

    Args:
        settings: `alerts` says what is wrong, and where to send it; without a command and a webhook the log
            has the alerts.
        store: the store; it remembers what was sent.
        found: its status, if it is known already.

    Raises:
        SchemaError, StoreError: a table is damaged or not readable, or the store not writable.
    """
    found = found or status(settings, store)
    alerts = evaluate(settings, store, found)
    known = _sent(store)
    keys = {alert.key for alert in alerts}
    cleared = tuple(sorted(known.keys() - keys))
    remembered = {key: since for key, since in known.items() if key in keys}
    sent, undelivered = [], []
    for alert in alerts:
        if alert.key in known:
            continue
        log.warning("alert: %s", alert.text)
        try:
            deliver(_document(alert, found), settings.alerts)
        except PopDanceSetError as error:
            log.warning("%s", error)
            undelivered.append(str(error))
            continue
        sent.append(alert)
        remembered[alert.key] = found.at.isoformat()
    if remembered != known:
        store.write_json(layout.ALERTS_SENT, remembered)
    return Evaluation(tuple(alerts), tuple(sent), cleared, tuple(undelivered))


def evaluate(settings: Settings, store: Store, found: Status) -> list[Alert]:
    """Returns everything that is wrong, whether it was sent before or not."""
    entries = read_ledger(store)
    by_stage = {name: [entry for entry in entries if entry.stage == name] for name in found.stages}
    alerts: list[Alert] = []
    for name, own in by_stage.items():
        alerts += _refusals(name, own, settings.alerts)
        alerts += _rejections(name, own, settings.alerts)
        alerts += _still(name, found, settings.alerts)
    return alerts + _drift(settings, store)


def rise_p_value(before: tuple[int, int], now: tuple[int, int]) -> float:
    """Returns the p value of a one-sided two-proportion z test with pooled variance.

    Args:
        before, now: number of rejected items, and of all items.

    Returns:
        Probability of a rise at least as large if both have the same rate.
    """
    (a, n), (b, m) = before, now
    pooled = (a + b) / (n + m)
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    if deviation == 0:
        return 1.0
    return 0.5 * math.erfc((b / m - a / n) / deviation / math.sqrt(2))


def _refusals(stage: str, entries: Sequence[Entry], settings: AlertSettings) -> list[Alert]:
    if not settings.refusals or not entries:
        return []
    newest = campaigns(entries)[-1]
    refused, requests = sum(row.refused for row in newest), sum(row.requests for row in newest)
    if refused < settings.refusals:
        return []
    text = f"{stage}: the host refused {refused:,} of {counted(requests, 'request')}; it should be left alone"
    return [Alert("refusals", stage, text, {"refused": refused, "requests": requests})]


def _rejections(stage: str, entries: Sequence[Entry], settings: AlertSettings) -> list[Alert]:
    runs = campaigns(entries)
    if len(runs) < 2:
        return []
    now = _rate(runs[-1])
    before = _rate([row for run in runs[:-1] for row in run])
    if min(before[1], now[1]) < FEWEST:
        return []
    old, new = before[0] / before[1], now[0] / now[1]
    p_value = rise_p_value(before, now)
    if new - old < settings.rejection_rise or p_value >= settings.rejection_p:
        return []
    text = (
        f"{stage}: {new:.0%} of {counted(now[1], 'item')} rejected, before {old:.0%} of {before[1]:,} "
        f"(p = {p_value:.2g})"
    )
    facts = {"rate": new, "rate_before": old, "items": now[1], "items_before": before[1], "p": p_value}
    return [Alert("rejections", stage, text, facts)]


def _rate(entries: Sequence[Entry]) -> tuple[int, int]:
    return sum(row.rejected for row in entries), sum(row.items for row in entries)


def _still(stage: str, found: Status, settings: AlertSettings) -> list[Alert]:
    state = found.stages[stage]
    if not settings.still_minutes or not state.waiting or state.progressed_at is None:
        return []
    still = found.at - state.progressed_at
    if still < timedelta(minutes=settings.still_minutes):
        return []
    text = (
        f"{stage}: {counted(state.waiting, state.unit.removesuffix('s'))} waiting, "
        f"and none finished for {span(still.total_seconds())}"
    )
    return [Alert("still", stage, text, {"waiting": state.waiting, "seconds": still.total_seconds()})]


def _drift(settings: Settings, store: Store) -> list[Alert]:
    fits = sorted(store.list(layout.FITS, layout.JSON), key=lambda name: (store.modified(name), name))
    if len(fits) < 2:
        return []
    try:
        statistics = as_statistics(None, store)
        models = [load_model(layout.stem(name), settings, store, statistics) for name in fits[-2:]]
        drift = drift_between(models[0], models[1], statistics, settings.popularity)
    except InputError as error:  # too few videos, or a fit that an older program wrote
        log.info("drift is not evaluated: %s", error)
        return []
    limits = settings.alerts
    if not (drift.spearman < limits.min_spearman or drift.changed_share > limits.max_changed):
        return []
    text = (
        f"popularity: the last two fits rank the videos with a correlation of {drift.spearman:.3f} "
        f"and differ on {drift.changed_share:.1%} of {counted(drift.videos, 'video')}"
    )
    facts = {"spearman": drift.spearman, "changed_share": drift.changed_share, "videos": drift.videos}
    return [Alert("drift", "popularity", text, facts)]


def _document(alert: Alert, found: Status) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "key": alert.key,
        "kind": alert.kind,
        "stage": alert.stage,
        "text": f"popdanceset: {alert.text}",
        "store": found.store,
        "at": found.at.isoformat(),
        "facts": {name: value for name, value in alert.facts.items() if math.isfinite(value)},
    }


def _sent(store: Store) -> dict[str, str]:
    """Key → since when, of the alerts that were sent and have not cleared."""
    if not store.exists(layout.ALERTS_SENT):
        return {}
    document = store.read_json(layout.ALERTS_SENT)
    if not isinstance(document, dict):
        raise StoreError("not a list of sent alerts", f"{store}/{layout.ALERTS_SENT}", "delete it")
    return {str(key): str(since) for key, since in document.items()}
