"""Ends a running HTTP request from another thread; needs nothing of httpx until there is a request."""

from __future__ import annotations

import contextlib
import threading
from socket import SHUT_RDWR
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from socket import socket

    import httpx

# with TLS the second one replaces the socket of the first
_CONNECTED = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})


class CutOff:
    """Ends a running request from another thread: a read that hangs wakes up with an error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket | None = None
        self._cut = False

    def watch(self, request: httpx.Request) -> None:
        """Remember the socket that `request` will go over; meant as an httpx request hook."""
        request.extensions = {**request.extensions, "trace": self._trace}

    def cut(self) -> None:
        """Shut the connection down, now or as soon as it is made."""
        with self._lock:
            self._cut = True
            self._shut_down()

    def _trace(self, event_name: str, info: Mapping[str, Any]) -> None:
        if event_name in _CONNECTED:
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
                if self._cut:
                    self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(SHUT_RDWR)
