"""An S3 server (moto's) that counts its requests, and can misbehave."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

BUCKET = "bucket"
_BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class FaultyS3:
    """A WSGI application in front of moto's.

    Attributes:
        fail_every: every n-th write is refused with 503; 0: none.
        lose_every: every n-th write comes through, but is answered with 500; 0: none.
        storm: whether every request is refused with 503.
        latency: seconds before each answer.
        ignores_conditions: whether `If-None-Match` and `If-Match` of writes are ignored.
        writes: (key, status) of every write.
    """

    environment: ClassVar = {
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    """Keys to it, as environment variables."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app

        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self.port = 0
        self.behave()

    def behave(self) -> None:
        """Forgets everything that was asked for."""
        self.fail_every = self.lose_every = 0
        self.latency = 0.0
        self.storm = self.ignores_conditions = False
        self.writes: list[tuple[str, int]] = []
        self._count = 0

    def new_address(self) -> str:
        """The address of an empty store."""
        place = f"endpoint_override=127.0.0.1:{self.port}&scheme=http&region=us-east-1"
        return f"s3://{BUCKET}/{secrets.token_hex(4)}/prefix?{place}"

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self.latency:
            time.sleep(self.latency)
        write = environ["REQUEST_METHOD"] in ("PUT", "POST")
        with self._lock:
            self._count += write
            number = self._count if write else 0
        refused = self.fail_every and number and number % self.fail_every == 0
        if self.storm or refused:
            self._note(environ, write, 503)
            start_response("503 Slow Down", [("Content-Type", "application/xml")])
            return [_BUSY]
        if self.ignores_conditions:
            environ.pop("HTTP_IF_NONE_MATCH", None)
            environ.pop("HTTP_IF_MATCH", None)
        if self.lose_every and number and number % self.lose_every == 0:
            for _ in self._moto(environ, lambda *_: None):
                pass
            self._note(environ, write, 500)
            start_response("500 Internal Server Error", [("Content-Type", "application/xml")])
            return [_BUSY]

        def answered(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            self._note(environ, write, int(status.split()[0]))
            return start_response(status, headers, *rest)

        return self._moto(environ, answered)  # type: ignore[no-any-return]

    def _note(self, environ: dict[str, Any], write: bool, status: int) -> None:
        if write:
            self.writes.append((environ["PATH_INFO"].removeprefix(f"/{BUCKET}/"), status))


@contextmanager
def serve() -> Iterator[FaultyS3]:
    """Serves one bucket on a free port for the block."""
    import urllib.request

    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = FaultyS3()
    server = make_server("127.0.0.1", 0, application, threaded=True)
    application.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{application.port}/{BUCKET}"
    urllib.request.urlopen(urllib.request.Request(address, method="PUT")).close()
    yield application
    server.shutdown()
    thread.join()
