"""The founding sample: random videos that determine the scale and the regression (POPDG, Sec. 7)."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from popdanceset.errors import InputError
from popdanceset.popularity.normalise import count_matrix
from popdanceset.popularity.statistics import Statistics, of_table
from popdanceset.schema import COUNTS, State

LONGEST_LIST = 10_000
"""The document of a larger sample contains only the checksum of its ids."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundingSample:
    """Videos with all seven counts, ordered by bvid.

    Attributes:
        bvids: n ids.
        counts: (n, 7) float64, in the order of `popdanceset.schema.COUNTS`.
        snapshot: first and last time at which the counts were read; None if unknown.
        seed: of the random draw.
        population: number of complete videos from which it was drawn.
    """

    bvids: tuple[str, ...]
    counts: NDArray[np.float64]
    snapshot: tuple[str | None, str | None]
    seed: int
    population: int

    def as_document(self) -> dict[str, Any]:
        """Returns plain data for the fit's document."""
        document: dict[str, Any] = {
            "seed": self.seed,
            "size": len(self.bvids),
            "population": self.population,
            "snapshot": {"first": self.snapshot[0], "last": self.snapshot[1]},
            "sha256": hashlib.sha256("\n".join(self.bvids).encode()).hexdigest(),
        }
        if len(self.bvids) <= LONGEST_LIST:
            document["bvids"] = list(self.bvids)
        return document


def founding_sample(statistics: Statistics | pa.Table, size: int, seed: int) -> FoundingSample:
    """Draws without replacement from the public videos that have all seven counts.

    The draw depends on the set of videos and the seed, not on the order of the rows. Only the ids of the
    videos and the drawn rows are held in memory.

    Args:
        statistics: one row a video, columns as in schema STATISTICS.
        size: number of videos; 0 takes all. If there are fewer, all are taken, with a warning.
        seed: of the random draw.

    Raises:
        InputError: there are no complete videos.
    """
    source = of_table(statistics) if isinstance(statistics, pa.Table) else statistics
    wanted = ("bvid", "snapshot_at", *COUNTS)
    parts, seen = [], 0
    for batch in source.batches((*wanted, "state")):
        seen += len(batch)
        parts.append(batch.filter(_complete(batch)).select(["bvid"] if size else [*wanted]))
    if not sum(map(len, parts)):
        raise InputError(
            f"none of {seen} videos is public and has all seven counts",
            "founding sample",
            "run `popdanceset crawl` first, or check --statistics",
        )
    population = pa.concat_tables(parts).sort_by("bvid")
    if size > len(population):
        log.warning("founding sample: using all %d videos, although %d were requested", len(population), size)
    bvids = population["bvid"]
    if 0 < size < len(population):
        rows = np.random.default_rng(seed).choice(len(population), size, replace=False)
        bvids = bvids.take(pa.array(np.sort(rows)))
    chosen = source.videos(bvids, wanted) if size else population
    times = pc.min_max(chosen["snapshot_at"]).as_py()
    return FoundingSample(
        tuple(chosen["bvid"].to_pylist()),
        count_matrix(chosen, COUNTS),
        (_iso(times["min"]), _iso(times["max"])),
        seed,
        len(population),
    )


def _complete(table: pa.Table) -> pa.ChunkedArray:
    complete = pc.equal(table["state"], State.PUBLIC.value)
    for name in COUNTS:
        complete = pc.and_(complete, pc.is_valid(table[name]))
    return complete


def _iso(time: Any) -> str | None:
    return time.isoformat() if time is not None else None
