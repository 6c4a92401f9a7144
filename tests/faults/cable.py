"""A cable to the offline Bilibili that can be cut: connections are reset, or nothing is answered any more."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from types import TracebackType
from typing import Literal, Self

State = Literal["whole", "reset", "silent"]


class Cable:
    """Forwards connections to a port of this machine.

    Args:
        port: of the proxy at the other end.

    Attributes:
        state: `whole`; `reset`: open connections are reset, as are new ones; `silent`: nothing passes.
        passed: bytes that have come from the other end.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.state: State = "whole"
        self.passed = 0
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.settimeout(0.05)

    @property
    def environment(self) -> dict[str, str]:
        """Makes processes use this cable, without long pauses."""
        port = self._listener.getsockname()[1]
        return {
            "POPDANCESET_NETWORK__PROXY": f"http://127.0.0.1:{port}",
            "POPDANCESET_NETWORK__TIMEOUT": "1",
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    def _accept(self) -> None:
        with self._listener:
            while not self._stop.is_set():
                with contextlib.suppress(TimeoutError):
                    near, _ = self._listener.accept()
                    threading.Thread(target=self._forward, args=(near,), daemon=True).start()

    def _forward(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as far:
            while not self._stop.is_set():
                if self.state == "reset":
                    # Closed with unsent data thrown away, a connection ends with RST.
                    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                if self.state == "silent":
                    self._stop.wait(0.05)
                    continue
                for ready in select.select([near, far], [], [], 0.05)[0]:
                    data = ready.recv(4096)
                    if not data:
                        return
                    if ready is far:
                        self.passed += len(data)
                        near.sendall(data)
                    else:
                        far.sendall(data)
