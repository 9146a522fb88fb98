"""Approvals: a person's word for exact drafts, kept on this machine outside the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.core.drafts import Approval
from sixthbot.core.secrets import is_secret_digest
from sixthbot.store.atomic import Durability, point, remove
from sixthbot.store.jsonfile import load_json, save_json

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sixthbot.core.names import BranchName

_RECORD = point("approval.record")
_VOID = point("approval.void")
_ALLOW = point("secret.allow")
_ALLOWED = ".allowed-secrets.json"  # no branch is called that


class Approvals:
    """One file for each branch, readable by nobody else."""

    def __init__(self, folder: Path, durability: Durability) -> None:
        self._folder = folder
        self._durability: Durability = durability

    def get(self, branch: BranchName) -> Approval | None:
        """Return the approval on record; whether it still fits is for `core.drafts.approved` to say."""
        data = load_json(self._path(branch))
        if data is None:
            return None
        digest, when, despite = (data.get(key) for key in ("digest", "approved", "despite_checks"))
        if isinstance(digest, str) and isinstance(when, str) and isinstance(despite, bool):
            content = str(data.get("content", ""))
            return Approval(digest=digest, approved=when, despite_checks=despite, content=content)
        return None

    def record(self, branch: BranchName, approval: Approval) -> None:
        """Record an approval over the last one."""
        data = {
            "schema": 1, "branch": branch.value, "digest": approval.digest, "approved": approval.approved,
            "despite_checks": approval.despite_checks, "content": approval.content,
        }  # fmt: skip
        path = self._path(branch)
        save_json(path, data, point=_RECORD, durability=self._durability, mode=0o600)

    def void(self, branch: BranchName) -> None:
        """Take the approval of a branch back, if there is one."""
        remove(self._path(branch), point=_VOID)

    def allowed_secrets(self) -> frozenset[str]:
        """Return the digests of what a person said is no secret; they are for all branches."""
        return frozenset(name for name in self._allowed() if is_secret_digest(name))

    def allow_secrets(self, digests: Collection[str], *, branch: BranchName, when: str) -> None:
        """Record that a person said of these, seen on a branch, that they are no secrets."""
        known = self._allowed()
        new = {digest: {"branch": branch.value, "allowed": when} for digest in digests if digest not in known}
        if new:
            whole = {"schema": 1, "secrets": known | new}
            path = self._folder / _ALLOWED
            save_json(path, whole, point=_ALLOW, durability=self._durability, mode=0o600)

    def _allowed(self) -> dict[str, Any]:
        found = (load_json(self._folder / _ALLOWED) or {}).get("secrets")
        return found if isinstance(found, dict) else {}

    def _path(self, branch: BranchName) -> Path:
        return self._folder / f"{branch.file_stem}.json"
