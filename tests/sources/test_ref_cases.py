"""What people and git do to refs, and the events it must cause: real git, the tracker as the bot uses it, a table."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sixthbot.core.errors import GitFailed
from sixthbot.git.repository import open_repository
from sixthbot.git.run import Git, Result
from sixthbot.sources.refs import OwnMoves, RefsContext, events_between
from sixthbot.sources.snapshot import take_snapshot
from sixthbot.sources.tracker import RefsTracker
from sixthbot.store.open import Store, open_store
from sixthbot.store.paths import locate
from sixthbot.store.setup import initialise
from tests.support.repos import RepoDir, clone, make_repo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sixthbot.core.events import Event
    from sixthbot.git.repository import Repository

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class Eyes:
    """Looks at a repository again and again, as the bot does, and checks each look against one at everything."""

    repo: RepoDir
    store: Store
    seen: Repository
    tracker: RefsTracker = field(init=False)
    problems: tuple[str, ...] = ()
    troubles: dict[str, str] = field(default_factory=dict)
    ahead: int = 0

    def __post_init__(self) -> None:
        self.tracker = RefsTracker(now_ns=lambda: time.time_ns() + self.ahead)

    def calm(self) -> None:
        """Let everything that changed so far have been still for long."""
        self.ahead = 3600 * 10**9
        self.look()
        time.sleep(0.02)  # further than the kernel's clock can be behind

    @classmethod
    def on(cls, repo: RepoDir) -> Eyes:
        places = locate(repo.path)
        initialise(places)
        seen = open_repository(places.top, places.git_dir, durability="process")
        eyes = cls(repo, open_store(places, durability="process"), seen)
        eyes.look()
        return eyes

    def look(self) -> list[Event]:
        """Return what happened since the last look."""
        look = self.tracker.look(self.store, self.seen.git)
        self.problems = look.problems
        events = []
        if look.old is not None and look.moves:
            whole = take_snapshot(self.seen.git, self.seen.git_dir, before=look.old)
            assert dict(look.new.refs) == dict(whole.snapshot.refs)
            assert look.moves == look.old.moves_to(look.new)
            default = self.seen.default_branch()
            context = RefsContext(
                git=self.seen.git, default=default, own=OwnMoves(), own_email="sixthbot@localhost", time=NOW
            )
            events = list(events_between(context, look.old, look.new, look.moves))
            if look.commits:  # what was read on the way tells the same as asking git for all of it
                read = replace(context, commits=look.commits, troubles={})
                assert list(events_between(read, look.old, look.new, look.moves)) == events
            look, self.troubles = look.without(context.troubles), context.troubles
        self.tracker.save(self.store, look)
        return events

    def short(self) -> list[str]:
        """Return the same, each as its kind and the branch or tag that it is about."""
        return [
            f"{event.kind} {event.fields.get('branch') or event.fields.get('tag')}" for event in self.look()
        ]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a few branches, one of them packed, and a tag."""
    top = tmp_path_factory.mktemp("template") / "repo"
    repo = make_repo(top)
    repo.commit("feat: one", {"one.txt": "1\n"})
    repo.git("branch", "packed")
    repo.git("tag", "v0")
    repo.git("pack-refs", "--all")
    repo.git("switch", "--quiet", "-c", "work")
    repo.commit("feat: work", {"work.txt": "1\n"})
    repo.git("switch", "--quiet", "main")
    return top


@pytest.fixture
def eyes(template: Path, tmp_path: Path) -> Eyes:
    shutil.copytree(template, tmp_path / "repo", symlinks=True)
    return Eyes.on(RepoDir(tmp_path / "repo"))


def _linked(repo: RepoDir) -> None:
    repo.git("worktree", "add", "--quiet", "../linked", "work")
    RepoDir(repo.path.parent / "linked").commit("feat: linked", {"linked.txt": "1\n"})


def _merged_linked(repo: RepoDir) -> None:
    repo.git("switch", "--quiet", "--detach")
    repo.git("worktree", "add", "--quiet", "../linked", "main")
    RepoDir(repo.path.parent / "linked").git("merge", "--quiet", "--no-ff", "work")


def _squashed_packed(repo: RepoDir) -> None:
    repo.git("merge", "--quiet", "--squash", "work")
    repo.git("commit", "--quiet", "-m", "feat: squashed")
    repo.git("branch", "-D", "work")
    repo.git("pack-refs", "--all")


def _fetched(repo: RepoDir) -> None:
    other = clone(repo, repo.path.parent / "other")
    other.commit("feat: theirs", {"theirs.txt": "1\n"})
    other.git("branch", "theirs")
    repo.git("remote", "add", "theirs", str(other.path))
    repo.git("fetch", "--quiet", "theirs")


def _orphan(repo: RepoDir) -> None:
    repo.git("switch", "--quiet", "--orphan", "alone")
    repo.commit("feat: alone", {"alone.txt": "1\n"})


def _unrelated(repo: RepoDir) -> None:
    _orphan(repo)
    repo.git("branch", "-f", "main", "alone")


def _stashed(repo: RepoDir) -> None:
    repo.write({"one.txt": "2\n"})
    repo.git("stash", "--quiet")


def _cleaned(repo: RepoDir) -> None:
    repo.write({"junk": "1"})
    repo.git("clean", "-fdxq", "-e", ".sixth")


def _clash(repo: RepoDir) -> None:
    repo.git("branch", "-D", "work")
    repo.git("branch", "work/deeper")


def _symbolic(repo: RepoDir) -> None:
    repo.git("symbolic-ref", "refs/heads/trunk", "refs/heads/main")
    repo.git("symbolic-ref", "refs/heads/nowhere", "refs/heads/absent")
    repo.commit("fix: under two names")


def _recreated(repo: RepoDir) -> None:
    at = repo.tip("work")
    repo.git("branch", "-D", "work")
    repo.git("branch", "work", at)


def _rebased(repo: RepoDir) -> None:
    repo.commit("fix: base", {"base.txt": "1\n"})
    repo.git("rebase", "--quiet", "main", "work")


def _many(repo: RepoDir) -> None:
    lines = "".join(f"create refs/heads/many/{number} HEAD\n" for number in range(250))
    repo.git("update-ref", "--stdin", stdin=lines)


def _grafted(repo: RepoDir) -> None:
    repo.git("replace", "--graft", "main")
    repo.commit("fix: on a graft", {"graft.txt": "1\n"})


def _odd_names(repo: RepoDir) -> None:
    for name in ODD:
        repo.git("update-ref", f"refs/heads/{name}", "HEAD")


def _said(*commands: str) -> Callable[[RepoDir], None]:
    """Return what says these git commands in turn."""

    def say(repo: RepoDir) -> None:
        for command in commands:
            repo.git(*command.split())

    return say


ODD = sorted(
    [
        "zweig-ü",
        "枝/花",
        "🌳",
        "-x",
        "it's",
        "a b"[0] + "$HOME;`id`",
        "deep/" * 40 + "end",
        "x" * 200,
        "{branch}",
    ]
)

CASES: dict[str, tuple[Callable[[RepoDir], object], list[str]]] = {
    "nothing": (_said("status"), []),
    "commit on a packed branch": (lambda repo: repo.commit("fix: x"), ["commit main"]),
    "amend": (_said("commit --quiet --amend -m better"), ["branch.rewritten main"]),
    "reset back": (_said("reset --quiet --hard HEAD~"), ["branch.rewritten main"]),
    "reset forward": (_said("reset --quiet --hard work"), ["commit main", "merge main"]),
    "rebase": (_rebased, ["commit main", "branch.rewritten work"]),
    "force": (_said("branch -f work v0"), ["branch.rewritten work"]),
    "fast-forward": (_said("merge --quiet --ff-only work"), ["commit main", "merge main"]),
    "merge commit": (_said("merge --quiet --no-ff work"), ["commit main", "commit main", "merge main"]),
    "merge and delete": (
        _said("merge --quiet --no-ff work", "branch -d work"),
        ["commit main", "commit main", "merge main", "branch.deleted work"],
    ),
    "squash, delete, pack": (_squashed_packed, ["commit main", "merge main", "branch.deleted work"]),
    "merge in a linked worktree": (_merged_linked, ["commit main", "commit main", "merge main"]),
    "commit in a linked worktree": (_linked, ["commit work"]),
    "pack": (_said("pack-refs --all"), []),
    "pack and commit": (
        lambda repo: (repo.git("pack-refs", "--all"), repo.commit("fix: x"), repo.git("pack-refs", "--all")),
        ["commit main"],
    ),
    "gc": (_said("gc --quiet --prune=now", "reflog expire --expire=now --all", "repack -adq"), []),
    "delete a packed one": (_said("branch -D packed"), ["branch.deleted packed"]),
    "delete a loose one": (_said("branch -D work"), ["branch.deleted work"]),
    "delete and make again": (_recreated, []),
    "make again elsewhere": (
        _said("branch -D packed", "branch packed v0~"),
        ["branch.rewritten packed"],
    ),
    "rename": (_said("branch -m work labour"), ["branch.created labour", "branch.deleted work"]),
    "rename the default": (_said("branch -m main trunk"), ["branch.created trunk", "branch.deleted main"]),
    "folder and file": (_clash, ["branch.created work/deeper", "branch.deleted work"]),
    "orphan": (_orphan, ["branch.created alone", "commit alone"]),
    "no common base": (
        _unrelated,
        ["branch.rewritten main", "branch.created alone", "commit alone"],
    ),
    "detached": (
        lambda repo: (repo.git("switch", "--quiet", "--detach"), repo.commit("fix: nowhere")),
        [],
    ),
    "symbolic": (_symbolic, ["commit main"]),
    "stash": (
        _stashed,
        [],
    ),
    "notes": (_said("notes add -m seen"), []),
    "bisect": (_said("bisect start", "bisect bad", "bisect good HEAD~"), []),
    "fetch": (_fetched, []),
    "clean": (_cleaned, []),
    "tags": (
        _said("tag light", "tag -a -m heavy heavy", "tag -f v0 work", "tag gone", "tag -d gone"),
        ["tag.created heavy", "tag.created light", "tag.created v0"],
    ),
    "tag deleted": (_said("tag -d v0"), []),
    "250 branches": (_many, [f"branch.created many/{number}" for number in sorted(map(str, range(250)))]),
    "replaced": (_grafted, ["commit main"]),
    "odd names": (_odd_names, [f"branch.created {name}" for name in ODD]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_events_of(case: str, eyes: Eyes) -> None:
    act, expected = CASES[case]
    eyes.calm()
    act(eyes.repo)
    assert eyes.short() == expected
    assert not eyes.tracker.may_have_moved(eyes.store)
    assert eyes.short() == []


@pytest.mark.parametrize("case", ["amend", "pack and commit", "tags", "folder and file"])
def test_the_events_of_what_happens_while_the_clock_stands_still(case: str, eyes: Eyes) -> None:
    act, expected = CASES[case]
    act(eyes.repo)
    assert eyes.short() == expected
    assert eyes.tracker.may_have_moved(eyes.store)
    assert eyes.short() == []


def test_a_rebase_of_a_thousand_commits_is_one_event(eyes: Eyes) -> None:
    lines = ["commit refs/heads/long", "committer A <a@b> 1 +0000", "data 1", "x", f"from {eyes.repo.head()}"]
    for number in range(999):
        lines += ["commit refs/heads/long", f"committer A <a@b> {number} +0000", "data 1", "x"]
    eyes.repo.git("fast-import", "--quiet", stdin="\n".join(lines) + "\n")
    events = eyes.look()
    assert [event.kind for event in events] == ["branch.created", *["commit"] * 1000]
    lines[4] = f"from {eyes.repo.tip('work')}"
    eyes.repo.git("fast-import", "--quiet", "--force", stdin="\n".join(lines) + "\n")
    assert eyes.short() == ["branch.rewritten long"]


def test_what_happened_meanwhile_on_several_branches_is_told_in_order_of_time(eyes: Eyes) -> None:
    for number, branch in enumerate(["work", "main", "work", "main"]):
        eyes.repo.git("switch", "--quiet", branch)
        eyes.repo.commit(f"fix: {number}", date=2_000_000_000 + number)
    assert [event.fields["subject"] for event in eyes.look()] == ["fix: 0", "fix: 1", "fix: 2", "fix: 3"]


def test_a_renamed_default_branch_goes_on_taking_merges(eyes: Eyes) -> None:
    eyes.repo.git("branch", "-m", "main", "trunk")
    eyes.look()
    eyes.repo.git("merge", "--quiet", "--no-ff", "work")
    assert eyes.short()[-1] == "merge trunk"


def test_without_a_default_branch_nothing_is_a_merge(eyes: Eyes) -> None:
    eyes.repo.git("branch", "-m", "main", "one")
    eyes.repo.git("switch", "--quiet", "--detach")
    eyes.look()
    assert eyes.seen.default_branch() is None
    eyes.repo.git("merge", "--quiet", "--no-ff", "work")
    eyes.repo.git("branch", "-f", "one", "HEAD")
    assert eyes.short() == ["commit one", "commit one"]


def test_a_branch_at_a_commit_that_is_not_here_is_told_of_and_the_others_go_on(eyes: Eyes) -> None:
    absent = "deadbeef" * 5
    for name in ("work", "new"):
        (eyes.repo.path / ".git/refs/heads" / name).write_text(absent + "\n")
    eyes.repo.commit("fix: meanwhile")
    assert eyes.short() == ["commit main"]
    assert sorted(line.split()[0] for line in eyes.problems) == ["refs/heads/new", "refs/heads/work"]
    eyes.repo.git("update-ref", "refs/heads/new", "main")
    eyes.repo.git("update-ref", "-d", "refs/heads/work")
    assert eyes.short() == ["branch.created new", "branch.deleted work"]


def test_history_with_a_hole_is_told_of_and_the_others_go_on(eyes: Eyes) -> None:
    eyes.repo.git("switch", "--quiet", "work")
    hole = eyes.repo.commit("fix: lost")
    eyes.repo.commit("fix: above it")
    (eyes.repo.path / ".git/objects" / hole[:2] / hole[2:]).unlink()
    eyes.repo.git("update-ref", "refs/heads/main", "packed")
    eyes.repo.git("update-ref", "refs/heads/other", "packed")
    assert eyes.short() == ["branch.created other"]
    assert list(eyes.troubles) == ["refs/heads/work"]


def test_a_broken_packed_refs_is_an_error_and_all_is_found_once_it_is_mended(eyes: Eyes) -> None:
    packed = eyes.repo.path / ".git/packed-refs"
    good = packed.read_bytes()
    packed.write_bytes(good + b"what is this\n")
    with pytest.raises(GitFailed, match="packed-refs"):
        eyes.look()
    packed.write_bytes(good)
    eyes.repo.commit("fix: after")
    assert eyes.short() == ["commit main"]


def test_a_shallow_clone_that_is_deepened(eyes: Eyes, tmp_path: Path) -> None:
    shallow = clone(eyes.repo, tmp_path / "shallow", "--depth=1", "--no-local")
    own = Eyes.on(shallow)
    shallow.write({"top.txt": "1\n"})
    shallow.git("add", "top.txt")
    shallow.git("commit", "--quiet", "-m", "fix: on top")
    (event,) = own.look()
    assert event.fields["paths"] == ("top.txt",)
    shallow.git("fetch", "--quiet", "--unshallow")
    assert own.short() == []


def test_a_process_that_saved_meanwhile_takes_nothing_from_this_one(eyes: Eyes) -> None:
    other = Eyes(eyes.repo, open_store(eyes.store.places, durability="process"), eyes.seen)
    eyes.calm()
    other.calm()
    for number in range(3):
        eyes.repo.commit(f"fix: {number}")
        eyes.repo.git("branch", f"b{number}")
        looking, late = (eyes, other) if number % 2 else (other, eyes)
        assert looking.short() == ["commit main", f"branch.created b{number}", f"commit b{number}"]
        assert late.short() == []


@pytest.mark.parametrize("files", [{"one.txt": "1\n2\n", "sub/two.txt": "2\n"}, {}], ids=["files", "empty"])
def test_a_plain_commit_costs_one_git_call(
    eyes: Eyes, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]
) -> None:
    eyes.calm()
    new = eyes.repo.commit("feat: more\n\nthe body", files)
    calls: list[str] = []
    real = Git.run

    def counted(git: Git, *args: str, **options: Any) -> Result:
        calls.append(args[0])
        return real(git, *args, **options)

    monkeypatch.setattr(Git, "run", counted)
    look = eyes.tracker.look(eyes.store, eyes.seen.git)
    context = RefsContext(
        git=eyes.seen.git,
        default=None,
        own=OwnMoves(),
        own_email="b@localhost",
        time=NOW,
        commits=look.commits,
    )
    assert look.old is not None
    (event,) = events_between(context, look.old, look.new, look.moves)
    assert calls == ["diff-tree"]
    assert event.fields["id"] == new
    assert set(files) <= set(event.fields["paths"])
    assert event.fields["subject"] == "feat: more"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"0" * 40 + b"\n", b"ref: refs/heads/packed\n", b"g" * 40 + b"\n", b"\xff" * 41, b"a" * 200,
        b"1234567890" * 4 + b"\n",
    ],
    ids=["torn", "null", "symbolic", "no hex", "no text", "long", "no such object"],
)  # fmt: skip
def test_a_ref_file_with_anything_but_a_commit_moves_nothing(eyes: Eyes, content: bytes) -> None:
    eyes.calm()
    file = eyes.repo.path / ".git/refs/heads/work"
    was = file.read_bytes()
    beside = file.with_name("work.lock")
    beside.write_bytes(content)
    beside.rename(file)
    assert eyes.short() == (["branch.deleted work"] if content.startswith(b"ref:") else [])
    beside.write_bytes(was)
    beside.rename(file)
    assert eyes.short() == (["branch.created work", "commit work"] if content.startswith(b"ref:") else [])
