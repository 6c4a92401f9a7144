"""`popdanceset release push`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings
from popdanceset.release.push_options import with_hub_argument

if TYPE_CHECKING:
    from popdanceset.release.push_options import HubOptions
    from popdanceset.settings import Settings


@click.command()
@with_settings
@click.argument("release", metavar="RELEASE")
@with_hub_argument
def push(settings: Settings, release: str, hub: HubOptions) -> None:
    """Send a release to a dataset on a Hugging Face hub.

    RELEASE is a folder, an address, or the name or semantic version of a release of the store.
    The token is read from the environment variable HF_TOKEN. Only files that the dataset lacks are sent, and
    one commit makes them visible. Files of an earlier release are removed.
    A release with a video that was withdrawn since is refused.
    """
    from popdanceset.release.push import place
    from popdanceset.release.versions import find_release
    from popdanceset.store import Store
    from popdanceset.withdrawal.tombstones import withdrawn

    hub.check()
    own = Store(settings.store)
    store, folder = find_release(own, release)
    hub.push(*((store, folder) if folder else place(release)), withdrawn(own))
