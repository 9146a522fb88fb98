"""How much of an issue's work goes into writing down what happens: operations, for undo, and the journal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from sixthbot.bot import Bot
from sixthbot.store.journal import Journal
from sixthbot.store.operations import Operations
from tests.benchmarks.commands import initialised, run

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

_RECORDING = ((Journal, "append"), (Operations, "begin"), (Operations, "finish"))


class _Watch:
    """Counts the seconds spent in methods while it is entered."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._plain = {(owner, name): getattr(owner, name) for owner, name in _RECORDING}

    def __enter__(self) -> Self:
        for (owner, name), plain in self._plain.items():
            setattr(owner, name, self._timed(plain))
        return self

    def __exit__(self, *_: object) -> None:
        for (owner, name), plain in self._plain.items():
            setattr(owner, name, plain)

    def _timed(self, plain: Any) -> Any:
        def timed(*args: Any, **more: Any) -> Any:
            started = time.perf_counter()
            try:
                return plain(*args, **more)
            finally:
                self.seconds += time.perf_counter() - started

        return timed


def share(folder: Path) -> float:
    """Do one issue of one subtask in a new repository; return the share of its time that records took."""
    repo = folder / "repo"
    initialised(repo)
    note = f"run = [\"{sys.executable}\", \"-c\", \"open('notes.txt', 'a').write('x')\"]\n"
    (repo / ".sixth/config.toml").write_text(f"[recipes.note]\n{note}")
    run(repo, sys.executable, "-m", "sixthbot", "-q", "trust", "--yes")
    bot = Bot.open(repo)
    bot.run()
    (repo / ".sixth/inbox/one.md").write_text("# One\n\n- [ ] Note it `do: note`\n")
    time.sleep(0.2)
    started = time.perf_counter()
    with _Watch() as watch:
        bot.run()
    return watch.seconds / (time.perf_counter() - started)
