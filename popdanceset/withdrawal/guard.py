"""What stages use so that nothing they write outlives a withdrawal."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator
from pathlib import Path

from popdanceset.store import Store
from popdanceset.withdrawal.erasing import erase
from popdanceset.withdrawal.targets import Targets
from popdanceset.withdrawal.tombstones import withdrawn

log = logging.getLogger(__name__)


@contextlib.contextmanager
def respected(
    store: Store, manifests: str | Path | None = None, bvids: Collection[str] | None = None
) -> Iterator[frozenset[str]]:
    """Yields the withdrawn videos; afterwards erases what the block wrote about those withdrawn meanwhile.

    A stage that began before a withdrawal may write after it. It finds the tombstone when it is done, since
    tombstones are written before anything is erased; only a stage that is killed in between leaves a trace,
    which `popdanceset.withdrawal.traces` finds.

    Args:
        store: the store.
        manifests: folder of the manifests, for a stage that writes one.
        bvids: the videos that the stage works on; None: all.
    """
    before = withdrawn(store)
    try:
        yield before
    finally:
        late = withdrawn(store) - before
        if bvids is not None:
            late &= frozenset(bvids)
        if late:
            log.warning(
                "withdrawn meanwhile: %s; what was written about them is erased", ", ".join(sorted(late))
            )
            erase(store, Targets(late), Path(manifests).expanduser() if manifests is not None else None)
