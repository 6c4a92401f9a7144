"""What every model checks of its sizes."""

from __future__ import annotations

from collections.abc import Iterable

from popdanceset.errors import InputError


def check_positive(sizes: object, names: Iterable[str], where: str) -> None:
    """Checks that sizes are at least 1.

    Args:
        sizes: of a network, as attributes.
        names: of those that are checked.
        where: for the message.

    Raises:
        InputError: one is smaller.
    """
    for name in names:
        if getattr(sizes, name) < 1:
            raise InputError(f"{name} is {getattr(sizes, name)}", where, "give a number from 1")
