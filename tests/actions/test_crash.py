from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sixthbot.store.atomic import observe
from tests.actions.workshop import open_workshop
from tests.support.fingerprint import fingerprint
from tests.support.repos import make_repo
from tests.support.stages import Ground

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.actions.workshop import Workshop
    from tests.support.repos import RepoDir

ISSUE = "---\nid: N-1\n---\n# Tidy\n\n- [ ] Make a `do: a`\n- [ ] Nothing `do: nothing`\n- [ ] Order `do: text.sort paths=words`\n"


class Pictures:
    """Takes what is on the disk at every third moment of a write: what `kill -9` would leave there."""

    def __init__(self, ground: Ground, place: Path) -> None:
        self.ground, self.place, self.moments = ground, place, 0
        self.taken: list[Path] = []

    def __call__(self, point: str, moment: str) -> None:
        if self.moments % 3 == 0:
            picture = self.place / f"{self.moments} {point} {moment}"
            self.ground.keep(picture)
            self.taken.append(picture)
        self.moments += 1


@pytest.fixture(autouse=True)
def nobody_watches() -> Iterator[None]:
    yield
    observe(None)


def opened(repo: RepoDir) -> Workshop:
    shop = open_workshop(repo)
    shop.recipe("a", "open('a', 'w').close()")
    shop.recipe("nothing", "pass")
    return shop


def dropped(path: Path) -> Workshop:
    shop = opened(make_repo(path))
    shop.dir.commit("chore: words", {"words": "b\na\n"})
    shop.drop(ISSUE)
    return shop


def begun_again(repo: RepoDir) -> Workshop:
    shop = opened(repo)
    (shop.issue_id,) = (record.id for record in shop.store.issues.list())
    shop.clock.advance(3600)
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
    tmp_path: Path, sealed: Path
) -> None:
    ground = Ground(tmp_path / "there", sealed)
    shop = dropped(ground.folder / "repo")
    pictures = Pictures(ground, tmp_path / "pictures")
    observe(pictures)
    shop.steps("branch", "plan", "work")
    shop.dir.commit("feat: the base moves", {"other": "1\n"})
    shop.steps()
    observe(None)
    expected = result(shop)
    for picture in pictures.taken:
        ground.bring_back(picture)
        shop = begun_again(shop.dir)
        if "feat: the base moves" not in shop.dir.subjects("main"):
            shop.dir.commit("feat: the base moves", {"other": "1\n"})
        before = fingerprint(shop.dir.path)
        shop.steps()
        assert result(shop) == expected, f"killed at write {picture.name}"
        assert fingerprint(shop.dir.path) == before
    assert len(pictures.taken) > 25
