"""Decides which model may be asked, if any: never one on another machine unless trusted settings name it."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sixthbot.llm.port import Writer

_OFF = frozenset({"off", "0", "false", "no"})


class ModelSettings(Protocol):
    """The `[llm]` section of the configuration."""

    @property
    def enabled(self) -> bool:
        """Whether models may be used at all."""

    @property
    def url(self) -> str:
        """Where the server is."""

    @property
    def model(self) -> str:
        """The model's name, empty for the first one the server lists."""


def writer_for(settings: ModelSettings, env: Mapping[str, str], *, trusted: bool = True) -> Writer | None:
    """Return the model to write with, or None: switched off, or an address that is not this machine's own.

    `trusted` tells whether `settings` were read from places that may name another machine. Nothing is
    contacted here.
    """
    if not settings.enabled or env.get("SIXTH_LLM", "").strip().lower() in _OFF:
        return None
    if not _usable(settings.url) or not (trusted or is_loopback(settings.url)):
        return None
    from sixthbot.llm.ollama import OllamaWriter  # noqa: PLC0415 - not needed when models are off

    return OllamaWriter(url=settings.url, model=settings.model)


def is_loopback(url: str) -> bool:
    """Tell whether a URL can only lead to this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
