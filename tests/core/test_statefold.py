"""The fold: whoever hears what in which order sees the same, and whoever lost is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sixthbot.core import statefold
from sixthbot.core.statefold import assemble, fold
from sixthbot.core.stateops import APPEND, DROP, JOIN, PUT, SPEND, Op, make_op
from tests.state.histories import play

A, B = "a000000000000", "a111111111111"
PLAN, TASK = "issues/x/plan.toml", "queue/20260101T000000000Z-t1.json"
TELL = "queue/20250101T000000000Z-t2.json"
"""Another task of the same issue, with an earlier deadline."""


def op(actor: str, lamport: int, kind: str = PUT, key: str = PLAN, content: str = "", **more: Any) -> Op:
    digest = (content * 64)[:64] if kind in {PUT, APPEND} else ""
    return make_op(
        lamport=lamport,
        actor=actor,
        n=lamport,
        kind=kind,
        key=key,
        hash=digest,
        time="2026-01-01T00:00:00Z",
        **more,
    )


@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_lost_and_all_clones_see_the_same(seed: int) -> None:
    assert play(seed) == []


@settings(max_examples=30)
@given(st.integers(min_value=1000, max_value=1 << 30))
def test_the_same_of_histories_that_nobody_thought_of(seed: int) -> None:
    assert play(seed, steps=15) == []


def test_the_last_of_two_edits_counts_and_the_other_is_named() -> None:
    first = op(A, 1, content="0")
    ours, theirs = op(A, 2, content="1", prev=(first.id,)), op(B, 3, content="2", prev=(first.id,))
    entity = fold([theirs, first, ours]).entities[PLAN]
    assert (entity.winner, entity.losers) == (theirs, (ours,))
    joined = op(B, 4, JOIN, prev=(ours.id,))
    assert fold([theirs, first, ours, joined]).entities[PLAN].losers == ()


def test_the_same_edit_made_twice_is_one() -> None:
    ours, theirs = op(A, 2, content="1"), op(B, 3, content="1")
    entity = fold([ours, theirs]).entities[PLAN]
    assert (entity.winner, entity.losers, entity.ids) == (theirs, (), (theirs.id, ours.id))
    later = op(A, 4, content="2", prev=(ours.id,))
    assert fold([ours, theirs, later]).entities[PLAN].losers == (), "theirs is what the later one builds on"


def test_an_edit_counts_more_than_taking_away() -> None:
    first = op(A, 1, content="0")
    gone, edit = op(A, 5, DROP, prev=(first.id,)), op(B, 2, content="2", prev=(first.id,))
    assert fold([first, gone, edit]).entities[PLAN].winner == edit


def task(actor: str, lamport: int, place: str, *prev: Op) -> Op:
    return op(
        actor,
        lamport,
        key=TASK,
        content=f"{lamport % 10}",
        place=place,
        group="x",
        prev=tuple(o.id for o in prev),
    )


def test_of_two_claims_the_earliest_counts_with_all_that_belongs_to_it() -> None:
    ready = task(A, 1, "ready/normal")
    ours, theirs = task(A, 3, "running", ready), task(B, 2, "running", ready)
    parked = task(A, 5, "parked", ours)
    plans = op(A, 9, content="1", group="x"), op(B, 4, content="2", group="x")
    state = fold([ready, ours, theirs, parked, *plans])
    assert state.entities[TASK].winner == theirs
    assert state.entities[PLAN].winner == plans[1], (
        "the plan of the clone whose claim counts, though it is older"
    )
    assert [(claim.group, claim.winner, claim.losers) for claim in state.claims] == [("x", B, (A,))]


def test_two_that_ended_alike_are_two_claims_all_the_same() -> None:
    ready = task(A, 1, "ready/normal")
    ours, theirs = task(A, 5, "running", ready), task(B, 3, "running", ready)
    ends = [
        op(one.actor, 7, key=TASK, content="7", place="parked", group="x", prev=(one.id,))
        for one in (ours, theirs)
    ]
    state = fold([ready, ours, theirs, *ends])
    assert state.entities[TASK].winner == ends[1]
    assert state.entities[TASK].ids == (ends[1].id, ends[0].id)
    assert [(claim.winner, claim.losers) for claim in state.claims] == [(B, (A,))]


def test_all_of_an_issue_is_the_way_of_one_clone_whichever_of_its_tasks_is_looked_at() -> None:
    ready, tell = task(A, 1, "ready/normal"), op(A, 2, key=TELL, content="2", place="ready/high", group="x")
    claims = [task(A, 5, "running", ready), task(B, 6, "running", ready)]
    told = [
        op(actor, lamport, key=TELL, content="2", place="done", group="x", prev=(tell.id,))
        for actor, lamport in ((B, 3), (A, 7))
    ]
    plans = op(A, 8, content="1", group="x"), op(B, 9, content="2", group="x")
    state = fold([ready, tell, *claims, *told, *plans])
    assert state.entities[TASK].winner.actor == A, "its claim is the earlier"
    assert state.entities[PLAN].winner == plans[0], "though the other clone told of something first"
    assert state.entities[TELL].winner.actor == A
    assert {claim.winner for claim in state.claims} == {A}


def test_a_task_that_only_tells_of_an_issue_decides_nothing_while_the_issue_s_own_goes_on() -> None:
    mine = task(A, 1, "running", task(A, 0, "ready/normal"))
    told = [op(actor, 2, key=TELL, content="2", place="done", group="x") for actor in (A, B)]
    plans = op(A, 8, content="1", group="x"), op(B, 3, content="2", group="x")
    assert fold([mine, *told, *plans]).entities[PLAN].winner == plans[0]


def test_who_only_moved_a_task_gives_way_to_who_works_on_it() -> None:
    ready = task(A, 1, "ready/normal")
    moved, parked = task(A, 2, "ready/low", ready), task(B, 3, "parked", ready)
    state = fold([ready, moved, parked])
    assert state.entities[TASK].winner == parked
    assert state.claims == ()


def test_a_claim_taken_over_by_another_clone_is_still_the_first_one_s() -> None:
    ready = task(A, 1, "ready/normal")
    running = task(A, 2, "running", ready)
    over, parked = task(B, 3, "running", running), task(A, 6, "parked", running)
    assert fold([ready, running, over, parked]).entities[TASK].winner == parked


def test_a_task_that_its_own_clone_missed_for_a_moment_is_there() -> None:
    put = op(A, 1, key=TASK, content="1", place="parked")
    missed = op(A, 2, DROP, key=TASK, prev=(put.id,))
    again = op(A, 3, key=TASK, content="2", place="parked")
    entity = fold([again, missed, put]).entities[TASK]
    assert (entity.winner, entity.losers) == (again, ())


def test_what_is_over_is_over() -> None:
    ready = task(A, 1, "ready/normal")
    early, done = task(A, 2, "running", ready), task(B, 7, "done", ready)
    assert fold([ready, early, done]).entities[TASK].winner == done


def test_used_up_ids_add_up() -> None:
    assert fold([op(A, 1, SPEND, "spent/t1"), op(B, 1, SPEND, "spent/t2")]).spent == {"t1", "t2"}


def test_pieces_of_a_growing_file_are_put_together_once() -> None:
    def piece(actor: str, lamport: int, at: int, size: int) -> Op:
        return op(actor, lamport, APPEND, "journal/x.jsonl", content="1", at=at, size=size)

    first, second, copied, far = (
        piece(A, 1, 0, 10),
        piece(A, 2, 10, 5),
        piece(B, 3, 0, 12),
        piece(A, 9, 99, 5),
    )
    for order in ([first, second, copied, far], [far, copied, second, first]):
        taken = assemble(order)
        assert [(one.at, one.size, skip) for one, skip in taken] == [(0, 12, 0), (10, 5, 2)]


@pytest.mark.parametrize("key", [PLAN, TASK])
@pytest.mark.parametrize(("actors", "past"), [(1, 200), (300, 5)])
def test_hundreds_of_contradictions_cost_no_more_for_each_than_a_few(
    monkeypatch: pytest.MonkeyPatch, key: str, actors: int, past: int
) -> None:
    """Anybody who can push can make them; what is counted are looks at what an operation builds on."""
    queued = key == TASK
    ops = [op(A, 1, key=key, content="0", place="ready/normal" if queued else "")]
    for number in range(past):  # which all of them have in common
        ops.append(op(A, 2 + number, key=key, content=f"{number}", place=ops[0].place, prev=(ops[-1].id,)))
    below = (ops[-1].id,)
    for number in range(300):
        actor, place = f"a{number % actors:012x}", "running" if queued else ""
        ops.append(
            op(actor, 1000 + number, key=key, content=f"f{number}e", group="x", prev=below, place=place)
        )
    looks = 0
    plain = statefold._Past._below

    def look(self: statefold._Past, one: Op) -> list[Op]:
        nonlocal looks
        looks += 1
        return plain(self, one)

    monkeypatch.setattr(statefold._Past, "_below", look)
    entity = fold(ops).entities[key]
    assert len(entity.losers) == 299
    assert looks < 12 * len(ops) * (past if actors > 1 else 1)
