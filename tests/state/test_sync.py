"""`sync`: what one clone did, another goes on with; what two did apart comes together, and nothing is lost."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

import pytest

from sixthbot.core.names import Oid
from sixthbot.core.statefold import Entity, Folded
from sixthbot.core.stateops import PUT, Op, make_op
from sixthbot.engine.merging import Laying, Merged
from sixthbot.git.statesync import send
from sixthbot.store.actor import actor_id
from tests.bot.home import until
from tests.state.clones import Machine, machine, make_remote
from tests.state.http import served
from tests.support.repos import RepoDir, make_bare, make_repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.support import Said


@pytest.fixture
def remote(tmp_path: Path) -> RepoDir:
    return make_remote(tmp_path)


@pytest.fixture
def one(remote: RepoDir, tmp_path: Path) -> Machine:
    return machine(remote, tmp_path / "one")


@pytest.fixture
def other(remote: RepoDir, tmp_path: Path) -> Machine:
    return machine(remote, tmp_path / "other")


def test_a_fresh_clone_goes_on_where_the_first_one_was(one: Machine, remote: RepoDir, tmp_path: Path) -> None:
    one.drop("a")
    one.do("run")
    one.drop("pending")
    assert one.do("sync").out.startswith("synced with origin: ")
    tip = one.repo.tip("sixth/issue-a")
    fresh = machine(remote, tmp_path / "fresh")
    said = fresh.do("sync")
    assert "branch sixth/issue-a came along" in said.out
    assert fresh.repo.tip("sixth/issue-a") == tip
    assert fresh.states() == {"a": "parked"}
    assert fresh.plans() == {"a": ["done", "waiting"]}
    assert (fresh.repo.path / ".sixth/inbox/pending.md").exists()
    fresh.do("done", "a")
    fresh.do("run")
    assert fresh.repo.subjects("main..sixth/issue-a").count("chore: sort") == 1
    assert fresh.plans() == {"a": ["done", "done"], "pending": ["done", "waiting"]}
    assert len(list(fresh.services.store.drafts.list())) == 1
    assert "task.claimed" in {record.kind for record in fresh.services.store.journal.read()}
    fresh.do("sync")
    one.do("sync")
    assert one.plans() == fresh.plans()
    assert one.states() == fresh.states()
    assert one.repo.tip("sixth/issue-a") == fresh.repo.tip("sixth/issue-a")
    assert one.do("run").code == 0
    assert one.plans() == fresh.plans()
    assert remote.git("for-each-ref", "--format=%(refname)", "refs/heads") == "refs/heads/main"


def test_two_that_worked_apart_come_together(one: Machine, other: Machine) -> None:
    for each, name in ((one, "a"), (other, "b")):
        each.drop(name)
        each.do("run")
    for each in (one, other, one):
        each.do("sync")
    assert one.plans() == other.plans() == {"a": ["done", "waiting"], "b": ["done", "waiting"]}
    assert one.states() == other.states() == {"a": "parked", "b": "parked"}
    for each in (other, one):
        each.do("sync")  # by now only the records of these very syncs are news
    assert one.do("sync").out == "synced with origin: 0 operations sent, 0 came\n"
    assert one.repo.tip("refs/sixth/state") == other.repo.tip("refs/sixth/state")
    assert len(one.repo.git("rev-list", "--max-parents=0", "refs/sixth/state").split()) == 1


def test_one_issue_claimed_by_two_is_done_once_and_the_other_s_commits_are_kept(
    one: Machine, other: Machine
) -> None:
    one.do("queue", "pause")
    one.drop("a")
    one.do("run")
    assert one.states() == {"a": "ready"}
    one.do("sync")
    other.do("sync")
    assert other.states() == {"a": "ready"}
    one.do("queue", "resume")
    one.do("run")
    time.sleep(1.1)  # within one second both would make the very same commit
    other.do("run")
    tips = {one.repo.tip("sixth/issue-a"), other.repo.tip("sixth/issue-a")}
    assert len(tips) == 2
    one.do("sync")
    said = [other.do("sync").out, one.do("sync").out, other.do("sync").out]
    assert one.repo.tip("sixth/issue-a") == other.repo.tip("sixth/issue-a")
    kept = [
        each.repo.git("for-each-ref", "--format=%(objectname) %(refname)", "refs/sixth/kept")
        for each in (one, other)
    ]
    assert sorted(map(bool, kept)) == [False, True], "one of them gave way"
    (line,) = [text for text in kept if text]
    assert {line.split()[0], one.repo.tip("sixth/issue-a")} == tips
    told = next(text for text in said if line.split()[1] in text)
    assert "claimed a: the work of" in told, told
    for each in (one, other):
        each.do("done", "a")
        each.do("run")
        assert each.repo.subjects("main..sixth/issue-a").count("chore: sort") == 1
        each.do("sync")
    assert one.plans() == other.plans() == {"a": ["done", "done"]}


def test_of_two_that_finished_an_issue_branch_draft_and_claim_are_one_clone_s(
    one: Machine, other: Machine
) -> None:
    one.do("queue", "pause")
    one.drop("a", "---\nid: a\n---\n# Issue a\n\n- [ ] Sort `do: sort-words`\n")
    one.do("run")
    one.do("sync")
    other.do("sync")
    one.do("queue", "resume")
    made = {}
    for each in (one, other):  # each comes to a draft, which sets off a task of its own that tells of it
        each.do("run")
        made[actor_id(each.services.places.beside)] = each.repo.tip("sixth/issue-a")
        time.sleep(0 if each is other else 1.1)  # within one second both would make the very same commit
    assert len(set(made.values())) == 2
    said = "".join(each.do("sync").out for each in (one, other, one))
    winner = next(actor for actor in made if f"claimed a: the work of {actor} counts" in said)
    (loser,) = made.keys() - {winner}
    for each in (one, other):
        draft = each.services.store.drafts.list()[0]
        assert each.repo.tip("sixth/issue-a") == draft.head == made[winner]
    assert f"kept your commits on sixth/issue-a, as refs/sixth/kept/sixth/issue-a/{made[loser][:12]}" in said


def test_an_inbox_file_that_both_have_becomes_one_issue(one: Machine, other: Machine) -> None:
    one.drop("x", "# The same\n")
    one.do("sync")
    other.do("sync")
    one.do("run")
    other.do("run")
    for each in (one, other, one):
        each.do("sync")
    assert list(one.plans()) == list(other.plans())
    assert len(one.plans()) == 1


def test_the_records_of_issues_are_read_once_however_many_inbox_files_came() -> None:
    asked: list[list[str]] = []

    class Contents:
        """A state that has one record and nothing else."""

        def contents(self, _tip: str, hashes: list[str]) -> dict[str, bytes]:
            asked.append(hashes)
            return {"h": b'file_name = "x.md"\n[file]\nmtime_ns = "5"\ninode = "7"\n'}

    def put(n: int, key: str, mark: str = "") -> Op:
        return make_op(lamport=n, actor="a" * 13, n=n, kind=PUT, key=key, time="", hash="h", mark=mark)

    record = put(1, "issues/a/issue.toml")
    folded = Folded(entities={record.key: Entity(record, (record.id,))})
    laying = Laying(cast("Any", None), cast("Any", Contents()), cast("Any", None), Oid("1" * 40), Merged())
    marks = ("5-7", "5-8", "", "6-7")
    told = [laying._was_accepted(put(n, f"inbox/{n}.md", mark), folded) for n, mark in enumerate(marks)]
    assert told == [True, False, False, False]
    assert asked == [["h"]]


def test_edits_of_one_plan_and_one_draft_are_both_kept(one: Machine, other: Machine) -> None:
    one.drop("a", "---\nid: a\n---\n# Issue a\n\n- [ ] Sort `do: sort-words`\n")
    one.do("run")
    for each in (one, other, one):
        each.do("sync")
    for each, word in ((one, "first"), (other, "second")):
        plan = each.repo.path / ".sixth/issues/a/plan.toml"
        plan.write_text(plan.read_text().replace('text = "Sort"', f'text = "Sort {word}"'))
        draft = each.repo.path / ".sixth/drafts/sixth%2Fissue-a.md"
        draft.write_text(draft.read_text() + f"\n{word} words\n")
        each.do("sync")
    one.do("sync")
    for each in (one, other):
        for folder, name in (("issues/a", "plan.toml"), ("drafts", "sixth%2Fissue-a.md")):
            found = sorted((each.repo.path / ".sixth" / folder).glob(f"{name}*"))
            assert len(found) == 2, found
            texts = [path.read_text() for path in found]
            assert [("first" in text, "second" in text) for text in texts] in (
                [(True, False), (False, True)],
                [(False, True), (True, False)],
            )
    assert len(other.services.store.drafts.list()) == 1


def test_settings_that_nobody_wrote_yield_and_those_of_two_are_both_kept(tmp_path: Path) -> None:
    seed = make_repo(tmp_path / "seed")
    seed.commit("feat: words", {"words.txt": "pear\n"})  # git carries no settings
    remote = make_bare(tmp_path / "remote.git")
    seed.git("push", "--quiet", str(remote.path), "main")
    one, fresh, own = (machine(remote, tmp_path / name) for name in ("one", "fresh", "own"))
    fresh.do("sync")  # which saves nothing that could count against what others write
    config = ".sixth/config.toml"
    (one.repo.path / config).write_text("[check]\nrun = [['true']]\n")
    (one.repo.path / ".sixth/rules/mine.toml").write_text("# of one\n")
    one.do("sync")
    said = fresh.do("sync").out
    assert f"settings {config} came along; it counts once you have looked: sixthbot trust" in said
    assert (fresh.repo.path / config).read_text() == (one.repo.path / config).read_text()
    assert (fresh.repo.path / ".sixth/rules/mine.toml").read_text() == "# of one\n"

    (own.repo.path / config).write_text("# of another\n")
    written = {one: (one.repo.path / config).read_text(), own: "# of another\n"}
    told = {own: own.do("sync").out, one: one.do("sync").out}
    # whose counts in the state is for the clocks and names to say; the other one is told, and both have their own
    loser, winner = (own, one) if "kept your" in told[own] else (one, own)
    actor = actor_id(winner.services.places.beside)
    assert f"kept your {config}; the other one, of {actor}, is {config}.from-{actor}" in told[loser]
    assert f"cp {config}.from-{actor} {config}, then sixthbot trust" in told[loser]
    assert "kept your" not in told[winner]
    assert (loser.repo.path / f"{config}.from-{actor}").read_text() == written[winner]
    assert "kept your" not in loser.do("sync").out, "once is enough"
    for clone, text in written.items():
        assert (clone.repo.path / config).read_text() == text
    assert "left out" not in told[own] + told[one]


def test_two_beginnings_are_refused_once_both_went_somewhere(
    one: Machine, other: Machine, tmp_path: Path
) -> None:
    make_bare(tmp_path / "second.git")
    for each in (one, other):
        each.repo.git("remote", "add", "second", str(tmp_path / "second.git"))
    one.drop("a")
    other.drop("b")
    one.do("sync", "origin")
    other.do("sync", "second")
    said = one.say("sync", "second")
    assert said.code == 4
    assert "no beginning in common" in said.err
    assert one.plans() == {}
    one.do("sync", "second", "--root", "theirs")
    assert sorted(path.name for path in (one.repo.path / ".sixth/inbox").glob("*.md")) == ["a.md", "b.md"]
    other.do("sync", "second")
    assert sorted(path.name for path in (other.repo.path / ".sixth/inbox").glob("*.md")) == ["a.md", "b.md"]


def test_a_dry_run_says_what_would_go_and_changes_nothing(one: Machine, remote: RepoDir) -> None:
    one.drop("a")
    one.do("run")
    said = one.do("sync", "--dry-run")
    assert said.out.startswith("would sync with origin: ")
    assert remote.tip("refs/sixth/state") == ""


def test_remotes_that_cannot_be_are_one_line_each(one: Machine, tmp_path: Path) -> None:
    assert one.say("sync", "nowhere").code == 2
    one.repo.git("remote", "add", "gone", str(tmp_path / "gone.git"))
    said = one.say("sync", "gone")
    assert said.code == 1
    assert "gone cannot be reached: " in said.err
    assert "Traceback" not in said.err
    one.repo.git("remote", "remove", "origin")
    one.repo.git("remote", "remove", "gone")
    assert "no remote" in one.say("sync").err


@pytest.fixture
def daemon(remote: RepoDir) -> Iterator[str]:
    """Serve the remote with `git daemon` on loopback; return its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = subprocess.Popen(
        [
            "git", "daemon", "--reuseaddr", "--export-all", "--enable=receive-pack", "--listen=127.0.0.1",
            f"--port={port}", f"--base-path={remote.path.parent}", str(remote.path.parent),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    url = f"git://127.0.0.1:{port}/{remote.path.name}"
    try:
        until(lambda: remote.try_git("ls-remote", url).returncode == 0)
        yield url
    finally:
        os.killpg(served.pid, signal.SIGKILL)
        served.wait()


def test_over_a_daemon_it_is_the_same(one: Machine, other: Machine, daemon: str) -> None:
    for each in (one, other):
        each.repo.git("remote", "set-url", "origin", daemon)
    one.drop("a")
    one.do("run")
    for each in (one, other):
        each.do("sync")
    assert other.plans() == one.plans() == {"a": ["done", "waiting"]}
    assert other.repo.tip("sixth/issue-a") == one.repo.tip("sixth/issue-a")


def test_over_http_two_that_push_at_once_both_come_through_but_no_secret_does(
    one: Machine, other: Machine, remote: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    faster = [lambda: other.do("sync")]

    def send_after_somebody_else(*args: Any) -> bool:
        while faster:
            faster.pop()()
        return send(*args)

    monkeypatch.setattr("sixthbot.engine.syncing.send", send_after_somebody_else)
    with served(remote.path.parent) as address:
        for each, name in ((one, "a"), (other, "b")):
            each.repo.git("remote", "set-url", "origin", f"{address}/{remote.path.name}")
            each.drop(name)
        one.do("run")
        said = one.do("sync", "--json").json
        assert (said["schema"], said["remote"], said["came"] > 0) == (1, "origin", True)
        assert (one.repo.path / ".sixth/inbox/b.md").exists()  # it came with the second try
        assert other.do("sync", "--json").json["branches"]["made"] == ["sixth/issue-a"]
        assert other.plans() == one.plans() == {"a": ["done", "waiting"]}
        assert remote.tip("refs/sixth/state") == other.repo.tip("refs/sixth/state")

        (carried,) = remote.git("for-each-ref", "--format=%(refname)", "refs/sixth/branches").split()
        before, key = remote.tip(carried), "AKIA" + "QYLPMN5HHHFPZAM2"
        one.repo.git("checkout", "--quiet", "sixth/issue-a")
        one.repo.commit("feat: settings", {"settings.ini": f"key = {key}\n"})
        one.repo.git("checkout", "--quiet", "main")
        told = one.say("sync", "--json")
        (held,) = told.json["branches"]["withheld"]
        assert (told.code, held["branch"], key in told.out) == (1, "sixth/issue-a", False)
        assert "settings.ini:1" in held["secrets"]
        assert remote.tip(carried) == before  # what went before stays there
        digest = held["secrets"].rpartition("(")[2].rstrip(")")
        (one.repo.path / ".sixth/local/config.toml").write_text(f'[push]\nallow_secrets = ["{digest}"]\n')
        one.do("trust", "--yes")
        one.do("sync")
        assert remote.tip(carried) == one.repo.tip("sixth/issue-a")
        monkeypatch.setattr("sixthbot.engine.syncing.send", lambda *_: False)
        one.drop("c")
        assert "at the same moment, 5 times" in one.say("sync").err


def test_a_remote_that_refuses_or_hangs_is_said_and_nothing_is_lost(
    one: Machine, remote: RepoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = remote.path / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n")
    hook.chmod(0o755)
    one.drop("a", "# A\n")
    said = one.say("sync")
    assert said.code == 1
    assert "origin said no" in said.err
    assert "not on a Friday" in said.err
    assert re.search(r"warn  sync +the last one, just now, did not .*: origin said no", one.say("doctor").out)
    hook.unlink()
    with served(remote.path.parent, users=True) as address:
        one.repo.git("remote", "add", "asking", f"{address}/{remote.path.name}")
        said = one.say("sync", "asking")
        assert said.code == 1
        assert "asking wants to know who you are" in said.err
    with socket.create_server(("127.0.0.1", 0)) as silent:
        one.repo.git("remote", "add", "silent", f"git://127.0.0.1:{silent.getsockname()[1]}/x.git")
        monkeypatch.setenv("SIXTHBOT_SYNC__TIMEOUT", "1s")
        said = one.say("sync", "silent")
        assert said.code == 1
        assert "longer than 1 s" in said.err
    monkeypatch.delenv("SIXTHBOT_SYNC__TIMEOUT")
    one.do("sync", "origin")
    assert re.search(r"ok    sync +with origin, ", one.say("doctor").out)
    assert remote.tip("refs/sixth/state") == one.repo.tip("refs/sixth/state")


def test_what_looks_like_a_secret_in_the_state_stays_here_until_it_is_allowed_or_out(
    one: Machine, other: Machine, remote: RepoDir
) -> None:
    key, kept = "AKIA" + "QYLPMN5HHHFPZAM2", "AKIA" + "ZZLPMN5HHHFPZBQ7"
    text = f"# A\n\nuse {key}\n".encode()
    one.drop("a", text.decode())
    assert "would sync with origin: 0 operations sent" in one.say("sync", "--dry-run").out
    said = one.say("sync")
    assert (said.code, key in said.out, remote.tip("refs/sixth/state")) == (1, False, "")
    assert "AKIA*** in .sixth/inbox/a.md (sha256:" in said.out
    assert "warn  sync" in one.say("doctor").out
    one.drop("a", f"# A\n\nuse the key, and not {kept}\n")  # a false alarm, which they allow
    begin_anew(one, said)
    told = one.say("sync", "--json")
    assert (told.code, told.json["sent"], key in told.json["withheld"]) == (1, 0, False)
    digest = told.json["withheld"].rpartition("(")[2].rstrip(")")
    (one.repo.path / ".sixth/local/config.toml").write_text(f'[push]\nallow_secrets = ["{digest}"]\n')
    one.do("trust", "--yes")
    assert one.do("sync", "--json").json["withheld"] == ""
    # what others sent is taken in all the while, and it is from there that the history goes on
    other.drop("b")
    other.do("sync")
    one.drop("c", text.decode())
    said = one.say("sync")
    assert (said.code, (one.repo.path / ".sixth/inbox/b.md").exists()) == (1, True)
    (one.repo.path / ".sixth/inbox/c.md").write_text("# C\n")
    begin_anew(one, said)
    one.do("sync")
    other.do("sync")
    assert (other.repo.path / ".sixth/inbox/c.md").read_text() == "# C\n"
    digest = sha256(text).hexdigest()
    assert digest[2:] not in remote.git("ls-tree", "-r", "--name-only", "refs/sixth/state")
    everything = remote.git("rev-list", "--all", "--objects")
    assert one.repo.git("hash-object", "--stdin", stdin=text.decode()) not in everything


def begin_anew(one: Machine, said: Said) -> None:
    """Type what a withheld state is told with."""
    line = next(line for line in said.out.splitlines() if line.startswith("  next: git update-ref"))
    command = line.removeprefix("  next: ").rpartition(" && ")[0]
    subprocess.run(["sh", "-c", command], cwd=one.repo.path, check=True)
