"""Forged and damaged files for every folder of `.sixth`: each function changes the home of a repository with a draft."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Forgery = Callable[[Path], object]

HOSTILE = "\x1b]0;pwned\x07\x1b[2J\u202e\x9b31m"
GARBAGE = bytes(range(256)) * 20
_NAME = "20261120T000000000Z-tforged.json"


def _task(home: Path) -> Path:
    return next((home / "queue/parked").glob("*.json"))


def _edit_json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def _into_ready(home: Path, **values: Any) -> None:
    path = _task(home)
    _edit_json(path, **values)
    path.rename(home / "queue/ready/high" / path.name)


def _each(home: Path, pattern: str, change: Callable[[Path], object]) -> None:
    found = list(home.glob(pattern))
    assert found, pattern
    for path in found:
        change(path)


def _instead(path: Path, make: Callable[[Path], object]) -> None:
    """Put something else in a file's place."""
    path.unlink(missing_ok=True)
    make(path)


def _twins(home: Path) -> None:
    path = _task(home)
    for folder in ("ready/high", "ready/low", "failed", "done", "waiting", "running/w1"):
        (home / "queue" / folder).mkdir(exist_ok=True)
        shutil.copy(path, home / "queue" / folder / path.name)


def _odd_names(folder: Path, ending: str, data: bytes) -> None:
    for name in ("-rf", "a b", "x\ny", "%2F..%2Fx", "\udcff", HOSTILE.replace("/", ""), "z" * 200):
        (folder / f"{name}{ending}").write_bytes(data)


def _steps(change: Callable[[dict[str, Any]], object]) -> Forgery:
    def forge(home: Path) -> None:
        for path in list(home.glob("checkpoints/*.json")):
            data = json.loads(path.read_text())
            for record in data["steps"].values():
                change(record)
            path.write_text(json.dumps(data))

    return forge


def _forged_results(record: dict[str, Any]) -> None:
    if record["use"] == "check":
        result = {
            "command": HOSTILE,
            "ok": "yes",
            "exit": "0",
            "duration": "z",
            "problem": HOSTILE,
            "output": 5,
        }
        record["outputs"]["results"] = [result, 7, None, {}]


def _key(pattern: str, key: str, value: Any) -> Forgery:
    """Give a key of a TOML file another value."""

    def forge(home: Path) -> None:
        for path in list(home.glob(pattern)):
            lines = path.read_text().splitlines(keepends=True)
            path.write_text(
                "".join(
                    f"{key} = {json.dumps(value)}\n" if line.startswith(f"{key} = ") else line
                    for line in lines
                )
            )

    return forge


def _text(pattern: str, text: str | bytes) -> Forgery:
    data = text if isinstance(text, bytes) else text.encode()
    return lambda home: _each(home, pattern, lambda path: path.write_bytes(data))


def _swap(pattern: str, make: Callable[[Path], object]) -> Forgery:
    return lambda home: _each(home, pattern, lambda path: _instead(path, make))


def _zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _special(pattern: str) -> dict[str, Forgery]:
    """Return what can lie in a file's place and is none."""
    return {
        "a pipe": _swap(pattern, os.mkfifo),
        "a link to an endless device": _swap(pattern, _zero),
        "a folder": _swap(pattern, os.mkdir),
        "garbage": _text(pattern, GARBAGE),
        "nothing in it": _text(pattern, b""),
    }


def _plan(body: str) -> Forgery:
    return _text("issues/*/plan.toml", body)


def _journal(*records: Any) -> Forgery:
    def forge(home: Path) -> None:
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (home / "journal/zz.jsonl").write_text(lines)

    return forge


def _record(**values: Any) -> dict[str, Any]:
    return {
        "time": "2026-11-20T20:00:00.000Z", "actor": "x", "n": 1, "kind": "event", "level": "info", "message": "m",
        "task": "t1", "issue": "tidy", "event": "abc", **values,
    }  # fmt: skip


_WRONG: tuple[Any, ...] = (
    5, None, [], {}, [1], True, 1e400, HOSTILE, "9999999-01-01T00:00:00Z", {"event": 5, "verdicts": 5},
    {"verdicts": [5, {}]}, {"event": {"key": 5}, "verdicts": [{"fired": 1, "rule": 5, "reason": 5, "terms": [5]}]},
)  # fmt: skip
_FIELDS = (
    "time", "actor", "n", "kind", "level", "message", "task", "issue", "event", "rule", "rule_hash", "step", "action",
    "argv", "commit", "exit", "duration", "data",
)  # fmt: skip
_OPERATION = {"schema": 1, "time": "2020-01-01T00:00:00Z", "task": "", "reason": HOSTILE, "state": "begun"}


def _operations(home: Path) -> None:
    for name, refs, time in (
        ("a", [["../../x", "--a", "b"]], "nonsense"),
        ("b", [["refs/heads/main", None, "f" * 40]], "2020-01-01T00:00:00Z"),
        ("c", [["HEAD", "a", "b"], [1, 2, 3]], "2020-01-01T00:00:00Z"),
        ("d", [[["refs/heads/main"], {}, 5], ["/etc/passwd\0", None, "x"]], "2020-01-01T00:00:00Z"),
    ):
        data = {**_OPERATION, "id": name, "time": time, "refs": refs}
        (home / f"operations/{name}.json").write_text(json.dumps(data))


def _deep(value: Any) -> Any:
    """Return JSON values with an option in place of every text."""
    if isinstance(value, dict):
        return {key: _deep(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_deep(inner) for inner in value]
    return "--output=pwned" if isinstance(value, str) else value


def _odd_notes(home: Path) -> None:
    (home / "local/notes/x").write_bytes(GARBAGE * 20)
    (home / "local/notes/d").mkdir()
    os.mkfifo(home / "local/notes/f")
    (home / "local/notes/l").symlink_to("/etc/passwd")


def _odd_leases(home: Path) -> None:
    os.mkfifo(home / "local/workers/a.lock")
    (home / "local/workers/d.lock").mkdir()


FORGERIES: dict[str, dict[str, Forgery]] = {
    "tasks": {
        **_special("queue/parked/*.json"),
        "cut off": lambda home: _task(home).write_bytes(_task(home).read_bytes()[:50]),
        "a newer schema": lambda home: _edit_json(_task(home), schema=99),
        "a schema of text": lambda home: _edit_json(_task(home), schema=HOSTILE * 100),
        "a rule that is not there": lambda home: _into_ready(home, rule=HOSTILE),
        "a rule with a path": lambda home: _into_ready(home, rule="../../bin/sh"),
        "an issue with a path": lambda home: _into_ready(home, issue="../../../etc"),
        "an issue that is not there": lambda home: _into_ready(home, issue="nope"),
        "hostile texts": lambda home: _edit_json(
            _task(home), key=HOSTILE, rule=HOSTILE, issue=HOSTILE, min_budget=HOSTILE,
            state={"name": "parked", "kind": "input", "reason": HOSTILE, "hint": f"{HOSTILE}, then: {HOSTILE}"},
        ),
        "an absurd deadline": lambda home: _edit_json(_task(home), deadline="9999-12-31T23:59:59Z"),
        "a deadline before Christ": lambda home: _edit_json(_task(home), created="0001-01-01T00:00:00+14:00"),
        "waiting for seven thousand years": lambda home: _edit_json(
            _task(home), state={"name": "waiting", "until": "8999-01-01T00:00:00Z", "reason": "x"}
        ),
        "wrong types": lambda home: _edit_json(_task(home), events=[5], attempts="1", state=[]),
        "counts that are none": lambda home: _edit_json(_task(home), attempts=float("nan"), crashes=10**30),
        "a worker with a path": lambda home: _edit_json(_task(home), state={"name": "running", "worker": "../../x"}),
        "twins": _twins,
        "a folder with a task's name": lambda home: (home / "queue/ready/high" / _NAME).mkdir(),
        "a giant": lambda home: (home / "queue/ready/high" / _NAME).write_bytes(b"[" * (9 << 20)),
        "deep nesting": lambda home: (home / "queue/ready/high" / _NAME).write_bytes(b'{"a":' * 100_000),
        "a huge number": lambda home: (home / "queue/ready/high" / _NAME).write_bytes(b'{"id":' + b"9" * 9999 + b"}"),
        "odd names": lambda home: _odd_names(home / "queue/ready/high", ".json", b"{}"),
        "a worker of an odd name": lambda home: (home / "queue/running" / HOSTILE.replace("/", "")).mkdir(parents=True),
        "a lane that is a file": lambda home: _instead_of_folder(home / "queue/ready/low"),
        "an id log that is a pipe": lambda home: _instead(home / "queue/.ids", os.mkfifo),
        "an id log that is a folder": lambda home: _instead(home / "queue/.ids", os.mkdir),
        "pauses that are folders": lambda home: (home / "queue/paused/all").mkdir(parents=True),
    },
    "checkpoints": {
        **_special("checkpoints/*.json"),
        "outputs of another kind": _steps(lambda record: record.update(outputs=dict.fromkeys(record["outputs"], 5))),
        "no outputs": _steps(lambda record: record.update(outputs={})),
        "forged results": _steps(_forged_results),
        "another step": _steps(lambda record: record.update(use="push")),
    },
    "drafts": {
        **_special("drafts/*.md"),
        "a base that is an option": _key("drafts/*.md", "base", "--output=pwned"),
        "a base that is a revision": _key("drafts/*.md", "base", "main~1"),
        "no base": _key("drafts/*.md", "base", ""),
        "another head": _key("drafts/*.md", "head", "a" * 40),
        "a null head": _key("drafts/*.md", "head", "0" * 40),
        "a head that is a name": _key("drafts/*.md", "head", "main"),
        "another tree": _key("drafts/*.md", "tree", "b" * 40),
        "an issue with a path": _key("drafts/*.md", "issue", "../../../etc"),
        "an issue that is not there": _key("drafts/*.md", "issue", "nope"),
        "a hostile title": _key("drafts/*.md", "title", HOSTILE),
        "an approval that nobody gave": _key("drafts/*.md", "status", "approved"),
        "pushed, it says": _key("drafts/*.md", "status", "pushed"),
        "a hostile text": lambda home: _each(
            home, "drafts/*.md", lambda path: path.write_text(path.read_text() + HOSTILE + "\r\n" + "x" * 99_999)
        ),
        "a giant": _text("drafts/*.md", b"+++\n" + b"a" * (5 << 20)),
        "dotted keys": _text("drafts/*.md", "+++\n" + ".".join("a" * 150) + " = 1\n+++\n"),
        "deep nesting": _text("drafts/*.md", "+++\nx = " + "[" * 50_000 + "\n+++\n"),
        "odd names": lambda home: _odd_names(home / "drafts", ".md", b"+++\n+++\n"),
    },
    "plans": {
        **_special("issues/*/plan.toml"),
        "other types": _plan("subtask = [1, 2]\n"),
        "a huge number": _plan("[[subtask]]\nn = 0x" + "f" * 8000 + '\ntext = "x"\n'),
        "hostile texts": _plan(
            "[[subtask]]\nn = 1\nstatus = 'waiting'\n"
            + "".join(f"{key} = {json.dumps(HOSTILE)}\n" for key in ("text", "by", "reason"))
        ),
        "commits that are options": _plan(
            '[[subtask]]\nn = 1\ntext = "x"\nstatus = "done"\nby = "person"\ncommits = ["--output=pwned", "z\\n## Checks"]\n'
        ),
        "a recipe with a path": _plan('[[subtask]]\nn = 1\ntext = "x"\ndo = "../../bin/sh --x=1"\n'),
        "arguments of every kind": _plan('[[subtask]]\nn = 1\ntext = "x"\ndo = "s A=1 PATH=2 a-b=3 =4"\n'),
        "a NUL in an argument": _plan('[[subtask]]\nn = 1\ntext = "x"\ndo = "sort-words x=\\u0000"\n'),
        "six thousand subtasks": _plan("".join(f'[[subtask]]\nn = {n}\ntext = "x"\n' for n in range(1, 6000))),
        "deep nesting": _plan("subtask = " + "[" * 50_000),
    },
    "issues": {
        **_special("issues/*/issue.toml"),
        "a branch that is an option": _key("issues/*/issue.toml", "branch", "--force"),
        "somebody else's branch": _key("issues/*/issue.toml", "branch", "main"),
        "a base that is an option": _key("issues/*/issue.toml", "base", "--output=pwned"),
        "no base": _key("issues/*/issue.toml", "base", ""),
        "a base commit that is an option": _key("issues/*/issue.toml", "base_commit", "--output=pwned"),
        "a hostile title": _key("issues/*/issue.toml", "title", HOSTILE.replace("\x9b", "")),
        "a time that is none": _key("issues/*/issue.toml", "received", "9999999-01-01"),
        "a status that is none": _key("issues/*/issue.toml", "status", "nonsense"),
        "another id": _key("issues/*/issue.toml", "id", "other"),
        "tips of every kind": _key("issues/*/issue.toml", "accepted_tips", ["--all", 5]),
        "no text": lambda home: _each(home, "issues/*/issue.md", os.unlink),
        "a text that is none": _text("issues/*/issue.md", GARBAGE),
        "folders of odd names": lambda home: (home / "issues" / HOSTILE.replace("/", "")).mkdir(),
    },
    "journal": {
        **_special("journal/*.jsonl"),
        "torn": lambda home: _each(home, "journal/*.jsonl", lambda path: path.write_bytes(path.read_bytes()[:-30])),
        "every field of every type": _journal(
            *(_record(**{"kind": kind, key: value}) for key in _FIELDS for value in _WRONG for kind in ("event", "x"))
        ),
        "deep nesting": _text("journal/*.jsonl", b'{"kind":"x","a":' + b"[" * 100_000 + b"\n"),
        "a line of eight mebibytes": _text("journal/*.jsonl", b"x" * (8 << 20)),
        "failures of every type": _journal(
            *({"kind": "task.failed", "time": value, "task": value, "message": value} for value in _WRONG),
            {"kind": "task.failed", "time": HOSTILE, "task": HOSTILE, "message": HOSTILE},
        ),
        "records of somebody else": _journal(5, [], {}, {"kind": "event"}, _record(kind=HOSTILE, task=HOSTILE)),
    },
    "operations": {
        **_special("operations/*.json"),
        "forged": _operations,
        "an odd file": lambda home: os.mkfifo(home / "operations/f.json"),
    },
    "local": {
        "cursors of garbage": _text("local/cursors/*.json", GARBAGE),
        "cursors of other types": lambda home: _each(
            home, "local/cursors/*.json", lambda path: _edit_json(path, refs=5, unwanted=7, tips=[1])
        ),
        "cursors with options": lambda home: _each(
            home, "local/cursors/*.json", lambda path: path.write_text(json.dumps(_deep(json.loads(path.read_text()))))
        ),
        "cursors that are pipes": _swap("local/cursors/*.json", os.mkfifo),
        "odd notes": _odd_notes,
        "locks that are pipes": _swap("local/locks/*.lock", os.mkfifo),
        "figures of other types": lambda home: (home / "local/cache/rules.json").write_text(
            json.dumps({"active": 1, "disabled": [5, {"name": HOSTILE, "reason": HOSTILE}, {}], "trust": "x", "seen": []})
        ),
        "figures that are a pipe": _swap("local/cache/rules.json", os.mkfifo),
        "odd leases": _odd_leases,
        "requests to cancel that are folders": lambda home: (
            home / "local/cancel" / _task(home).stem.partition("-")[2]
        ).mkdir(parents=True),
    },
}  # fmt: skip


_TRACE = {
    "time": HOSTILE,
    "kind": HOSTILE,
    "about": HOSTILE,
    "reason": HOSTILE,
    "task": HOSTILE,
    "outcome": HOSTILE,
}


def _traces(*values: Any) -> Forgery:
    """Give every rule's traces another content, one after the other."""

    def forge(home: Path) -> None:
        found = sorted(path for path in home.glob("local/traces/*.json") if path.name != "stopped.json")
        for number, path in enumerate(found):
            path.write_text(json.dumps(values[number % len(values)]))

    return forge


def _results(home: Path) -> None:
    folder = home / "artifacts/health"
    folder.mkdir(exist_ok=True)
    (folder / "tests.json").write_text(
        json.dumps({"ok": False, "time": HOSTILE, "summary": HOSTILE, "runs": 5})
    )
    (folder / f"{HOSTILE.replace('/', '')}.json").write_text(
        json.dumps({"ok": False, "time": "x", "summary": HOSTILE})
    )
    (folder / "types.json").write_bytes(b"[" * 100_000)
    os.mkfifo(folder / "pipe.json")
    (folder / "folder.json").mkdir()
    (folder / "link.json").symlink_to("/dev/zero")


FORGERIES["traces"] = {
    **_special("local/traces/*.json"),
    "other types": _traces({"last": 5, "fired": 5}, {"last": [5, {}], "failed": []}, 7),
    "hostile texts": _traces(
        {"last": [{**_TRACE, "fired": True, "terms": [5, {"text": HOSTILE, "value": HOSTILE}]}], "succeeded": _TRACE, "failed": _TRACE}
    ),
    "times of every kind": _traces(
        *({"last": [{"time": value, "ended": value, "fired": value, "task": value}]} for value in _WRONG if value != 1e400)
    ),
    "rules that were stopped": lambda home: (home / "local/traces/stopped.json").write_text(
        json.dumps({HOSTILE: {"time": HOSTILE, "reason": HOSTILE}, "x": 5, "y": {"time": 1, "reason": []}})
    ),
    "limits of every kind": lambda home: (home / "local/cursors/limits.json").write_text(
        json.dumps({"work on an issue": [5, HOSTILE, "9999999-01-01"], "say that a draft waits": 7})
    ),
    "results of every kind": _results,
}  # fmt: skip


def _instead_of_folder(path: Path) -> None:
    shutil.rmtree(path)
    path.write_bytes(b"x")
