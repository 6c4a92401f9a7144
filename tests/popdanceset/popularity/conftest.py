"""Synthetic statistics with the shape of a dance section."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from popdanceset.schema import COUNTS, STATISTICS
from popdanceset.tables import from_rows

READ_AT = datetime(2026, 3, 1, tzinfo=UTC)
RATES = {
    "view": 1.0,
    "danmaku": 0.004,
    "reply": 0.004,
    "favorite": 0.03,
    "coin": 0.015,
    "share": 0.005,
    "like": 0.05,
}


def bvid(number: int) -> str:
    return f"BV{number:010d}"


def row(number: int, **changes: Any) -> dict[str, Any]:
    """A public video with every count, whose uploader has ten followers."""
    counts = {name: int(1000 * rate) + 1 for name, rate in RATES.items()}
    return {
        "bvid": bvid(number),
        "snapshot_at": READ_AT,
        "state": "public",
        "note": "",
        "source": "made",
        "mid": number,
        "title": f"dance {number}",
        "duration": 60.0,
        "follower": 10,
        **counts,
        **changes,
    }


def table(*rows: dict[str, Any]) -> pa.Table:
    return from_rows(list(rows), STATISTICS)


def section(n: int, seed: int = 0) -> pa.Table:
    """Heavy-tailed views; the other counts follow them."""
    rng = np.random.default_rng(seed)
    views = np.exp(rng.normal(8, 2.2, n)) + 50
    counts = {
        name: (views * rate * np.exp(rng.normal(0, 0.6, n) * (rate < 1))).astype(int)
        for name, rate in RATES.items()
    }
    followers = np.exp(rng.normal(8, 2, n)).astype(int)
    return table(
        *(
            row(i, follower=int(followers[i]), **{name: int(counts[name][i]) for name in COUNTS})
            for i in range(n)
        )
    )


@pytest.fixture(scope="session")
def dances() -> pa.Table:
    """Four hundred videos."""
    return section(400)
