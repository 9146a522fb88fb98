"""Conflicts are foreseen before anything is tried, and nothing is tried twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sixthbot.core.names import Oid
from sixthbot.engine.foresight import Foresight
from sixthbot.git import mergeable
from sixthbot.store.status import figures
from tests.bot.home import Home, make_home
from tests.cli.support import sixthbot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sixthbot.engine.services import Services
    from sixthbot.git.attributes import AttributeFiles
    from sixthbot.git.run import Git
    from tests.support.repos import RepoDir

ISSUE = "---\nid: {id}\nbranch: sixth/{id}\n---\n# {id}\n\n- [ ] By hand\n"


@pytest.fixture
def home(repo: RepoDir) -> Home:
    return make_home(repo)


def tips(repo: RepoDir) -> dict[str, Oid]:
    lines = repo.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/").splitlines()
    return {name: Oid(oid) for name, oid in (line.split() for line in lines)}


def conflicts(home: Home) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = figures(home.places, datetime.now(UTC), issues={}, drafts={})["conflicts"]
    return found


def put(home: Home, branch: str, text: str) -> None:
    """Commit a file on a branch, as the bot would: without a checkout of it that stays."""
    home.repo.git("checkout", "--quiet", "--detach", branch)
    home.repo.git("update-ref", f"refs/heads/{branch}", home.repo.commit("work", {"words.txt": text}))
    home.repo.git("checkout", "--quiet", "main")


def test_each_open_branch_is_compared_with_its_base_and_every_other_while_one_moves(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        home.drop(f"{name}.md", ISSUE.format(id=name))
    home.bot().run()
    put(home, "sixth/one", "1\n")
    put(home, "sixth/two", "2\n")
    services: Services = home.bot().services()
    foresight = Foresight()
    foresight.look(services, tips(home.repo))
    assert conflicts(home) == [
        {"branch": "sixth/one", "with": "sixth/two", "is_base": False, "paths": ["words.txt"], "more": 0}
    ]
    said = sixthbot("status", cwd=home.repo.path)
    assert "sixth/one with sixth/two: words.txt" in said.out
    assert sixthbot("status", "--json", cwd=home.repo.path).json["conflicts"] == conflicts(home)

    asked: list[int] = []
    plain = mergeable._batch

    def counted(git: Git, pairs: Sequence[tuple[Oid, Oid]], attributes: AttributeFiles) -> object:
        asked.append(len(pairs))
        return plain(git, pairs, attributes)

    monkeypatch.setattr(mergeable, "_batch", counted)
    Foresight().look(services, tips(home.repo))
    foresight.look(services, tips(home.repo))
    assert asked == []  # also by the next process

    home.repo.commit("base", {"words.txt": "0\n"})
    foresight.look(services, tips(home.repo))
    assert asked == [2]  # two branches against the base; with each other nothing is new
    assert [(one["branch"], one["with"]) for one in conflicts(home)] == [
        ("sixth/two", "main"), ("sixth/one", "main"), ("sixth/one", "sixth/two"),
    ]  # fmt: skip

    services.store.cursors.save("forecast", {"conflicts": "nonsense", "pairs": 7})
    assert conflicts(home) == []
    home.repo.git("branch", "--quiet", "-D", "sixth/two")
    foresight.look(services, tips(home.repo))
    assert [(one["branch"], one["with"]) for one in conflicts(home)] == [("sixth/one", "main")]
