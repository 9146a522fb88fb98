from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sixthbot.store.atomic import observe
from tests.actions.workshop import open_workshop
from tests.support.fingerprint import fingerprint
from tests.support.repos import make_repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.actions.workshop import Workshop

ISSUE = "---\nid: N-1\n---\n# Tidy\n\n- [ ] Make a `do: a`\n- [ ] Nothing `do: nothing`\n- [ ] Order `do: text.sort paths=words`\n"


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


class KillAt:
    """Kills at the n-th moment of any write."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, point: str, moment: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed(f"{point} {moment}")


@pytest.fixture(autouse=True)
def nobody_watches() -> Iterator[None]:
    yield
    observe(None)


def dropped(path: Path) -> Workshop:
    shop = open_workshop(make_repo(path))
    shop.dir.commit("chore: words", {"words": "b\na\n"})
    shop.recipe("a", "open('a', 'w').close()")
    shop.recipe("nothing", "pass")
    shop.drop(ISSUE)
    return shop


def result(shop: Workshop) -> tuple[object, ...]:
    branch = shop.branch
    here = shop.dir.git("rev-list", f"main..{branch}").split()
    return (
        shop.dir.git("for-each-ref", "--format=%(refname)", "refs/heads"),
        shop.dir.subjects(f"main..{branch}"),
        shop.dir.git("rev-parse", f"{branch}^{{tree}}"),
        [
            (one.n, one.status, one.by, len(one.commits), set(one.commits) <= set(here))
            for one in shop.plan.subtasks
        ],
        shop.draft().title,
        shop.draft().head == shop.dir.tip(branch),
        [record.branch for record in shop.store.issues.list()],
    )


def test_killed_at_any_write_and_begun_again_without_checkpoints_the_result_is_the_same(
    tmp_path: Path,
) -> None:
    whole = dropped(tmp_path / "whole")
    whole.steps("branch", "plan", "work")
    whole.dir.commit("feat: the base moves", {"other": "1\n"})
    whole.steps()
    expected = result(whole)
    number, kills = 1, 0
    while True:
        shop = dropped(tmp_path / f"r{number}")
        killer = KillAt(number)
        observe(killer)
        try:
            shop.steps("branch", "plan", "work")
            shop.dir.commit("feat: the base moves", {"other": "1\n"})
            shop.steps()
        except Killed:
            kills += 1
        finally:
            observe(None)
        if killer.left > 0:
            break
        shop.outputs = {}
        if "feat: the base moves" not in shop.dir.subjects("main"):
            shop.dir.commit("feat: the base moves", {"other": "1\n"})
        before = fingerprint(shop.dir.path)
        shop.steps()
        assert result(shop) == expected, f"killed at write {number}"
        assert fingerprint(shop.dir.path) == before
        number += 3
    assert kills > 10
