"""After `.sixth` was taken away: finds issues of which half is there, without the record that makes one, and drops them anew.

Half of an issue is saved, or left behind, where a bot wrote it in the moment in which all was taken away.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.errors import SixthError
from sixthbot.core.stateops import SIZE_LIMIT
from sixthbot.core.text import is_issue_id
from sixthbot.store.reading import read_small
from sixthbot.store.state.index import Row
from sixthbot.store.state.lay import Content, Layer
from sixthbot.store.state.layout import Spot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sixthbot.core.statefold import Entity
    from sixthbot.store.open import Store


@dataclass(frozen=True, slots=True)
class Halves:
    """The halves among what is `wanted` of a state and what is here.

    `contents` reads what the state has by its hash, `refused` takes up what cannot be laid.
    """

    store: Store
    wanted: Sequence[Entity]
    contents: Callable[[Iterable[str]], Mapping[str, bytes]]
    refused: Callable[[str], object]

    def ids(self) -> set[str]:
        """Return the ids of such issues."""
        found = {issue_of(one.winner.key) for one in self.wanted} - {""}
        found |= {
            path.parent.name for path in self.store.places.issues.glob("*/issue.md") if _may_be(path.parent)
        }
        saved = {one.winner.key for one in self.wanted}
        return {
            one
            for one in found
            if f"issues/{one}/issue.toml" not in saved
            and not (self.store.places.issues / one / "issue.toml").exists()
        }

    def drop_again(self, halves: Collection[str], accepted: Iterable[tuple[str, ...]]) -> Iterator[Row]:
        """Lay their texts into the inbox to be accepted anew, unless they lie there or once were; yield the rows.

        `accepted` are names of inbox files that were. A text that is here goes away: with it the id would be in use.
        """
        here = self._texts_here(halves)
        texts = {
            issue_of(one.winner.key): one.winner.hash
            for one in self.wanted
            if one.winner.key.endswith("/issue.md") and issue_of(one.winner.key) in halves
        } | {issue: hashlib.sha256(data).hexdigest() for issue, data in here.items()}
        dropped = {one.winner.hash for one in self.wanted if one.winner.key.startswith("inbox/")}
        # in the state they stay halves, also where what becomes of them has another id
        again = {name[:2] for name in accepted}
        for issue, digest in sorted(texts.items()):
            name = f"{issue}-{digest[:8]}.md"  # which nothing else has: what is there would be written over
            laid: Row | str = ""
            if digest not in dropped and (name, digest) not in again:
                data = here.get(issue) or self.contents([digest]).get(digest)
                laid = self._lay(name, data)
            if isinstance(laid, Row):
                yield laid
            elif laid:
                self.refused(laid)
                continue
            if issue in here:
                key = f"issues/{issue}/issue.md"
                Layer(self.store).take(key, key)

    def _texts_here(self, halves: Iterable[str]) -> dict[str, bytes]:
        texts = {}
        for issue in filter(lambda one: _may_be(self.store.places.issues / one), halves):
            with suppress(OSError, SixthError):
                texts[issue] = read_small(self.store.places.issues / issue / "issue.md", SIZE_LIMIT)
        return texts

    def _lay(self, name: str, data: bytes | None) -> Row | str:
        """Return the row of a text that is laid, or why it cannot be."""
        if data is None:
            return f"inbox/{name}: its content is not in the state"
        [row] = Layer(self.store).put_all([Content(Spot(f"inbox/{name}"), data)])
        return row if isinstance(row, Row) else row.message


def _may_be(folder: Path) -> bool:
    """Tell whether a folder may be an issue's; what a link leads to is somebody else's."""
    return is_issue_id(folder.name) and not folder.is_symlink()


def issue_of(key: str) -> str:
    """Return the id of the issue whose folder a key is in, empty for other keys."""
    top, _, rest = key.partition("/")
    return rest.partition("/")[0] if top == "issues" else ""
