"""An offline Bilibili on 127.0.0.1 for the demo and the tests.

    from popdanceset.simulator import Simulator
    from popdanceset.simulator.casting import cast, read_media
    from popdanceset.simulator.population import population

    media = read_media()
    with Simulator(cast(population(400, seed=0), media), media) as simulator:
        ...  # use a client with the proxy simulator.proxy_url and the certificate simulator.ca_file
    assert not simulator.leaks

`population` generates the statistics, `casting` assigns media and a mode to each video, `api`, `player` and
`media_host` answer as Bilibili's hosts do, `faults` makes answers fail on demand, and `proxy` serves them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from popdanceset.simulator.server import Simulator

__all__ = ["Simulator"]


def __getattr__(name: str) -> Any:
    """Loads `Simulator` on first use, so that the command module of this package stays light."""
    if name != "Simulator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from popdanceset.simulator.server import Simulator

    return Simulator
