"""What a step that works through many items uses: the items not done yet, their saved results, and how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Item = TypeVar("Item")


class Progress(Protocol):
    """Where a step shows how far it is; showing often costs little, for few are written down."""

    def show(self, *, done: int, total: int, item: str) -> None:
        """Show that `done` of `total` are done and `item` is at hand."""
        ...


class Saved(Protocol):
    """Results of items that outlive the worker."""

    def load(self) -> dict[str, Any]:
        """Return those saved by earlier attempts."""
        ...

    def add(self, key: str, result: Any) -> None:
        """Take in one more."""
        ...


class Items(Generic[Item]):
    """Many items, one after the other: iterating gives those that no earlier attempt did.

    A result, a JSON value, is kept with `keep` while its item is at hand; going on to the next item says that this
    one is done. An item is known by its key, which says all that its result depends on, but for the basis.
    """

    def __init__(
        self,
        items: Sequence[Item],
        *,
        key: Callable[[Item], str],
        shown: Callable[[Item], str],
        saved: Saved,
        progress: Progress,
        check: Callable[[], None],
    ) -> None:
        self._items = {key(item): item for item in items}
        self._shown = shown
        self._saved = saved
        self._progress = progress
        self._check = check
        earlier = saved.load()
        self._results = {name: earlier[name] for name in self._items if name in earlier}
        self._result: Any = None
        self.resumed = len(self._results)
        """How many an earlier attempt did."""

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        for name, item in self._items.items():
            if name in self._results:
                continue
            self._check()
            self._progress.show(done=len(self._results), total=len(self), item=self._shown(item))
            self._result = None
            yield item
            self._results[name] = self._result
            self._saved.add(name, self._result)
        self._progress.show(done=len(self._results), total=len(self), item="")

    def keep(self, result: Any) -> None:
        """Keep the result of the item at hand."""
        self._result = result

    @property
    def results(self) -> dict[str, Any]:
        """The results of all items that are done, by key, in the order of the items."""
        return {name: self._results[name] for name in self._items if name in self._results}
