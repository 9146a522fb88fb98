"""An HTTP connection to a model server that cannot hurt: whatever it sends, no more than so many bytes are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator


class TooMuch(httpx.TransportError):
    """The server sent more than any answer needs, or packed so that its size cannot be known."""


class _Counted(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, limit: int) -> None:
        self._inner = inner
        self._left = limit

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                raise TooMuch("the answer is too long")
            yield chunk

    def close(self) -> None:
        self._inner.close()


class BoundedTransport(httpx.BaseTransport):
    """HTTP that gives up on bodies of more than `limit` bytes, and on packed ones: a small body can unpack to a huge one."""

    def __init__(self, *, limit: int) -> None:
        self._inner = httpx.HTTPTransport(trust_env=False)
        self._limit = limit

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; raise TooMuch for a packed body at once and for a long one while it is read."""
        request.headers["accept-encoding"] = "identity"
        response = self._inner.handle_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise TooMuch("the answer is packed although that was not asked for")
        assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 - a synchronous transport made it
        response.stream = _Counted(response.stream, self._limit)
        return response

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()
