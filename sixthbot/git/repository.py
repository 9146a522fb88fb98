"""One repository as the bot sees it: opened and checked once, then asked about; its work tree is never written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.errors import InvalidName, NoRepository, Refused
from sixthbot.core.names import BranchName, clean_line
from sixthbot.git.refs import head_ref
from sixthbot.git.remotes import remotes
from sixthbot.git.run import Git, execute

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sixthbot.git.surroundings import Durability


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with a work tree. `top` is the main worktree's folder, `git_dir` the one all worktrees share."""

    top: Path
    git_dir: Path
    git: Git

    def shallow(self) -> bool:
        """Whether its history is cut off."""
        return (self.git_dir / "shallow").exists()

    def exec_settings(self) -> bytes:
        """Return the repository's own settings that name programs, in one fixed form; empty when there are none."""
        return self.git.executable_settings()

    def trust_settings(self, settings: bytes) -> None:
        """Let those programs run while `exec_settings` is these bytes: they were trusted by the user."""
        self.git.trust_settings(settings)

    def tracked_under(self, prefix: str) -> list[str]:
        """Return the tracked paths that are `prefix` or below it, as the main worktree's index has them."""
        done = self.git.run("ls-files", "-z", "--", prefix, check=False)
        return done.text.split("\0")[:-1]

    def hooks_setting(self) -> tuple[str, str]:
        """Return what the user told git about where hooks are (`core.hooksPath`): its scope, such as `local`, and the path.

        Both are empty when they told it nothing. A relative path counts from the top of the work tree.
        """
        done = self.git.run(
            "config", "--show-scope", "-z", "--type=path", "--get-all", "core.hooksPath", check=False
        )
        fields = done.text.split("\0")
        # the bot's own calls switch hooks off: that is the scope "command"
        own = [one for one in zip(fields[0::2], fields[1::2], strict=False) if one[0] != "command" and one[1]]
        return own[-1] if own else ("", "")

    def shows(self, paths: Sequence[str]) -> list[str]:
        """Return those of some paths below `top` that git tracks, or would show as new files."""
        place = {"GIT_WORK_TREE": str(self.top)}
        named = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths)
        return self.git.run(*named, env=place, check=False).text.split("\0")[:-1]

    def would_show(self, paths: Sequence[str]) -> bool:
        """Tell whether any of some paths below `top` is not ignored, whether it is there or not."""
        done = self.git.run(
            *("check-ignore", "-z", "--no-index", "--stdin"),
            stdin="\0".join(f"./{path}" for path in paths).encode("utf-8", "surrogateescape"),
            # the command knows no literal paths; `./` keeps one from being read as anything else
            env={"GIT_WORK_TREE": str(self.top), "GIT_LITERAL_PATHSPECS": "0"},
            check=False,
        )
        return len(done.text.split("\0")[:-1]) < len(paths)

    def head_branch(self) -> BranchName | None:
        """Return the branch that the main worktree has checked out, None when its HEAD is detached."""
        return _branch(head_ref(self.git) or "")

    def default_branch(self) -> BranchName | None:
        """Return the branch that others come back to, None in a repository without branches.

        The first that exists of: what the upstream remote (else `origin`, else the only one) calls its HEAD,
        `init.defaultBranch`, `main`, `master`, the branch that is checked out.
        """
        head = self.head_branch()
        wanted = (
            *self._remote_heads(head),
            self._configured_default(),
            "main",
            "master",
            head.value if head else "",
        )
        refs = [f"refs/heads/{name}" for name in wanted if name]
        done = self.git.run("for-each-ref", "--format=%(refname)", *refs) if refs else None
        existing = set(done.lines) if done else set()
        return next((_branch(ref) for ref in refs if ref in existing), None)

    def _remote_heads(self, head: BranchName | None) -> list[str]:
        done = self.git.run("for-each-ref", "--format=%(refname)%00%(symref)", "refs/remotes/*/HEAD")
        heads = {}
        for line in done.lines:
            ref, _, target = line.partition("\0")
            remote = ref.removeprefix("refs/remotes/").removesuffix("/HEAD")
            heads[remote] = target.removeprefix(f"refs/remotes/{remote}/")
        if not heads:
            return []
        order = [self._upstream_remote(head), "origin"]
        known = remotes(self.git)
        if len(known) == 1:
            order += known
        return [heads[remote] for remote in order if heads.get(remote)]

    def _upstream_remote(self, head: BranchName | None) -> str:
        if head is None:
            return ""
        return self.git.run("for-each-ref", "--format=%(upstream:remotename)", head.ref).text.strip()

    def _configured_default(self) -> str:
        done = self.git.run("config", "--get", "init.defaultBranch", check=False)
        name = done.text.strip()
        branch = _branch(f"refs/heads/{name}") if name else None
        return branch.value if branch else ""


def _branch(ref: str) -> BranchName | None:
    name = BranchName.of_ref(ref)
    try:
        return BranchName.parse(name.value) if name is not None else None
    except InvalidName:
        return None


def open_repository(top: Path, git_dir: Path, *, durability: Durability = "power") -> Repository:
    """Open the repository whose main work tree is `top`.

    Raise NoRepository when git sees none there or a bare one, Refused for one that belongs to somebody else or
    stores its refs in a way this does not know, UsageError when git is missing or too old.
    """
    if (git_dir / "reftable").is_dir():
        raise _no_reftable()
    # without GIT_DIR, so that git itself looks whose repository it is
    seen = execute(["rev-parse", "--is-bare-repository", "--is-inside-work-tree"], cwd=top, env={})
    if seen.status:
        if b"refstorage" in seen.stderr.lower():  # a git that is too old to know it
            raise _no_reftable()
        if "dubious ownership" in seen.stderr.decode("utf-8", "replace"):
            raise Refused(
                f"{clean_line(str(top))} belongs to another user, so git does not use it",
                hint=f"if you trust it: git config --global --add safe.directory {clean_line(str(top))}",
            )
        raise NoRepository(f"git cannot use {clean_line(str(top))}: {seen.complaint}")
    if seen.text.split() != ["false", "true"]:
        raise NoRepository(
            f"{clean_line(str(top))} is a bare repository", hint="sixthbot needs one with a work tree"
        )
    return Repository(top=top, git_dir=git_dir, git=Git(git_dir, durability=durability))


def _no_reftable() -> Refused:
    return Refused(
        "this repository keeps its refs as a reftable, which sixthbot does not read yet",
        hint="git refs migrate --ref-format=files (git 2.46 or newer)",
    )
