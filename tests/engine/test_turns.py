"""Turns that several share: a limit for all, and nobody is left waiting."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from sixthbot.engine.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable


def never() -> bool:
    return False


class Crowd:
    """Threads that each want turn after turn, and hold one until the test lets go of it."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.began: list[str] = []
        self.most = 0
        self._changed = threading.Condition()
        self._now = 0
        self._let_go = 0

    def want(self, who: str, times: int) -> threading.Thread:
        thread = threading.Thread(target=self._take, args=(who, times), daemon=True)
        thread.start()
        return thread

    def _take(self, who: str, times: int) -> None:
        for _ in range(times):
            with self.turns.taken(who, unless=never), self._changed:
                self.began.append(who)
                self._now += 1
                self.most = max(self.most, self._now)
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._let_go > 0, timeout=10)
                self._let_go -= 1
                self._now -= 1

    def until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, timeout=10)

    def end_one(self) -> None:
        with self._changed:
            self._let_go += 1
            self._changed.notify_all()


def test_a_busy_one_leaves_the_next_turn_to_who_has_none() -> None:
    crowd = Crowd(Turns(2))
    threads = [crowd.want("busy", 5) for _ in range(4)]
    crowd.until(lambda: len(crowd.began) == 2)
    threads.append(crowd.want("other", 1))
    while not crowd.turns._waiting.get("other"):
        pass
    crowd.end_one()
    crowd.until(lambda: len(crowd.began) == 3)
    assert crowd.began == ["busy", "busy", "other"]
    for _ in range(19):
        crowd.end_one()
        threading.Event().wait(0.005)
    crowd.end_one()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert crowd.most <= 2
    assert crowd.began.count("busy") == 20


def test_those_with_equally_many_go_in_the_order_of_their_last_turns() -> None:
    turns = Turns(1)
    order: list[str] = []

    def work(who: str) -> None:
        for _ in range(5):
            with turns.taken(who, unless=never):
                order.append(who)
                gate.wait(10)
                threading.Event().wait(0.01)

    gate = threading.Event()
    threads = [threading.Thread(target=work, args=(who,), daemon=True) for who in "abc"]
    for thread in threads:
        thread.start()
    while len(turns._waiting) < 2:
        pass
    gate.set()
    for thread in threads:
        thread.join(10)
    assert [sorted(order[at : at + 3]) for at in (0, 3, 6, 9)] == [["a", "b", "c"]] * 4


def test_who_is_told_to_stop_gets_none_and_keeps_nobody_waiting() -> None:
    turns = Turns(1)
    with turns.taken("a", unless=never):
        with turns.taken("b", unless=lambda: True) as got:
            assert not got
        with turns.taken("b", unless=lambda: True) as got:
            assert not got
    with turns.taken("c", unless=never) as got:
        assert got


def test_a_turn_comes_back_also_when_its_work_breaks() -> None:
    turns = Turns(1)

    def break_down() -> None:
        with turns.taken("a", unless=never):
            raise ValueError

    for _ in range(3):
        with pytest.raises(ValueError):  # noqa: PT011 - raised just above
            break_down()
    with turns.taken("a", unless=lambda: True) as got:
        assert got
