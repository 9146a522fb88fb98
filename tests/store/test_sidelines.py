"""What was passed over comes back one by one, and is then looked at."""

from __future__ import annotations

from sixthbot.core.tasks import Lane
from sixthbot.store.sidelines import Sidelines
from tests.store.support import make_task


def test_the_first_of_a_group_that_is_free_again_is_not_taken_back_by_the_rest_of_it() -> None:
    aside = Sidelines()
    for name in ("1", "2", "3"):
        aside.put(name, Lane.NORMAL, make_task())
    assert list(aside.bring_back(lambda _: True)) == []
    assert list(aside.bring_back(lambda _: False)) == [("1", Lane.NORMAL)]
    assert not aside.takes("1", Lane.NORMAL)
    assert aside.takes("2", Lane.NORMAL)
