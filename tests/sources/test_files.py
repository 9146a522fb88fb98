"""Files as a source: what changed is told once and whole, by git's comparison, whatever git itself did meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from sixthbot.sources import files as module
from sixthbot.sources.files import Files, watchable
from sixthbot.sources.wake import Reason, Woken
from tests.bot.home import CONFIG, Home, Watching, make_home, until

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.core.events import Event
    from tests.support.repos import RepoDir

RULE = """\
[[rule]]
name = "seen"
on = "file.changed"
when = { paths = ["src/**", "docs/*.md"] }
do = [{ use = "notify", text = "x" }]
"""
FILES = {f"src/{name}.py": f"{name}\n" for name in "abc"}


class Watched:
    """A source of files that looks when told, at a tree with two folders that a rule names."""

    def __init__(self, home: Home) -> None:
        self.home, self.repo = home, home.repo
        home.configure(CONFIG, RULE)
        self.repo.commit(
            "feat: sources", {**FILES, "docs/x.md": "x\n", ".gitignore": "*.log\n", "other.txt": "1\n"}
        )
        self.events: list[Event] = []
        self.restart()

    def restart(self) -> None:
        self.files = Files(lambda _, events: self.events.extend(events))

    def look(self) -> float | None:
        self.files._earliest = 0.0
        services = self.home.bot().services()
        rules, now = services.rules.rules, services.clock()
        return self.files.look(services.store, services.repo, rules, now, Woken(frozenset({Reason.FILES})))

    def told(self) -> list[tuple[str, ...]]:
        """Look until it is at rest; return the paths of each new event."""
        self.events.clear()
        self.look()
        while not self.files.at_rest:
            self.look()
        return [tuple(event.fields["paths"]) for event in self.events]


@pytest.fixture
def tree(repo: RepoDir) -> Watched:
    watched = Watched(make_home(repo))
    assert watched.told() == []  # what is there is the baseline
    return watched


def test_a_write_a_new_file_and_a_removed_one_are_one_event(tree: Watched) -> None:
    tree.repo.write({"src/a.py": "other\n", "src/new/d.py": "d\n", "src/b.py": None, "other.txt": "2\n"})
    assert tree.told() == [("src/a.py", "src/b.py", "src/new/d.py")]
    assert tree.told() == []
    assert tree.events == []


def test_ignored_files_and_the_bots_own_are_not_seen(tree: Watched) -> None:
    tree.repo.write({"src/x.log": "x\n", "src/__pycache__/a.log": "x\n", ".sixth/rules/new.toml": ""})
    assert tree.told() == []


def test_a_file_that_is_touched_or_written_with_the_same_bytes_has_not_changed(tree: Watched) -> None:
    (tree.repo.path / "src/a.py").touch()
    tree.repo.write({"src/b.py": FILES["src/b.py"]})
    assert tree.told() == []


def test_committing_staging_and_moving_head_change_no_file(tree: Watched) -> None:
    tree.repo.write({"src/a.py": "other\n", "src/d.py": "d\n"})
    assert tree.told() == [("src/a.py", "src/d.py")]
    tree.repo.git("add", "--all")
    assert tree.told() == []
    tree.repo.commit("feat: more")
    assert tree.told() == []
    tree.repo.git("reset", "--quiet", "--soft", "HEAD~1")
    assert tree.told() == []
    tree.repo.git("reset", "--quiet", "--mixed")
    assert tree.told() == []


def test_a_switch_of_branches_is_one_event_with_a_capped_list_and_the_whole_count(tree: Watched) -> None:
    many = {f"src/many/{number}.py": f"{number}\n" for number in range(1100)}
    tree.repo.git("switch", "--quiet", "--create", "big")
    tree.repo.commit("feat: many", {**many, "docs/y.md": "y\n"})
    tree.repo.git("switch", "--quiet", "main")
    tree.told()
    tree.repo.git("switch", "--quiet", "big")
    (paths,) = tree.told()
    (event,) = tree.events
    assert (len(paths), event.fields["files"]) == (1000, 1101)
    assert "docs/y.md" in paths
    tree.repo.git("switch", "--quiet", "main")
    assert len(tree.told()) == 1
    assert tree.events[0].fields["files"] == 1101


def test_there_and_back_are_two_events_and_the_same_look_again_is_the_same_one(
    tree: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    for text in ("1\n", "a\n", "1\n"):
        tree.repo.write({"src/a.py": text})
        assert tree.told() == [("src/a.py",)]
        keys.append(tree.events[0].key)
    assert len(set(keys)) == 3
    tree.repo.write({"src/a.py": "2\n"})
    with monkeypatch.context() as patch:
        patch.setattr("sixthbot.sources.files._Look.save", lambda *_, **__: None)  # it died before that
        tree.told()
    key = tree.events[0].key
    tree.restart()
    tree.told()
    assert [event.key for event in tree.events] == [key]


def test_what_changed_while_the_bot_was_off_is_found(tree: Watched) -> None:
    tree.repo.write({"src/a.py": "other\n"})
    tree.repo.commit("feat: while it was off", {"docs/x.md": "y\n"})
    tree.restart()
    assert tree.told() == [("docs/x.md", "src/a.py")]


def test_a_folder_that_a_rule_names_from_now_on_begins_as_it_is_and_the_others_lose_nothing(
    tree: Watched,
) -> None:
    tree.repo.write({"src/a.py": "other\n", "lib/l.py": "l\n"})
    tree.home.configure(CONFIG, RULE.replace('"src/**"', '"src/**", "lib/**"'))
    assert tree.told() == [("src/a.py",)]
    tree.repo.write({"lib/l.py": "2\n"})
    assert tree.told() == [("lib/l.py",)]


def test_odd_names_links_and_large_files(tree: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGEST_HASHED", 10)
    odd = "src/new\nline \udcff*.py"
    (tree.repo.path / odd).write_text("x\n")
    (tree.repo.path / "src/link").symlink_to("/etc/passwd")
    (tree.repo.path / "src/large").write_text("x" * 100)
    assert tree.told() == [("src/large", "src/link", odd)]
    tree.repo.git("add", "--all")
    tree.repo.git("commit", "--quiet", "-m", "feat: odd")
    assert tree.told() == []
    (tree.repo.path / odd).unlink()
    assert tree.told() == [(odd,)]


def test_while_git_writes_the_work_tree_nobody_looks(tree: Watched) -> None:
    lock = tree.home.places.git_dir / "index.lock"
    lock.touch()
    tree.repo.write({"src/a.py": "other\n"})
    assert tree.look() == module.SETTLED_AFTER
    assert tree.files.at_rest
    lock.unlink()
    assert tree.told() == [("src/a.py",)]


def test_a_tree_that_never_rests_is_told_of_all_the_same(
    tree: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    tree.repo.write({"src/a.py": "1\n"})
    tree.look()
    time.sleep(0.01)
    tree.repo.write({"src/a.py": "22\n"})
    tree.look()
    assert len(tree.events) == 1


def test_small_folders_are_watched_and_large_ones_looked_at(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"large/{number}").mkdir(parents=True)
    (tmp_path / "small/a").mkdir(parents=True)
    (tmp_path / "link").symlink_to("/etc")
    assert [place.path.name for place in watchable(tmp_path, ("small",))] == ["small"]
    for folders in (("large", "small"), ("",), ("link",), ("absent", "small")):
        assert watchable(tmp_path, folders) == ()


def test_a_watch_sees_a_change_at_once_and_one_run_sees_it_too(tree: Watched) -> None:
    home = tree.home
    with Watching(home.bot()):
        until(lambda: home.store.cursors.load("files"))
        time.sleep(1)
        tree.repo.write({"src/a.py": "watched\n"})
        until(lambda: len(home.tasks("done")) == 1)
    tree.repo.write({"docs/x.md": "run\n"})
    home.bot().run()
    assert [task.event.fields["paths"] for task in home.tasks("done")] == [("src/a.py",), ("docs/x.md",)]
