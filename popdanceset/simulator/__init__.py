"""An offline Bilibili on 127.0.0.1 for the demo and the tests.

    from popdanceset.simulator import Simulator
    from popdanceset.simulator.casting import cast, read_media
    from popdanceset.simulator.population import population

    media = read_media()
    with Simulator(cast(population(400, seed=0), media), media) as simulator:
        ...  # everything that takes a proxy and a CA file: simulator.proxy_url, simulator.ca_file
    assert not simulator.leaks

`population` makes up the numbers, `casting` gives each video its media and its mode, `api`, `player` and
`media_host` answer as Bilibili's hosts do, `faults` spoils answers on demand, `proxy` carries it all.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from popdanceset.simulator.server import Simulator

__all__ = ["Simulator"]


def __getattr__(name: str) -> Any:
    """Loads `Simulator` when it is asked for, so that the command modules of this package stay light."""
    if name != "Simulator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from popdanceset.simulator.server import Simulator

    return Simulator
