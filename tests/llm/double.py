"""An Ollama server as its protocol describes it, on the standard library alone; every fault is a switch.

It refuses what a real server would refuse, and notes every request, so that a test can say what was sent.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHAT_FIELDS = {
    "model", "messages", "tools", "format", "options", "stream", "keep_alive", "think", "truncate", "shift",
    "logprobs", "top_logprobs",
}  # fmt: skip
_STAMP = "2026-11-20T19:30:00.000000001Z"


@dataclass
class Script:
    """What the server does. `fault` is one of the names in `_FAULTS` below, or empty."""

    answer: str = "A fine change."
    fault: str = ""
    done_reason: str = "stop"
    prompt_eval_count: int | None = 100
    models: list[tuple[str, str]] = field(default_factory=lambda: [("tiny:latest", "llama")])


@dataclass
class Double:
    """A running server: where it is, what it does, what it was sent."""

    url: str
    script: Script
    requests: list[tuple[str, dict[str, Any]]]
    stopping: threading.Event


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double: Double

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class named it
        pass

    def do_GET(self) -> None:
        if self.path != "/api/tags":
            self._json(404, {"error": "not found"})
            return
        self.double.requests.append((self.path, {}))
        models = [
            {
                "name": name, "model": name, "modified_at": _STAMP, "size": 1, "digest": "a" * 64,
                "details": {
                    "parent_model": "", "format": "gguf", "family": family, "families": [family],
                    "parameter_size": "7.6B", "quantization_level": "Q4_K_M",
                },
            }
            for name, family in self.double.script.models
        ]  # fmt: skip
        self._json(200, {"models": models})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.path != "/api/chat" or not raw:
            self._json(
                404 if raw else 400, {"error": "missing request body" if not raw else "404 page not found"}
            )
            return
        body = json.loads(raw)
        self.double.requests.append((self.path, body))
        unknown = set(body) - _CHAT_FIELDS
        if unknown or not body.get("model"):
            self._json(400, {"error": f"unknown field {unknown}" if unknown else "model is required"})
            return
        if body["model"] not in {name for name, _ in self.double.script.models}:
            self._json(404, {"error": f"model '{body['model']}' not found"})
            return
        fault = self.double.script.fault
        if fault:
            _FAULTS[fault](self)
        else:
            self._stream(self._chunks())

    def _chunks(self) -> Iterator[dict[str, Any]]:
        words = self.double.script.answer.split(" ")
        for number, word in enumerate(words):
            text = word if number == 0 else " " + word
            yield {**self._message(text), "done": False}
        yield self._last()

    def _message(self, text: str) -> dict[str, Any]:
        return {
            "model": "tiny:latest",
            "created_at": _STAMP,
            "message": {"role": "assistant", "content": text},
        }

    def _last(self) -> dict[str, Any]:
        last = {**self._message(""), "done": True, "done_reason": self.double.script.done_reason}
        if self.double.script.prompt_eval_count is not None:
            last["prompt_eval_count"] = self.double.script.prompt_eval_count
        return {**last, "eval_count": 3, "total_duration": 5, "load_duration": 1}

    def _json(self, status: int, value: object) -> None:
        self._whole(status, json.dumps(value).encode(), "application/json; charset=utf-8")

    def _whole(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _start(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _stream(self, values: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> None:
        self._start()
        for value in values:
            self._chunk(json.dumps(value).encode() + b"\n")
        self.wfile.write(b"0\r\n\r\n")

    # --- faults

    def hang(self) -> None:
        self.double.stopping.wait(30)
        self.close_connection = True

    def drip_headers(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self._drip(b"a")

    def drip_body(self) -> None:
        self._start()
        self._drip(b"1\r\n \r\n")

    def drip_tokens(self) -> None:
        self._start()
        line = json.dumps({**self._message("word "), "done": False}).encode() + b"\n"
        self._drip(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def _drip(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            while not self.double.stopping.wait(0.05):
                self.wfile.write(data)
                self.wfile.flush()
        self.close_connection = True

    def flood(self) -> None:
        self._start()
        with contextlib.suppress(OSError):
            for _ in range(2_000):
                self._chunk(b"x" * 65_536)
        self.close_connection = True

    def packed(self) -> None:
        bomb = gzip.compress(b" " * 20_000_000)
        with contextlib.suppress(OSError):
            self._whole(200, bomb, "application/x-ndjson", Content_Encoding="gzip")

    def broken_off(self) -> None:
        self._stream([{**self._message("half"), "done": False}])

    def cut_connection(self) -> None:
        self._start()
        self._chunk(json.dumps({**self._message("half"), "done": False}).encode() + b"\n")
        self.close_connection = True

    def error_inside(self) -> None:
        self._stream([{**self._message("half"), "done": False}, {"error": "llama runner process has died"}])

    def busy(self) -> None:
        self._json(503, {"error": "server busy, please try again.  maximum pending requests exceeded"})

    def html(self) -> None:
        self._whole(502, b"<html><body>Bad Gateway</body></html>", "text/html")

    def list_body(self) -> None:
        self._json(500, ["not", "an", "object"])

    def list_line(self) -> None:
        self._start()
        self._chunk(b"[1, 2]\n")
        self.wfile.write(b"0\r\n\r\n")

    def blank_line(self) -> None:
        self._start()
        self._chunk(b"\n")
        self.wfile.write(b"0\r\n\r\n")

    def bad_bytes(self) -> None:
        self._start()
        self._chunk(b'{"message": {"content": "\xff\xfe"\n')
        self.wfile.write(b"0\r\n\r\n")

    def deep(self) -> None:
        self._start()
        self._chunk(b'{"a":' * 100_000 + b"\n")
        self.wfile.write(b"0\r\n\r\n")

    def wrong_types(self) -> None:
        self._stream([{"message": {"role": "assistant", "content": {"no": "text"}}, "done": "maybe"}])

    def forbidden(self) -> None:
        self._whole(403, b"", "text/plain")

    def redirect(self) -> None:
        self._whole(302, b"", "text/plain", Location="http://192.0.2.1/api/chat")

    def not_http(self) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 3)
        self.close_connection = True

    def empty(self) -> None:
        self._stream([self._last()])


_FAULTS = {
    name: getattr(_Handler, name)
    for name in (
        "hang", "drip_headers", "drip_body", "drip_tokens", "flood", "packed", "broken_off", "cut_connection",
        "error_inside", "busy", "html", "list_body", "list_line", "blank_line", "bad_bytes", "deep",
        "wrong_types", "forbidden", "redirect", "not_http",
    )
}  # fmt: skip
FAULT_NAMES = tuple(_FAULTS)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away; cutting the line is what several tests are about."""


@contextlib.contextmanager
def ollama_double(script: Script | None = None) -> Iterator[Double]:
    """Run a server on a free port of this machine until the block ends."""
    double = Double(url="", script=script or Script(), requests=[], stopping=threading.Event())
    handler = type("Handler", (_Handler,), {"double": double})
    server = _Server(("127.0.0.1", 0), handler)
    double.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        double.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
