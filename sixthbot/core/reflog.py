"""What git itself noted of a branch: which of its moves were the bot's own, and under which name. Only decides.

Who wrote a commit proves nothing here: the bot rebases people's commits, and people amend the bot's. Git notes who
*moved* a branch, with which word, and it does so in the repository alone: nothing that is fetched can add to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_LINE = re.compile(
    rb"([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) ([^<>]*) <([^<>]*)> ([0-9]{1,11}) [+-][0-9]{4}\t(.*)"
)
_OWN_NAME, _OWN_EMAIL, _OWN_WORD = b"sixthbot", b"sixthbot@localhost", b"sixthbot: "
_RENAMED = re.compile(rb"Branch: (?:renamed|copied) (refs/heads/\S+) to (refs/heads/\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMove:
    """One move that the bot made: the ref by its name then, where it was (None: it was made) and where it went."""

    ref: str
    old: str | None
    new: str
    reason: str
    time: datetime


def own_moves(log: bytes, ref: str) -> list[OwnMove]:
    """Return the bot's own moves in the reflog of a branch, oldest first.

    `log` is as git keeps it: a line a move, oldest first. Lines of people, of their git, and torn ones count for
    nothing, and neither does what took the branch away.
    """
    found = []
    for line in reversed(log.split(b"\n")):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        old, new, name, email, seconds, said = match.groups()
        renamed = _RENAMED.fullmatch(said)
        if renamed is not None and renamed[2] == ref.encode("utf-8", "surrogateescape"):
            ref = renamed[1].decode("utf-8", "surrogateescape")  # what is above was written under that name
        elif (name, email) == (_OWN_NAME, _OWN_EMAIL) and said.startswith(_OWN_WORD) and new.strip(b"0"):
            reason = said.removeprefix(_OWN_WORD).decode("utf-8", "replace")
            at = datetime.fromtimestamp(int(seconds), UTC)
            before = old.decode("ascii") if old.strip(b"0") else None
            found.append(OwnMove(ref=ref, old=before, new=new.decode("ascii"), reason=reason, time=at))
    return found[::-1]
