"""A repository where the bot is at home, for tests of its loop."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.bot import Bot
from sixthbot.git.repository import open_repository
from sixthbot.sources.tracker import RefsTracker
from sixthbot.store.open import open_store
from sixthbot.store.paths import locate
from sixthbot.store.setup import initialise
from sixthbot.store.trust import items_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from sixthbot.core.tasks import Task
    from sixthbot.store.open import Store
    from sixthbot.store.paths import Places
    from tests.support.repos import RepoDir

CONFIG = """\
[bot]
durability = "process"

[recipes.sort-words]
run = ["sort", "-o", "words.txt", "words.txt"]

[recipes.fail]
run = ["false"]

[recipes.slow]
run = ["sleep", "30"]
"""


@dataclass(frozen=True)
class Home:
    """An initialised, trusted repository and what a test does with it."""

    repo: RepoDir
    places: Places
    store: Store

    def drop(self, name: str, text: str) -> Path:
        """Drop an issue file as a person would, by writing it."""
        path = self.places.inbox / name
        path.write_text(text)
        return path

    def configure(self, text: str, rules: str = "") -> None:
        """Write the configuration, and perhaps a rule file, and trust everything there is."""
        self.places.config_file.write_text(text)
        if rules:
            (self.places.rules_dir / "test.toml").write_text(rules)
        repo = open_repository(self.places.top, self.places.git_dir, durability="process")
        contents = self.store.trust.collect(self.places, repo.exec_settings())
        self.store.trust.trust(items_of(contents), contents)

    def bot(self) -> Bot:
        """Open the bot anew, as the next process would."""
        return Bot.open(self.repo.path)

    def tasks(self, *states: str) -> list[Task]:
        """Return the tasks in some states, all without any."""
        return list(self.store.queue.all(states=states or None))

    def kinds(self) -> list[str]:
        """Return the kinds of the journal's records, oldest first."""
        return [record.kind for record in self.store.journal.read()]


def make_home(repo: RepoDir) -> Home:
    """Initialise a repository as `sixthbot init` does, with a few recipes."""
    places = locate(repo.path)
    initialise(places)
    words = {"words.txt": "pear\napple\n", "a.txt": "a\n"}
    repo.commit("feat: words", {**words, ".sixth/config.toml": CONFIG})
    store = open_store(places, durability="process")
    git = open_repository(places.top, places.git_dir, durability="process").git
    tracker = RefsTracker()
    tracker.save(store, tracker.look(store, git))
    home = Home(repo, places, store)
    home.configure(CONFIG)
    return home


class Watching:
    """A bot that watches in a thread for the length of a block."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.stop = threading.Event()
        self.left_after = 0.0
        self._thread = threading.Thread(target=bot.watch, args=(self.stop,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        until(self.bot.services().places.watch_lock.exists)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        started = time.monotonic()
        self.stop.set()
        self._thread.join(20)
        self.left_after = time.monotonic() - started
        assert not self._thread.is_alive()


def until(condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Wait for something to become true; fail when it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
