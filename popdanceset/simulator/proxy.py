"""A CONNECT proxy that terminates the tunnels itself: it answers for known hosts and refuses all others.

A client needs only this proxy and its temporary certificate authority. A request to an unknown host never
leaves the machine: it is refused with 502 and recorded in `leaks`.
"""

from __future__ import annotations

import logging
import re
import socket
import socketserver
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import trustme

from popdanceset.simulator.response import Response

log = logging.getLogger(__name__)

KNOWN_HOSTS = re.compile(
    r"(www|api|comment)\.bilibili\.com|b23\.tv|i\d\.hdslb\.com|[\w-]+\.bilivideo\.com",
    re.ASCII | re.IGNORECASE,
)
GONE = (ConnectionError, ssl.SSLError)
"""Errors that mean that the client has disconnected."""


class Request(NamedTuple):
    """A request as the simulated hosts receive it."""

    method: str
    host: str
    path: str
    query_string: str
    query: dict[str, str]
    headers: Mapping[str, str]  # names in lower case


class LoggedRequest(NamedTuple):
    """An entry of the simulator's log."""

    time: float  # seconds since 1970
    method: str
    host: str
    path: str
    query: dict[str, str]
    status: int
    headers: Mapping[str, str]


Answerer = Callable[[Request], Response]


class Proxy(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1, with one thread a connection.

    Args:
        port: 0 selects a free one.
        answer: called for each request, from several threads at once.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, port: int, answer: Answerer) -> None:
        self.answer = answer
        self.log: list[LoggedRequest] = []
        self.leaks: list[str] = []
        self.ca = trustme.CA()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _ProxyHandler)

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Serves in the background."""
        threading.Thread(target=self.serve_forever, args=(0.05,), name="simulator", daemon=True).start()

    def stop(self) -> None:
        """Stops listening and closes every open connection."""
        self.shutdown()
        self.server_close()
        with self._lock:
            left = list(self._open)
        for connection in left:
            with suppress(OSError):  # the client has already closed it
                # The method of the plain socket: that of SSLSocket would break a thread that is reading.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def context(self, host: str) -> ssl.SSLContext:
        """Returns the TLS context of `host`, with a certificate of this proxy's authority."""
        with self._lock:
            if host not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self.ca.issue_cert(host).configure_cert(context)
                self._contexts[host] = context
            return self._contexts[host]

    def refuse(self, what: str) -> None:
        """Records a request that would have left the machine."""
        log.warning("refused a request to an unknown host: %s", what)
        with self._lock:
            self.leaks.append(what)

    def record(self, request: Request, status: int) -> None:
        """Records an answered request."""
        line = LoggedRequest(
            time.time(), request.method, request.host, request.path, request.query, status, request.headers
        )
        with self._lock:
            self.log.append(line)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    @contextmanager
    def tunnel(self, connection: socket.socket, host: str) -> Iterator[ssl.SSLSocket]:
        """Yields the encrypted inner connection of a tunnel, and closes it at the end.

        Raises:
            ConnectionError, ssl.SSLError: the client has disconnected, or does not trust the authority.
        """
        with self.context(host).wrap_socket(connection, server_side=True) as inside:
            with self._lock:
                self._open.add(inside)
            try:
                yield inside
            finally:
                with self._lock:
                    self._open.discard(inside)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Logs errors of connections: disconnecting clients are normal, anything else is a bug of the
        simulator.
        """
        level = logging.DEBUG if isinstance(sys.exception(), GONE) else logging.ERROR
        log.log(level, "connection of %s ended", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Proxy

    def log_message(self, format: str, *args: object) -> None:
        log.debug(format, *args)

    def refuse(self, what: str) -> None:
        self.server.refuse(what)
        self.send_error(502, "Unknown host")
        self.close_connection = True


class _ProxyHandler(_Handler):
    """The client's side of the tunnel."""

    def do_CONNECT(self) -> None:
        host, _, port = self.path.partition(":")
        if not KNOWN_HOSTS.fullmatch(host) or port != "443":
            self.refuse(f"CONNECT {self.path}")
            return
        self.send_response_only(200, "Connection established")
        self.end_headers()
        self.close_connection = True  # nothing follows the tunnel
        with suppress(*GONE), self.server.tunnel(self.connection, host.lower()) as inside:
            _HostHandler(host.lower(), inside, self.client_address, self.server)

    def refuse_plain(self) -> None:
        self.refuse(f"{self.command} {self.path}")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = refuse_plain


class _HostHandler(_Handler):
    """One of the simulated hosts, at the inner end of a tunnel."""

    def __init__(self, host: str, connection: ssl.SSLSocket, client_address: Any, server: Proxy) -> None:
        self.host = host
        super().__init__(connection, client_address, server)

    def respond(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.host, url.path, url.query, query, headers)
        response = self.server.answer(request)
        self.server.record(request, response.status)
        time.sleep(response.delay)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        if self.command == "POST":
            self.send_header("Connection", "close")  # its body is not read
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(response.body[: round(len(response.body) * response.send)])
        if response.send < 1:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = respond
