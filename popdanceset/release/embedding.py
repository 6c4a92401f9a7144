"""The figures of a release as data addresses, for pages that cannot fetch them from the store."""

from __future__ import annotations

import base64

from popdanceset import layout
from popdanceset.store import Store


def embedded_figures(store: Store, release: str, largest: int) -> dict[str, str]:
    """Returns the figures of a release's card by name, as `data:image/png;base64,…`.

    Args:
        store: with the release.
        release: name of the release in the store.
        largest: size in bytes above which a figure is left out.
    """
    return {
        layout.stem(name): f"data:image/png;base64,{base64.b64encode(store.read_bytes(name)).decode()}"
        for name, size in store.sizes(f"{release}/{layout.RELEASE_FIGURES}").items()
        if name.endswith(".png") and size <= largest
    }
