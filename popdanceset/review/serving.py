"""Runs the server until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING

from popdanceset.errors import InputError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_PATIENCE = 3
"""Seconds that answers in progress get when the server stops."""


def listen(host: str, port: int) -> socket.socket:
    """Opens the socket on which a server listens; requests wait there until it runs.

    Args:
        host: name or address of this machine.
        port: 0 selects a free one.

    Raises:
        InputError: the address is not this machine's, or the port is in use or not allowed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            opened.listen(128)
        except OSError:
            opened.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        taken = getattr(error, "errno", None) == errno.EADDRINUSE
        what = "the port is in use" if taken else f"cannot listen: {getattr(error, 'strerror', error)}"
        raise InputError(what, f"{host}:{port}", "use another --port, or 0 for a free one") from error
    return opened


def address_of(listening: socket.socket) -> str:
    """Returns the address that people open."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # nosec B104  # a comparison
        host = socket.gethostname()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def check_uvicorn() -> None:
    """Does nothing if the server's library is installed.

    Raises:
        InputError: it is not.
    """
    if importlib.util.find_spec("uvicorn") is None:
        raise InputError(
            "the review room needs uvicorn", do="install it with: pip install 'popdanceset[review]'"
        )


def serve(app: ASGIApp, listening: socket.socket, ready: Callable[[], None] = lambda: None) -> None:
    """Answers requests until SIGINT or SIGTERM.

    Args:
        app: the application.
        listening: from `listen`; it is closed at the end.
        ready: called when the server is about to answer.

    Raises:
        InputError: uvicorn is not installed.
    """
    check_uvicorn()
    import uvicorn

    # No access log: it is of no use to reviewers, and what is not written cannot leak.
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=_PATIENCE,
    )
    server = uvicorn.Server(config)
    # Its own handlers would raise the signal again at the end, as though stopping were an error.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]

    def stop(number: int, frame: FrameType | None) -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    with listening, _handled(stop):
        ready()
        server.run(sockets=[listening])


@contextlib.contextmanager
def _handled(stop: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handles the signals that end a program, where that is possible: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
