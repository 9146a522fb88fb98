"""The operations that a state ref holds: one line each, its identity, and which keys one may speak of. Pure values."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sixthbot.core.tasks import STATE_NAMES, Lane

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SCHEMA = 1
PUT, DROP, APPEND, JOIN, SPEND = "put", "drop", "append", "join", "spend"
KINDS = frozenset({PUT, DROP, APPEND, JOIN, SPEND})
"""What an operation may do: give a key content, take it away, lengthen a file, settle losers, use up a task's id."""

SIZE_LIMIT = 4 << 20
"""Bytes that one content of the state may have; a larger file stays in its clone and is named."""
LINE_LIMIT = 64 << 10
COUNT_LIMIT = 1 << 53
"""No clock and no count goes beyond: other programs read JSON numbers as doubles."""

_HASH = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f]{32}")
_TIME = re.compile(r"[0-9]{4}-[0-9TZ:.+-]{1,40}")
_KEY_LIMIT = 1000
_PART_LIMIT = 250

PLACES = frozenset({"running", *(f"ready/{lane.value}" for lane in Lane), *(set(STATE_NAMES) - {"ready"})})
"""Where a task can be: the folders of the queue, without the names of workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One operation. `id` is the hash of its line, `lamport` its logical time, `n` counts from 1 for each actor.

    `hash` is the SHA-256 of the content and empty where there is none, `size` its bytes; of an `append`, `at` is where
    in the file it begins. `prev` are the operations on the same key that it knew of and replaces. `place` is a task's
    folder, `group` the issue that it belongs to, `mark` what makes an inbox file this one.
    """

    id: str
    lamport: int
    actor: str
    n: int
    kind: str
    key: str
    hash: str = ""
    size: int = 0
    at: int = 0
    prev: tuple[str, ...] = ()
    place: str = ""
    group: str = ""
    mark: str = ""
    time: str = ""

    @property
    def order(self) -> tuple[int, str, int, str]:
        """Where it stands among all operations, the same in every clone."""
        return (self.lamport, self.actor, self.n, self.id)

    @property
    def outcome(self) -> tuple[str, str, str]:
        """What it makes of its key; two operations of the same outcome do not contradict each other."""
        return (self.kind, self.hash, self.place)


def make_op(*, lamport: int, actor: str, n: int, kind: str, key: str, time: str, **more: Any) -> Op:
    """Return a new operation with the id that its line has; `more` are fields of Op."""
    op = Op(id="", lamport=lamport, actor=actor, n=n, kind=kind, key=key, time=time, **more)
    return _with_id(op, line_of(op))


def line_of(op: Op) -> bytes:
    """Return the line of an operation, without its newline; what is empty is left out."""
    data: dict[str, Any] = {
        "schema": SCHEMA, "lamport": op.lamport, "actor": op.actor, "n": op.n, "kind": op.kind, "key": op.key,
        "time": op.time,
    }  # fmt: skip
    for name in ("hash", "size", "at", "place", "group", "mark"):
        if value := getattr(op, name):
            data[name] = value
    if op.prev:
        data["prev"] = list(op.prev)
    return json.dumps(data, separators=(",", ":"), sort_keys=True).encode("ascii")


def op_id(line: bytes) -> str:
    """Return the id of the operation that a line holds."""
    return hashlib.sha256(line).hexdigest()[:32]


def parse_line(line: bytes, *, actor: str) -> Op | None:
    """Return the operation in a line of `actor`'s log; None for one that is torn, forged, newer or of an unknown kind.

    Everything in it is checked: a line may come from anybody who can push.
    """
    if len(line) > LINE_LIMIT:
        return None
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or not _sound(data, actor):
        return None
    op = Op(
        id=op_id(line), lamport=data["lamport"], actor=actor, n=data["n"], kind=data["kind"], key=data["key"],
        hash=data.get("hash", ""), size=data.get("size", 0), at=data.get("at", 0),
        prev=tuple(data.get("prev", ())), place=data.get("place", ""), group=data.get("group", ""),
        mark=data.get("mark", ""), time=data["time"],
    )  # fmt: skip
    return op if _fits(op) else None


def parse_batch(data: bytes, *, actor: str) -> Iterator[Op]:
    """Yield the operations of one file of a log; what is none is passed over, and stays in the file."""
    for line in data.split(b"\n"):
        op = parse_line(line, actor=actor) if line else None
        if op is not None:
            yield op


def batch_of(ops: Iterable[Op]) -> bytes:
    """Return operations as the bytes of one file of a log."""
    return b"".join(line_of(op) + b"\n" for op in ops)


def kept_key(op: Op) -> str:
    """Return the key under which a content that lost is kept beside the one that won."""
    return f"{op.key}.from-{op.actor}-{op.id[:6]}"


def is_document(key: str) -> bool:
    """Tell whether a key is of a file that people write in, so that no version of it may be lost from sight."""
    top, _, rest = key.partition("/")
    name = key.rpartition("/")[2]
    return (top == "issues" and name in {"plan.toml", "issue.md"}) or (
        top in {"drafts", "inbox"} and "/" not in rest and name.endswith(".md")
    )


def _with_id(op: Op, line: bytes) -> Op:
    return Op(
        id=op_id(line), lamport=op.lamport, actor=op.actor, n=op.n, kind=op.kind, key=op.key, hash=op.hash,
        size=op.size, at=op.at, prev=op.prev, place=op.place, group=op.group, mark=op.mark, time=op.time,
    )  # fmt: skip


_COUNTS = {"size": 0, "at": 0}
_TEXTS = {"hash": "", "place": "", "group": "", "mark": ""}


def _sound(data: Mapping[str, Any], actor: str) -> bool:
    """Tell whether every field has a value that it can have."""
    counts = (data.get("lamport"), data.get("n"), *(data.get(name, 0) for name in _COUNTS))
    texts = (data.get("key"), data.get("time"), *(data.get(name, "") for name in _TEXTS))
    prev = data.get("prev", [])
    return (
        data.get("schema") == SCHEMA
        and data.get("actor") == actor
        and data.get("kind") in KINDS
        and all(type(count) is int and 0 <= count < COUNT_LIMIT for count in counts)
        and all(isinstance(text, str) and len(text) <= _KEY_LIMIT for text in texts)
        and isinstance(prev, list)
        and all(isinstance(one, str) and _ID.fullmatch(one) for one in prev)
    )


def _fits(op: Op) -> bool:
    """Tell whether kind, key, content and place go together."""
    if op.kind == SPEND:
        return _matches("spent", op.key)
    has_content = op.kind in {PUT, APPEND}
    queued = op.key.startswith("queue/")
    return (
        is_key(op.key)
        and bool(_HASH.fullmatch(op.hash)) == has_content
        and op.size <= SIZE_LIMIT
        and (op.place in PLACES if queued and op.kind == PUT else not op.place)
        and (op.kind == APPEND) == (op.key.startswith("journal/") and op.kind not in {JOIN, DROP})
        and bool(_TIME.fullmatch(op.time))
    )


_NAME = r"(?!\.)[^/\0]{1,250}"
_ISSUE = r"(?!\.)(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_TASK = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_KEYS = {
    "config.toml": re.compile(r"config\.toml"),
    "rules": re.compile(rf"rules/{_NAME}"),
    "templates": re.compile(rf"templates/{_NAME}(/{_NAME}){{0,3}}"),
    "inbox": re.compile(rf"inbox/(rejected/)?{_NAME}"),
    "issues": re.compile(rf"issues/{_ISSUE}/(drafts/)?{_NAME}"),
    "queue": re.compile(rf"queue/{_NAME}\.json"),
    "checkpoints": re.compile(rf"checkpoints/{_NAME}"),
    "drafts": re.compile(rf"drafts/{_NAME}"),
    "artifacts": re.compile(rf"artifacts/{_NAME}(/{_NAME}){{0,7}}"),
    "operations": re.compile(rf"operations/{_NAME}"),
    "journal": re.compile(
        r"journal/[A-Za-z0-9][A-Za-z0-9._-]{0,100}(/[A-Za-z0-9][A-Za-z0-9._-]{0,100}){0,2}"
    ),
    "spent": re.compile(rf"spent/{_TASK}"),
}
"""The shape of the keys below each top. None begins with a dot, climbs, is absolute, or reaches `local`."""


def is_key(text: str) -> bool:
    """Tell whether a text is a key of the state: the path of something below `.sixth` that travels."""
    top = text.partition("/")[0]
    return top != "spent" and _matches(top, text)


def _matches(top: str, text: str) -> bool:
    shape = _KEYS.get(top)
    parts = text.encode("utf-8", "surrogatepass").split(b"/")
    return (
        shape is not None
        and len(text) <= _KEY_LIMIT
        and shape.fullmatch(text) is not None
        and all(len(part) <= _PART_LIMIT for part in parts)
    )
