"""What a command that runs until it is told to stop hears: stop, read the settings anew, say what you are at."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sixthbot.engine.stopping import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM)
_ASKING = (signal.SIGUSR1, signal.SIGQUIT)
_AT_ONCE = 0.5  # seconds that the second word gives the main thread to end by itself
_LIMIT = 4.5
"""Seconds from the first signal until the process ends whatever it does: it promises 5."""


@contextmanager
def until_told(
    *,
    on_hangup: Callable[[], object] | None = None,
    on_ask: Callable[[str], None] | None = None,
    exit_code: int = 0,
) -> Iterator[threading.Event]:
    """Give an event that is set by SIGINT or SIGTERM during the block; a second one ends at once, with KeyboardInterrupt.

    SIGHUP calls `on_hangup`, unless the terminal it came from is gone, which means stop, too. SIGUSR1 and SIGQUIT call
    `on_ask` with what every thread is at. Both are called in a thread of their own. Where the block has not ended some
    4.5 s after the first signal, the process ends with `exit_code`: what is in hand is taken up by the next bot.

    Outside the main thread, where Python hears no signals, the event is only ever set by the caller.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    ears = _Ears(stop, on_hangup, on_ask, exit_code)
    heard = [*_STOPPING, signal.SIGHUP, *_ASKING]
    # under nohup a closed terminal is to be survived
    heard = [number for number in heard if number != signal.SIGHUP or not _ignored(number)]
    # the pipe first: a handler without it hears a word and nobody does anything about it
    earlier = signal.set_wakeup_fd(ears.start(), warn_on_full_buffer=False)
    before = {number: signal.getsignal(number) for number in heard}
    try:
        for number in heard:
            signal.signal(number, ears.hear)
        yield stop
    finally:
        signal.set_wakeup_fd(earlier)
        for number, handler in before.items():
            signal.signal(number, handler)
        ears.close()


class _Ears:
    """Takes signals in as they come and does what follows outside of the handler, where anything may be done.

    The system may give a signal to any thread, and Python runs handlers in the main one only, which may sleep through
    it: so the numbers come over a pipe, to a thread that does nothing else.
    """

    def __init__(
        self,
        stop: threading.Event,
        on_hangup: Callable[[], object] | None,
        on_ask: Callable[[str], None] | None,
        exit_code: int,
    ) -> None:
        self._stop = stop
        self._on_hangup = on_hangup
        self._on_ask = on_ask
        self._exit_code = exit_code
        self._had_terminal = _has_terminal()
        self._heard, self._hearing = os.pipe()
        os.set_blocking(self._hearing, False)
        self._told = 0
        self._closed = threading.Event()
        self._last_resort = threading.Timer(_LIMIT, self._leave)
        self._last_resort.daemon = True
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)

    def start(self) -> int:
        """Begin to listen; return the descriptor that takes the numbers."""
        self._thread.start()
        return self._hearing

    def close(self) -> None:
        """Stop listening."""
        self._last_resort.cancel()
        self._closed.set()
        os.write(self._hearing, b"\0")
        self._thread.join()
        os.close(self._heard)
        os.close(self._hearing)

    def hear(self, number: int, _frame: FrameType | None) -> None:
        """End the main thread's work at the second word; all else is done by the thread that listens."""
        if number in _STOPPING:
            self._told += 1
            if self._told > 1:
                raise KeyboardInterrupt

    def _listen(self) -> None:
        told = 0
        while True:
            for number in os.read(self._heard, 64):
                if number == 0:
                    return
                told += number in _STOPPING
                self._do(number, again=told > 1)

    def _do(self, number: int, *, again: bool) -> None:
        if number in _STOPPING:
            self._stop.set()
            self._begin_to_leave(at_once=again)
        elif number in _ASKING:
            if self._on_ask is not None:
                _in_a_thread(self._on_ask, stacks())
        elif self._had_terminal and not _has_terminal():
            self._stop.set()
            self._begin_to_leave()
        elif self._on_hangup is not None:
            _in_a_thread(self._on_hangup)  # it may take a while, and a stop must not wait for it

    def _begin_to_leave(self, *, at_once: bool = False) -> None:
        if at_once:  # the main thread may be where no word reaches it
            _in_a_thread(self._end_at_once)
            return
        with suppress(RuntimeError):  # it is on its way already
            self._last_resort.start()

    def _end_at_once(self) -> None:
        if not self._closed.wait(_AT_ONCE):
            os._exit(128 + signal.SIGINT)

    def _leave(self) -> None:
        """End the process: its children end with it or hold its lease, and what it had in hand goes on after it."""
        with suppress(OSError, ValueError):
            sys.stderr.write("left with work in hand; it goes on at the next start\n")
            sys.stderr.flush()
        os._exit(self._exit_code)


def _in_a_thread(do: Callable[..., object], *args: object) -> None:
    threading.Thread(target=do, args=args, name="answers a signal", daemon=True).start()


def stacks() -> str:
    """Return what every thread of this process is at, for a report."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"{names.get(ident, '?')}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()  # noqa: SLF001 - the documented way
    )


def _has_terminal() -> bool:
    """Tell whether there is a controlling terminal that still answers."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def _ignored(number: signal.Signals) -> bool:
    return signal.getsignal(number) == signal.SIG_IGN
