"""History for changelogs: one `git log` with nothing in it but ids, times and messages, and the tags; never a diff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.releases import HistoryCommit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git

_TIMEOUT = 900
"""Seconds; the history of a large project is read in one go."""


def history(git: Git, *, tip: Oid, not_in: Sequence[Oid] = ()) -> list[HistoryCommit]:
    """Return the commits reachable from `tip` and from none of `not_in`, newest first, children before parents."""
    done = git.run(
        "log", "--topo-order", "--no-show-signature", "--no-notes", "--no-mailmap", "--encoding=UTF-8", "-z",
        "--format=tformat:%H%x00%P%x00%ct%x00%B", "--stdin",
        stdin="".join(f"{one}\n" for one in (tip, *(f"^{other}" for other in not_in))).encode(),
        timeout=_TIMEOUT,
    )  # fmt: skip
    fields = iter(done.stdout.decode("utf-8", "surrogateescape").split("\0"))
    # the text after the last NUL is empty and ends the four-fold iteration
    return [
        # of a commit whose committer line is damaged git tells no time
        HistoryCommit(commit, parents.split(), int(epoch or 0), body)
        for commit, parents, epoch, body in zip(fields, fields, fields, fields, strict=False)
    ]


def touching(git: Git, *, tip: Oid, not_in: Sequence[Oid] = (), paths: Sequence[str]) -> frozenset[str]:
    """Return the ids of the commits, merges left out, that change something in one of some files or folders."""
    done = git.run(
        "rev-list", "--no-merges", "--full-history", str(tip), *(f"^{other}" for other in not_in),
        "--", *paths, env={"GIT_LITERAL_PATHSPECS": "1"}, timeout=_TIMEOUT,
    )  # fmt: skip
    return frozenset(done.text.split())


def was_there(git: Git, *, tip: Oid, path: str) -> bool:
    """Tell whether any commit ever changed something in a file or folder."""
    done = git.run(
        "rev-list",
        "--max-count=1",
        str(tip),
        "--",
        path,
        env={"GIT_LITERAL_PATHSPECS": "1"},
        timeout=_TIMEOUT,
    )
    return bool(done.stdout)


def told_by(git: Git, *, tip: Oid, file: str) -> frozenset[str]:
    """Return the commits whose story a changelog file does not owe: those that changed it, and all before it was begun."""
    done = git.run(
        "rev-list", "--topo-order", "--full-history", str(tip), "--", file,
        env={"GIT_LITERAL_PATHSPECS": "1"}, timeout=_TIMEOUT,
    )  # fmt: skip
    changed = done.text.split()
    if not changed:
        return frozenset()
    before = git.run("rev-list", changed[-1], timeout=_TIMEOUT).text.split()
    return frozenset((*changed, *before))


def tags(git: Git) -> dict[str, str]:
    """Return the commit that each tag leads to, by the tag's name; tags of anything else are left out."""
    done = git.run(
        "for-each-ref",
        "--format=%(refname:lstrip=2)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)",
        "refs/tags/",
    )
    found = {}
    for line in done.lines:
        name, kind, commit, inner, peeled = line.split("\0")
        if "commit" in {kind, inner}:
            found[name] = peeled or commit
    return found


def contains(git: Git, *, tip: Oid, ancestor: Oid) -> bool:
    """Tell whether `ancestor` is there and reachable from `tip`."""
    return git.run("merge-base", "--is-ancestor", str(ancestor), str(tip), check=False).status == 0
