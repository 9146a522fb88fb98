"""Whose moves of a branch a reflog tells of: the bot's own, and nobody's who only looks like it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sixthbot.core.reflog import OwnMove, own_moves

REF = "refs/heads/sixth/issue-a"
ONE, TWO, THREE, NONE = "1" * 40, "2" * 40, "3" * 40, "0" * 40
BOT, PERSON = "sixthbot <sixthbot@localhost>", "Ada Person <ada@example.com>"


def line(old: str, new: str, who: str, said: str) -> str:
    return f"{old} {new} {who} 1700000000 +0100\t{said}\n"


def tips(log: str, ref: str = REF) -> list[tuple[str, str | None, str]]:
    return [(move.ref, move.old, move.new) for move in own_moves(log.encode(), ref)]


MADE = line(NONE, ONE, BOT, "sixthbot: branch for issue a")


def test_its_own_moves_come_oldest_first_with_the_reason_and_the_time() -> None:
    found = own_moves((MADE + line(ONE, TWO, BOT, "sixthbot: subtask 1: Sort")).encode(), REF)
    assert [(move.old, move.new, move.reason) for move in found] == [
        (None, ONE, "branch for issue a"),
        (ONE, TWO, "subtask 1: Sort"),
    ]
    assert found[0] == OwnMove(
        ref=REF, old=None, new=ONE, reason="branch for issue a", time=datetime.fromtimestamp(1700000000, UTC)
    )


def test_a_time_beyond_all_calendars_is_no_move() -> None:
    assert tips(MADE.replace("1700000000", "999999999999") + line(ONE, TWO, BOT, "sixthbot: on")) == [
        (REF, ONE, TWO)
    ]


@pytest.mark.parametrize(
    "forged",
    [
        line(ONE, TWO, PERSON, "commit (amend): chore: sort"),
        line(ONE, TWO, PERSON, "commit: chore: sort"),  # whatever trailers stand in it
        line(ONE, TWO, PERSON, "sixthbot: subtask 1: Sort"),
        line(ONE, TWO, BOT, "commit: by a person who goes by the bot's name"),
        line(ONE, TWO, "sixthbot <ada@example.com>", "sixthbot: subtask 1"),
        line(ONE, TWO, "x <x@x> sixthbot <sixthbot@localhost>", "sixthbot: two people"),
        line(ONE, NONE, BOT, "sixthbot: taken away"),
        line(ONE, TWO[:-1], BOT, "sixthbot: torn"),
        f"{ONE} {TWO} {BOT} 1700000000 +0100 sixthbot: no tab\n",
        line(ONE, TWO, BOT, "sixthbot: two\rlines").replace("+0100", "one hour"),
        "\0" * 200,
    ],
)
def test_what_anybody_else_did_is_not_its_own(forged: str) -> None:
    assert tips(MADE + forged) == [(REF, None, ONE)]
    assert tips(forged) == []


def test_what_comes_after_a_person_is_its_own_again() -> None:
    log = MADE + line(ONE, TWO, PERSON, "commit: mine") + line(TWO, THREE, BOT, "sixthbot: rebase")
    assert tips(log) == [(REF, None, ONE), (REF, TWO, THREE)]


@pytest.mark.parametrize("verb", ["renamed", "copied"])
def test_what_was_done_under_another_name_is_told_of_that_one(verb: str) -> None:
    moved = line(ONE, ONE, PERSON, f"Branch: {verb} {REF} to refs/heads/mine")
    log = MADE + moved + line(ONE, TWO, BOT, "sixthbot: rebase")
    assert tips(log, "refs/heads/mine") == [(REF, None, ONE), ("refs/heads/mine", ONE, TWO)]
