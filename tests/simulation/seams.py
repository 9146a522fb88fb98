"""Puts the simulated machine and disk in the place of the real ones, for a block, and takes them out again."""

from __future__ import annotations

import os
import random
import secrets
import sys
import threading
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sixthbot.actions import registry
from sixthbot.engine import admit
from sixthbot.store import disk
from tests.simulation.machine import Machine, virtual_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.disk import SimDisk

_LOCKS = (type(threading.Lock()), type(threading.RLock()))


@contextmanager
def installed(machine: Machine, simulated: SimDisk) -> Iterator[None]:
    """Let the store's calls, the folder syncs of `git/`, and every look at a clock go to the simulation.

    Names that are made by chance are made by the seed, since folders are read in their order.

    Simulated processes have one thread each: what keeps the threads of a real one apart keeps nobody from anything.
    """
    actions, fsync, locks, queues = registry._ACTIONS, os.fsync, _module_locks(), admit._LOCKS
    admit._LOCKS = NoLocks()
    registry._ACTIONS = {**actions, "part": "tests.simulation.step"}
    os.fsync = simulated.sync  # type: ignore[assignment]  # of the same use
    for module, name in locks:
        setattr(sys.modules[module], name, nullcontext())
    disk.use(simulated)
    names = random.Random(machine.seed)  # noqa: S311 - not a secret
    urandom, token_hex = os.urandom, secrets.token_hex
    os.urandom = names.randbytes
    secrets.token_hex = lambda nbytes=None: names.randbytes(nbytes or 32).hex()
    jitter = random.getstate()
    random.seed(machine.seed)  # how long a failed attempt waits
    try:
        with virtual_time(machine):
            yield
    finally:
        disk.use(None)
        os.urandom, secrets.token_hex = urandom, token_hex
        random.setstate(jitter)
        registry._ACTIONS, os.fsync, admit._LOCKS = actions, fsync, queues
        for (module, name), lock in locks.items():
            setattr(sys.modules[module], name, lock)


class NoLocks(dict[Any, Any]):
    """Locks by name, none of which is one."""

    def setdefault(self, _name: object, _lock: object = None) -> Any:
        return nullcontext()


def _module_locks() -> dict[tuple[str, str], object]:
    return {(name, key): vars(sys.modules[name])[key] for name, key in _names_of_locks(len(sys.modules))}


@lru_cache(maxsize=1)
def _names_of_locks(_loaded: int) -> list[tuple[str, str]]:
    """Return module and name of each lock there is; looked for anew once further modules were loaded."""
    return [
        (name, key)
        for name, module in tuple(sys.modules.items())
        if name.startswith("sixthbot.")
        for key, value in tuple(vars(module).items())
        if isinstance(value, _LOCKS)
    ]
