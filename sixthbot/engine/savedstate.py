"""Looks whether `.sixth` could be brought back from the state ref as it is now; writes nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.core.stateops import PUT, SIZE_LIMIT
from sixthbot.engine.growing import row_of
from sixthbot.engine.saving import NOTHING, State
from sixthbot.git.stateref import blob_path
from sixthbot.store.firstconfig import FIRST_CONFIG
from sixthbot.store.reading import open_plain, read_small
from sixthbot.store.state.grown import goes_on
from sixthbot.store.state.layout import files_below, is_setting, spot_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.core.statefold import Folded
    from sixthbot.engine.services import Services


_FIRST = hashlib.sha256(FIRST_CONFIG.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedState:
    """What a look found. `keys` counts what is saved, `missing` are saved keys whose content the state has not.

    `behind` are paths below `.sixth` of which the state does not know what is there now, `oldest` how many seconds ago
    the one that waits longest was changed; files that are too long to travel are not among them. `acknowledged` tells
    whether something that the bot took up is among what is behind, and not only files of people that it did not look
    at yet and lines of the journal.
    """

    there: bool
    keys: int = 0
    missing: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    oldest: float = 0.0

    @property
    def acknowledged(self) -> bool:
        """Whether the bot took something up of which the state does not know."""
        return any(
            not (is_setting(path) or path.startswith("journal/") or _waits(path)) for path in self.behind
        )


def look_at_saved(services: Services) -> SavedState:
    """Compare every file that travels with what is saved of it. Raise GitFailed where the state cannot be read."""
    state = State(services.places, services.repo, clock=services.clock)
    tip = state.ref.tip()
    folded = state.folded(tip)
    there = frozenset() if tip is None else state.ref.files(tip).keys()
    wanted = [entity.winner for entity in folded.entities.values() if entity.winner.kind == PUT]
    missing = [op.key for op in wanted if op.hash != NOTHING and blob_path(op.hash) not in there]
    behind, now = list(_behind(services, state, folded)), services.clock().timestamp()
    return SavedState(
        there=tip is not None,
        keys=len(wanted),
        missing=tuple(sorted(missing)),
        behind=tuple(path for path, _ in behind),
        oldest=max((now - changed for _, changed in behind), default=0.0),
    )


def _behind(services: Services, state: State, folded: Folded) -> Iterator[tuple[str, float]]:
    home, tracked = services.places.home, state.tracked(anew=True)
    for path, status in files_below(home):
        spot = spot_of(path)
        if spot is None or (is_setting(spot.key) and path in tracked):
            continue
        if spot.key.startswith("journal/"):
            row = row_of(spot.key, folded.chunks.get(spot.key, ()))
            saved = row.size >= _whole_lines(f"{home}/{path}") and goes_on(f"{home}/{path}", row)
        elif status.st_size > SIZE_LIMIT:
            continue
        else:
            entity = folded.entities.get(spot.key)
            digest = _digest(f"{home}/{path}")
            unsaid = entity is None and spot.key == "config.toml" and digest == _FIRST
            saved = (
                unsaid
                or digest == ""
                or (
                    entity is not None
                    and (
                        (entity.winner.hash, entity.winner.place) == (digest, spot.place)
                        # one that ran is laid as ready: that is what would come back, and its next claim is saved
                        or (entity.winner.place == "running" and spot.place.startswith("ready/"))
                    )
                )
            )
        if not saved:
            # a rename leaves the time of the content as it was: when it was put where it is counts
            yield path, max(status.st_mtime, status.st_ctime)


def _waits(path: str) -> bool:
    """Tell whether a path is of a file in the inbox that nobody looked at yet."""
    return path.startswith("inbox/") and path.count("/") == 1


def _digest(path: str) -> str:
    """Return the hash of a file, empty for one that went away meanwhile."""
    try:
        return hashlib.sha256(read_small(path, SIZE_LIMIT)).hexdigest()
    except (OSError, Refused):
        return ""


def _whole_lines(path: str) -> int:
    """Return how long a journal is up to its last whole line."""
    try:
        with open_plain(path) as file:
            return file.read().rfind(b"\n") + 1
    except OSError:
        return 0
