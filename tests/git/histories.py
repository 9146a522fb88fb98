"""Random histories of two sides, made with few processes, and the same rebase by git itself to compare with.

`python -m tests.git.histories COUNT [SEED]` compares that many and prints what they were.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sixthbot.git.commits import write_commit
from sixthbot.git.fastimport import NewCommit, PathChange, import_commits
from sixthbot.git.rebase import Conflict, Rebased, rebase_in_memory
from sixthbot.git.trees import tree_of
from tests.git.helpers import BOT, git_of, oid
from tests.support.repos import RepoDir, make_repo

if TYPE_CHECKING:
    from collections.abc import Callable

    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git

Files: TypeAlias = dict[str, tuple[str, bytes]]
"""The files of a commit: mode and content by path."""

_TOP = ("a", "b", "d/c", "d/e", "d/f/g", "s/one", "s/two", "m/one", "m/two", "m/deep/three")
_IN_THE_WAY = re.compile(r"~(HEAD|[0-9a-f]+ \(.*\))$", re.DOTALL)
"""What git puts behind the name of a file that is in the way of a folder."""
_FOLDERS = ("d", "d/f", "s", "m", "m/deep", "x")
_NEW = ("n", "d/n", "d/f/n", "s/n", "m/n", "x/n", "m/deep/n")


def _text(rng: random.Random, name: str) -> bytes:
    return "".join(f"{name} {number} {rng.choice('wxyz')}\n" for number in range(8)).encode()


def _write(rng: random.Random, files: Files) -> None:
    path = rng.choice((*files, *_NEW)) if files else "n"
    _put(files, path, "100644", _text(rng, path))


def _line(rng: random.Random, files: Files) -> None:
    path = rng.choice(sorted(files))
    mode, data = files[path]
    lines = data.splitlines(keepends=True) or [b"\n"]
    lines[rng.randrange(len(lines))] = rng.choice((b"p\n", b"q\n", b"r\n"))
    if mode != "120000":
        files[path] = mode, b"".join(lines)


def _delete(rng: random.Random, files: Files) -> None:
    del files[rng.choice(sorted(files))]


def _move(rng: random.Random, files: Files) -> None:
    path = rng.choice(sorted(files))
    mode, data = files.pop(path)
    _put(files, rng.choice(_NEW), mode, data)


def _move_folder(rng: random.Random, files: Files) -> None:
    old, new = rng.sample(_FOLDERS, 2)
    moving = {path: files.pop(path) for path in list(files) if path.startswith(f"{old}/")}
    for path, (mode, data) in moving.items():
        _put(files, f"{new}/{path.removeprefix(f'{old}/')}", mode, data)


def _swap(rng: random.Random, files: Files) -> None:
    """Let a file become a folder, or a folder a file."""
    place = rng.choice((*sorted(files), *_FOLDERS))
    if place in files:
        mode, data = files.pop(place)
        _put(files, f"{place}/inner", mode, data)
    else:
        _put(files, place, "100644", _text(rng, place))


def _chmod(rng: random.Random, files: Files) -> None:
    path = rng.choice(sorted(files))
    mode, data = files[path]
    files[path] = {"100644": "100755", "100755": "100644"}.get(mode, mode), data


def _link(rng: random.Random, files: Files) -> None:
    _put(files, rng.choice(sorted(files)), "120000", b"a" if rng.random() < 0.5 else b"../out")


def _nothing(rng: random.Random, files: Files) -> None:
    """Make an empty commit."""


_EDITS: tuple[tuple[Callable[[random.Random, Files], None], int], ...] = (
    (_write, 5), (_line, 6), (_delete, 2), (_move, 3), (_move_folder, 2), (_swap, 2), (_chmod, 1), (_link, 1), (_nothing, 1),
)  # fmt: skip


def _put(files: Files, path: str, mode: str, data: bytes) -> None:
    """Put a file, taking away what cannot stand beside it."""
    for other in [one for one in files if one.startswith(f"{path}/") or path.startswith(f"{one}/")]:
        del files[other]
    files[path] = mode, data


def _changes(old: Files, new: Files) -> tuple[PathChange, ...]:
    gone = [PathChange(path, None) for path in old if path not in new]
    return (
        *gone,
        *(PathChange(path, data, mode) for path, (mode, data) in new.items() if old.get(path) != new[path]),
    )


def _play(rng: random.Random, files: Files, name: str, count: int, only: str = "") -> list[NewCommit]:
    """Make `count` commits by random edits of `files`, which are the last ones then; `only` keeps them to one folder."""
    made = []
    for number in range(count):
        before = dict(files)
        for _ in range(rng.randint(1, 2)):
            edit = rng.choices([one for one, _ in _EDITS], [weight for _, weight in _EDITS])[0]
            part = {path: files[path] for path in files if path.startswith(only)}
            if not part:
                _write(rng, files)
                continue
            kept = {path: files[path] for path in files if not path.startswith(only)}
            edit(rng, part)
            files.clear()
            files.update(kept)
            for path, (mode, data) in part.items():
                _put(files, path, mode, data)
        made.append(_commit(f"{name} {number}\n", _changes(before, files)))
    return made


def _commit(message: str, changes: tuple[PathChange, ...]) -> NewCommit:
    return NewCommit(message=message, author=BOT, committer=BOT, changes=changes)


def make_sides(repo: RepoDir, rng: random.Random) -> None:
    """Give `repo` the branches `side` and `main`, with random histories from one start."""
    git = git_of(repo)
    files: Files = {path: ("100644", _text(rng, path)) for path in _TOP}
    start = import_commits(git, onto=oid(repo.head()), commits=[_commit("start\n", _changes({}, files))])[0]
    apart = rng.random() < 0.5
    side_files, main_files = dict(files), dict(files)
    side = _play(rng, side_files, "side", rng.randint(1, 4), "s/" if apart else "")
    side_tip = import_commits(git, onto=start, commits=side)[-1]
    if rng.random() < 0.2:
        side_tip = _with_merge(git, rng, start, side_tip, side_files)
    main = _play(rng, main_files, "main", rng.randint(1, 3), rng.choice(("m/", "d/")) if apart else "")
    if rng.random() < 0.3:
        main += _picked(rng, main_files, rng.choice(side))
    repo.git("update-ref", "refs/heads/side", side_tip)
    repo.git("update-ref", "refs/heads/main", import_commits(git, onto=start, commits=main)[-1])


def _picked(rng: random.Random, files: Files, commit: NewCommit) -> list[NewCommit]:
    """Make a commit like one of the other side, and sometimes one that takes it back."""
    before = dict(files)
    for change in commit.changes:
        if isinstance(change.content, bytes):
            _put(files, change.path, change.mode, change.content)
        else:
            files.pop(change.path, None)
    made = [_commit("picked\n", _changes(before, files))]
    if rng.random() < 0.5:
        made.append(_commit("taken back\n", _changes(files, before)))
    return made


def _with_merge(git: Git, rng: random.Random, start: Oid, tip: Oid, files: Files) -> Oid:
    """Merge a third line of commits into the side, and go on from there."""
    third = import_commits(git, onto=start, commits=[_commit("third\n", (PathChange("third", b"1\n"),))])[0]
    _put(files, "third", "100644", b"1\n")
    whole = import_commits(git, onto=tip, commits=[_commit("x\n", (PathChange("third", b"1\n"),))])[0]
    merge = write_commit(
        git, tree=tree_of(git, whole), parents=[tip, third], message="merge\n", author=BOT, committer=BOT
    )
    return import_commits(git, onto=merge, commits=_play(rng, files, "after", 1))[-1]


def compare(repo: RepoDir) -> str:
    """Rebase `side` onto `main` both ways; return how ours went, or raise AssertionError where git's differs."""
    main = oid(repo.tip("main"))
    done = rebase_in_memory(
        git_of(repo), branch_tip=oid(repo.tip("side")), upstream_base=main, onto=main, committer=BOT
    )
    repo.git("checkout", "-q", "-f", "side")
    real = repo.try_git("rebase", "--quiet", "main")
    if isinstance(done, Conflict):
        assert real.returncode == 1, f"ours conflicts, git's does not: {done.message}"
        assert done.commit.id == repo.tip("REBASE_HEAD")
        unmerged = repo.git("ls-files", "-u", "-z").split("\0")
        named = {_IN_THE_WAY.sub("", line.partition("\t")[2]) for line in unmerged if line}
        assert {file.path for file in done.files} >= named, (done.files, named)
        repo.git("rebase", "--abort")
        return "conflict"
    assert real.returncode == 0, f"git's conflicts, ours does not: {real.stderr} {real.stdout}"
    tip = done.new_tip if isinstance(done, Rebased) else repo.tip("side")
    assert trees(repo, f"main..{tip}") == trees(repo, "main..side")
    return "merged" if isinstance(done, Rebased) and done.merged else "disjoint"


def trees(repo: RepoDir, revisions: str) -> list[tuple[str, str]]:
    """Return tree and subject of each commit, oldest first."""
    listing = repo.git("log", "--reverse", "--topo-order", "--format=%T %s", revisions)
    return [(tree, subject) for tree, _, subject in (line.partition(" ") for line in listing.splitlines())]


def main() -> None:
    """Compare as many random histories as asked for; stop at the first difference, naming its seed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    options = parser.parse_args()
    seen: Counter[str] = Counter()
    for seed in range(options.seed, options.seed + options.count):
        with tempfile.TemporaryDirectory() as folder:
            repo = make_repo(Path(folder) / "repo")
            make_sides(repo, random.Random(seed))  # noqa: S311 - histories, not secrets
            try:
                seen[compare(repo)] += 1
            except AssertionError as error:
                raise SystemExit(f"seed {seed}: {error}") from error
    print(f"{options.count} histories, all as git rebase has them: {dict(seen)}")


if __name__ == "__main__":
    main()
