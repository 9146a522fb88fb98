"""Looks for secrets in what a sync would send of the state, and in the commits of a branch; it only reports."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from sixthbot.actions.secrets import allowed_secrets, scan
from sixthbot.core.names import BranchName, clean_line
from sixthbot.core.secrets import find_secrets
from sixthbot.git.outgoing import decoded
from sixthbot.git.refs import tip

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from sixthbot.core.issues import IssueRecord
    from sixthbot.core.names import Oid
    from sixthbot.core.stateops import Op
    from sixthbot.engine.saving import State
    from sixthbot.engine.services import Services

_NAMED = 5
_TOGETHER = 100
"""So many contents are in memory at the same time; none of them is longer than a few MiB."""


def secrets_in_state(
    services: Services, state: State, tip: Oid, new: Iterable[Op], sent: Collection[str]
) -> str:
    """Return what looks like a secret in the contents of new operations, with its file; empty for nothing.

    `sent` are hashes of contents that the remote has already, which nothing can take back.
    """
    allowed = allowed_secrets(services.loaded.config, services.store)
    keys = {op.hash: op.key for op in new if op.hash and op.hash not in sent}
    found: dict[tuple[str, str], str] = {}
    for hashes in _pieces(keys):
        for one, data in state.contents(tip, hashes).items():
            for kind, shown, digest in _secrets_in(keys[one], data):
                if digest not in allowed:
                    place = clean_line(f".sixth/{keys[one]}", limit=120)
                    found.setdefault((digest, place), f"{kind} {shown} in {place} ({digest})")
    return _told([*found.values()])


def _secrets_in(key: str, data: bytes) -> Iterator[tuple[str, str, str]]:
    text, binary = decoded(data)
    if key.endswith((".json", ".jsonl", ".toml")):
        text = text.replace("\\n", "\n").replace('\\"', '"')  # as whoever wrote it there saw it
    # what is a secret by its name alone was masked as the journal was written, and a line of it is a lot to look at
    by_shape = binary or key.startswith("journal/")
    for secret in find_secrets(text, by_shape_only=by_shape):
        yield secret.kind, secret.shown, secret.digest


def _pieces(hashes: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(hashes)
    while piece := list(islice(rest, _TOGETHER)):
        yield piece


def secrets_on_branch(services: Services, record: IssueRecord, head: Oid, known: Sequence[Oid]) -> str:
    """Return what looks like a secret in the commits of a branch that a remote does not have; empty for nothing.

    Where nothing of the remote was ever seen, the branch's base stands in for it, as at an approval.
    """
    git, config = services.repo.git, services.loaded.config
    base = None if known or not record.base else tip(git, BranchName.parse(record.base))
    found = scan(
        git, head, known=known if base is None else [base], title="", text="",
        allowed=allowed_secrets(config, services.store), twice=config.push.second_look,
    )  # fmt: skip
    return _told([f"{one} ({one.secret.digest})" for one in found.findings])


def _told(found: Sequence[str]) -> str:
    more = len(found) - _NAMED
    return "; ".join(found[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
