"""SIGINT and SIGTERM as an event to wait for, for commands that run until they are told to stop."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def until_told() -> Iterator[threading.Event]:
    """Give an event that is set by SIGINT, SIGTERM or SIGHUP during the block; a second signal ends at once.

    Outside the main thread, where Python hears no signals, the event is only ever set by the caller.
    """
    stop = threading.Event()

    def hear(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # under nohup a closed terminal is to be survived
    heard = [number for number in _SIGNALS if number != signal.SIGHUP or not _ignored(number)]
    before = {number: signal.signal(number, hear) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignored(number: signal.Signals) -> bool:
    return signal.getsignal(number) == signal.SIG_IGN
