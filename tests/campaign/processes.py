"""Finds the processes of one scratch place, by what they were started with and what they hold open. Linux only."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MARK = "CAMPAIGN_BASE"
"""The variable that every process of a scratch place carries, but for the leash, which has an empty environment."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process and its command line."""

    pid: int
    command: str

    @property
    def is_git(self) -> bool:
        return Path(self.command.partition(" ")[0]).name.startswith("git")

    @property
    def is_leash(self) -> bool:
        return "leash.py" in self.command

    @property
    def is_bot(self) -> bool:
        return " -m sixthbot" in self.command

    def send(self, number: signal.Signals) -> None:
        """Send a signal; that the process is gone is fine."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


def processes_of(base: Path) -> list[Process]:
    """Return the living processes that belong to a scratch place."""
    mark = f"{MARK}={base}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if _belongs(entry, mark, str(base)):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if command:  # a zombie has none
                    found.append(Process(int(entry.name), command.strip()))
        except OSError:
            continue
    return found


def _belongs(entry: Path, mark: bytes, base: str) -> bool:
    if mark in (entry / "environ").read_bytes().split(b"\0"):
        return True
    if b"leash.py" not in (entry / "cmdline").read_bytes():
        return False
    for link in (entry / "fd").iterdir():
        with suppress(OSError):
            if str(link.readlink()).startswith(base + "/"):
                return True
    return False


def wait_for(base: Path, wanted: Callable[[Process], bool], *, seconds: float) -> Process | None:
    """Return the first process of a kind that shows up, or None when none does in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = next((one for one in processes_of(base) if wanted(one)), None)
        if found is not None:
            return found
    return None


def wait_until_gone(base: Path, *, seconds: float) -> list[Process]:
    """Wait until no process is left; return those that are all the same."""
    until = time.monotonic() + seconds
    while (left := processes_of(base)) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def kill_all(base: Path) -> None:
    """Kill every process of a scratch place at once, as the kernel does when memory runs out."""
    while left := processes_of(base):
        for one in left:
            one.send(signal.SIGKILL)
        time.sleep(0.01)
