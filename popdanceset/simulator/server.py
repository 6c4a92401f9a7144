"""The simulator: an offline Bilibili behind a proxy on 127.0.0.1.

    with Simulator(cast(population(400, seed=0), read_media())) as simulator:
        requests.get(url, proxies={"https": simulator.proxy_url}, verify=simulator.ca_file)

Tests end with `assert not simulator.leaks`.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from popdanceset.errors import InputError
from popdanceset.simulator import api, player
from popdanceset.simulator.casting import Media, read_media
from popdanceset.simulator.catalogue import Catalogue
from popdanceset.simulator.faults import Fault, FaultBook, RateLimit
from popdanceset.simulator.media_host import MediaHost
from popdanceset.simulator.population import aged
from popdanceset.simulator.proxy import LoggedRequest, Proxy, Request
from popdanceset.simulator.records import SimulatedVideo
from popdanceset.simulator.response import Response, envelope

API_HOST = "api.bilibili.com"
_JPEG = bytes.fromhex("ffd8ffd9")


class Simulator:
    """Serves `videos` as long as the context is open.

    Args:
        videos: from `population` and `cast`; videos without media have only statistics.
        media: by name; None: the shipped media, if a video uses one.
        faults: active from the start; `simulator.faults.add` adds more, `.clear` removes them.
        rate: (number, seconds); requests to the API host above this rate are answered with HTTP 412.
        port: 0 selects a free one.
        ca_file: output file for the certificate of its authority; None: a temporary file.
        clock: seconds for faults and the rate limit; tests replace it.

    Attributes:
        log: every answered request, in order.
        leaks: every refused request to a host that is not simulated.
    """

    def __init__(
        self,
        videos: Iterable[SimulatedVideo],
        media: Mapping[str, Media] | None = None,
        *,
        faults: Iterable[Fault] = (),
        rate: tuple[int, float] | None = None,
        port: int = 0,
        ca_file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.catalogue = Catalogue(videos)
        played = {video.media for video in self.catalogue.videos} - {""}
        if media is None:
            media = read_media() if played else {}
        if missing := sorted(played - media.keys()):
            raise InputError(f"unknown media: {', '.join(missing)}", "simulator", "cast the videos again")
        self.faults = FaultBook(faults, clock)
        self._media = media
        self._rate = RateLimit(*rate, clock) if rate else None
        self._port = port
        self._ca_file = ca_file

    def __enter__(self) -> Self:
        try:
            self._proxy = Proxy(self._port, self.answer)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            what = "the port is in use" if taken else f"cannot listen: {error.strerror}"
            raise InputError(
                what, f"127.0.0.1:{self._port}", "use another --port, or 0 for a free one"
            ) from error
        except OverflowError as error:
            raise InputError("not a port number", str(self._port), "use a --port from 0 to 65535") from error
        self._folder = Path(tempfile.mkdtemp(prefix="popdanceset-simulator-"))
        self._host = MediaHost(self._media, self._folder)
        try:
            self.ca_file = str(self._write_ca())
        except BaseException:
            self._proxy.server_close()
            shutil.rmtree(self._folder)
            raise
        self._proxy.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._proxy.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def proxy_url(self) -> str:
        """Address of the HTTPS proxy for clients."""
        return f"http://127.0.0.1:{self._proxy.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that direct this project's commands to the simulator."""
        return {
            "POPDANCESET_NETWORK__PROXY": self.proxy_url,
            "POPDANCESET_NETWORK__CA_FILE": self.ca_file,
        }

    @property
    def log(self) -> list[LoggedRequest]:
        """Every answered request, in order."""
        return self._proxy.log

    @property
    def leaks(self) -> list[str]:
        """Every refused request to a host that is not simulated."""
        return self._proxy.leaks

    def advance(self, days: float) -> None:
        """Lets the counts of all videos grow by a number of days."""
        self.catalogue = Catalogue(aged(self.catalogue.videos, days))

    def answer(self, request: Request) -> Response:
        """Answers a request, subject to the rate limit and the active faults."""
        if self._rate and request.host == API_HOST and self._rate.exceeded():
            return envelope(code=-412, status=412)
        fault = self.faults.answer_for(request.host, request.path, request.query_string)
        response = self._correct_answer(request)
        return fault.apply(response) if fault else response

    def _correct_answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return envelope(code=-405, status=405)
        match request.host:
            case "api.bilibili.com":
                return self._api(request)
            case "www.bilibili.com":
                return player.page(self.catalogue, request.path)
            case "b23.tv":
                return api.short_link(self.catalogue, request.path)
            case "comment.bilibili.com":
                return Response(body=b"<?xml version='1.0'?><i></i>", content_type="text/xml")
            case host if host.endswith(".hdslb.com"):
                return Response(body=_JPEG, content_type="image/jpeg")
            case _:
                return self._host.answer(self.catalogue, request.path, request.headers)

    def _api(self, request: Request) -> Response:
        try:
            if route := api.ROUTES.get(request.path):
                return route(self.catalogue, request.query)
            if player_route := player.ROUTES.get(request.path):
                return player_route(self.catalogue, self._host, request.query)
        except api.BadRequest:
            return envelope(code=-400)
        return envelope(code=-404, status=404)

    def _write_ca(self) -> Path:
        path = self._ca_file or self._folder / "ca.pem"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._proxy.ca.cert_pem.write_to_path(str(path))
        except OSError as error:
            raise InputError(f"not writable: {error.strerror}", path, "use another --ca-file") from error
        return path
