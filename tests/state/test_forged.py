"""A state that somebody pushed by hand: it can do no more than an issue can, and the rest of it goes on."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sixthbot.git.run import Git
from sixthbot.git.stateref import StateRef, blob_path
from tests.state.clones import Machine, machine, make_remote

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir

EVIL = "aeeeeeeeeeeee"


@pytest.fixture
def remote(tmp_path: Path) -> RepoDir:
    return make_remote(tmp_path)


@pytest.fixture
def victim(remote: RepoDir, tmp_path: Path) -> Machine:
    one = machine(remote, tmp_path / "victim")
    one.drop("good", "# Good\n")
    one.do("sync")
    return one


def push_forged(
    remote: RepoDir, lines: list[dict[str, Any]], contents: list[bytes], extra: dict[str, bytes]
) -> None:
    """Add operations and contents to the state at the remote, as anybody who can push could."""
    state = StateRef(Git(remote.path, durability="process"))
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    files = {blob_path(hashlib.sha256(one).hexdigest()): one for one in contents}
    name = f"ops/{EVIL}/000000/000000001-{hashlib.sha256(data).hexdigest()[:16]}.jsonl"
    state.add({**files, name: data, **extra}, old=state.tip(), now=datetime.now(UTC), message="forged")


def line(n: int, key: str, content: bytes, **more: Any) -> dict[str, Any]:
    return {
        "schema": 1, "lamport": 1000 + n, "actor": EVIL, "n": n, "kind": "put", "key": key,
        "hash": hashlib.sha256(content).hexdigest(), "size": len(content), "time": "2026-01-01T00:00:00Z", **more,
    }  # fmt: skip


def test_keys_that_lead_out_links_and_lies_come_to_nothing(
    victim: Machine, remote: RepoDir, tmp_path: Path
) -> None:
    content, lie = b"owned\n", b"not what its name says\n"
    keys = (
        "../owned",
        "/tmp/owned",
        "local/config.toml",
        "issues/../../owned",
        ".home",
        "rules/../../owned",
        "queue/x",
    )
    lines = [line(n, key, content) for n, key in enumerate(keys, 1)]
    lines.append({**line(90, "drafts/lie.md", content), "hash": "1" * 64})
    lines.append(line(91, "artifacts/fine.txt", content))
    push_forged(
        remote, lines, [content], {blob_path("1" * 64): lie, "ops/strange": b"x", "anything/else": b"y"}
    )
    before = sorted(path for path in tmp_path.rglob("owned*"))
    said = victim.do("sync")
    assert "drafts/lie.md" in said.out
    assert sorted(path for path in tmp_path.rglob("owned*")) == before
    assert not (victim.repo.path / ".sixth/local/config.toml").exists()
    assert (victim.repo.path / ".sixth/artifacts/fine.txt").read_bytes() == content
    assert victim.do("run").code == 0


def test_a_record_that_lays_hands_on_your_branch_is_left_out(victim: Machine, remote: RepoDir) -> None:
    record = b'id = "evil"\ntitle = "Evil"\nreceived = "2026-01-01T00:00:00.000Z"\nfile_name = "e.md"\nstatus = "open"\nbranch = "main"\nbase = "main"\nbase_commit = ""\naccepted_tips = []\n'
    tip = victim.repo.tip("main")
    operation = json.dumps(
        {"schema": 1, "id": "20990101T000000000Z-evil", "time": "2099-01-01T00:00:00.000Z", "task": "", "reason": "x",
         "refs": [["refs/heads/main", "0" * 40, tip]], "state": "done"}
    ).encode()  # fmt: skip
    lines = [
        line(1, "issues/evil/issue.toml", record),
        line(2, "operations/20990101T000000000Z-evil.json", operation),
    ]
    push_forged(remote, lines, [record, operation], {})
    said = victim.do("sync")
    assert said.out.count("left out") == 2
    assert "not the bot's" in said.out
    assert "evil" not in victim.plans()
    victim.do("run")
    assert victim.repo.tip("main") == tip


def test_a_task_that_is_none_is_left_out_and_rules_are_not_trusted(victim: Machine, remote: RepoDir) -> None:
    rule = b'[[rule]]\nname = "evil"\non = "commit"\ndo = [{ use = "shell", run = ["touch", "owned"] }]\n'
    task = b'{"schema": 1, "run": ["touch", "owned"]}\n'
    lines = [
        line(1, "rules/evil.toml", rule),
        line(2, "queue/20260101T000000000Z-tevil.json", task, place="ready/critical"),
    ]
    push_forged(remote, lines, [rule, task], {})
    said = victim.do("sync")
    assert "queue/20260101T000000000Z-tevil.json" in said.out
    victim.repo.commit("feat: more", {"b.txt": "b\n"})
    victim.do("run")
    assert not list(victim.repo.path.rglob("owned"))
    assert ".sixth/rules/evil.toml" in victim.say("trust", "--show").out
