"""The command-line options that send a release to a hub."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from popdanceset.store import Store


@dataclass(frozen=True, slots=True)
class HubOptions:
    """What the user asked for.

    Attributes:
        address: of the dataset; None: send nothing.
        private: whether only its owner may see it; None: as the owner's settings say.
        drop_history: whether to remove earlier releases from the history.
    """

    address: str | None
    private: bool | None = None
    drop_history: bool = False

    def check(self) -> None:
        """Does nothing if a push can begin: so that the user learns of a missing token first, not last.

        Raises:
            InputError: the address is not one, or there is no token.
        """
        if self.address is None:
            if self.private is not None or self.drop_history:
                raise click.UsageError("--private, --public and --drop-history need --push")
            return
        from popdanceset.release.hub import HubAddress, token_from_environment

        HubAddress.parse(self.address)
        token_from_environment()

    def push(self, store: Store, name: str, withdrawn: Collection[str] = ()) -> None:
        """Sends a release, if an address was given, and says what was done.

        Args:
            store: contains the release.
            name: of the release's folder in the store.
            withdrawn: ids of videos that must not be sent.

        Raises:
            InputError, RefusedError, StoreError: as `popdanceset.release.push.push_release`.
        """
        if self.address is None:
            return
        from popdanceset.progress import track
        from popdanceset.release.hub import Hub, HubAddress, token_from_environment
        from popdanceset.release.push import push_release

        hub = Hub(HubAddress.parse(self.address), token_from_environment())
        with track("push") as advance:
            done = push_release(
                store,
                name,
                hub,
                private=self.private,
                drop_history=self.drop_history,
                withdrawn=withdrawn,
                advance=advance,
            )
        if not done.commit:
            click.echo(f"{done.address} has release {done.version} already: {done.kept} files")
            return
        removed = f", {done.removed} removed" if done.removed else ""
        click.echo(
            f"release {done.version} pushed to {done.address}: {done.sent} files sent "
            f"({done.size / 1e6:,.1f} MB), {done.kept} there already{removed}; {done.commit}"
        )


def with_hub(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--push`, `--private` and `--drop-history`; passes the command its `hub`, a `HubOptions`."""

    @click.option(
        "--push",
        "address",
        metavar="hf://datasets/OWNER/NAME",
        help="Then send the release to this dataset on a hub, with the token in HF_TOKEN.",
    )
    @_with_repository
    @functools.wraps(command)
    def wrapper(
        *args: Any, address: str | None, private: bool | None, drop_history: bool, **options: Any
    ) -> Any:
        return command(*args, hub=HubOptions(address, private, drop_history), **options)

    return wrapper


def with_hub_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the argument ADDRESS and the options of `with_hub`; passes the command its `hub`."""

    @click.argument("address", metavar="hf://datasets/OWNER/NAME")
    @_with_repository
    @functools.wraps(command)
    def wrapper(*args: Any, address: str, private: bool | None, drop_history: bool, **options: Any) -> Any:
        return command(*args, hub=HubOptions(address, private, drop_history), **options)

    return wrapper


def _with_repository(command: Callable[..., Any]) -> Callable[..., Any]:
    private = click.option(
        "--private/--public",
        default=None,
        help="Who can see a new dataset (default: as its owner's settings say).",
    )
    drop_history = click.option(
        "--drop-history",
        is_flag=True,
        help="Also remove earlier releases from the history of the dataset, as after a withdrawal.",
    )
    return private(drop_history(command))
