"""What people, clones and disks can get wrong: each ends in a clear error or a rejected file, and the rest goes on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.e2e.person import CONFIG, Person
from tests.support.fingerprint import fingerprint
from tests.support.repos import RepoDir, make_repo

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "# Sort the words\n\n- [ ] Sort them `do: sort-words`\n"


def draft_of(person: Person, title: str) -> bool:
    return any(draft["title"] == title for draft in person.drafts())


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.md", b"", "empty"),
        ("blank.md", b" \n\t\n", ""),
        ("binary.md", bytes(range(256)) * 40, ""),
        ("utf16.md", "# A title".encode("utf-16"), ""),
        ("huge.md", b"# big\n" + b"x" * 50_000_000, "262144"),
        ("badid.md", b"---\nid: ../../etc/passwd\n---\nx\n", "id"),
        ("options.md", b"---\nid: --force\n---\nx\n", "id"),
    ],
)
def test_a_bad_issue_file_is_rejected_with_a_reason_and_the_rest_goes_on(
    person: Person, name: str, content: bytes, says: str
) -> None:
    person.drop(content, name)
    person.drop(GOOD, "good.md")
    person.ok("run")
    (reason,) = person.rejected().values()
    assert says in reason
    assert len(reason.strip()) > 10
    assert (person.repo.path / ".sixth/inbox/rejected" / name).read_bytes() == content
    assert draft_of(person, "Sort the words")


def test_special_files_in_the_inbox_are_rejected_or_left_and_never_followed(
    person: Person, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("# secret\n")
    inbox = person.repo.path / ".sixth/inbox"
    (inbox / "link.md").symlink_to(secret)
    (inbox / "dangling.md").symlink_to(tmp_path / "nowhere")
    os.mkfifo(inbox / "pipe.md")
    (inbox / "folder.md").mkdir()
    for name in (".hidden.md", "notes.md~", "notes.tmp", "notes.swp", "notes.txt"):
        (inbox / name).write_text("not an issue\n")
    person.drop(GOOD, "good.md")
    person.ok("run")
    assert set(person.rejected()) == {"link.md", "dangling.md", "pipe.md"}
    assert secret.read_text() == "# secret\n"
    assert len(person.issues()) == 1
    assert draft_of(person, "Sort the words")


def test_a_name_that_tries_something_is_only_a_name(person: Person) -> None:
    person.drop("# $(touch pwned) `touch pwned`; --output=pwned\n\n- [ ] x `do: sort-words`\n", "-rf $(x).md")
    person.drop("---\nbranch: --force\n---\n# a\n", "b.md")
    person.drop("---\nbase: HEAD~3\n---\n# c\n", "c.md")
    person.drop("---\nbase: nowhere\n---\n# d\n", "d.md")
    person.say("run")
    assert not (person.repo.path / "pwned").exists()
    states = {issue["title"]: issue["status"] for issue in person.issues()}
    told = [*person.rejected(), *states]
    assert len(told) == 4, told
    assert any("touch pwned" in title for title in states)


@pytest.mark.parametrize(
    ("recipe", "says"), [("fails", "this went wrong"), ("hangs", "1s"), ("strays", "ead-only")]
)
def test_a_recipe_that_goes_wrong_fails_its_subtask_and_changes_nothing(
    person: Person, recipe: str, says: str
) -> None:
    (person.repo.path / ".sixth/rules").mkdir(exist_ok=True)
    before = fingerprint(person.repo.path)
    person.drop(f"# Bad\n\n- [ ] one `do: {recipe}`\n", "bad.md")
    person.drop(GOOD, "good.md")
    said = person.say("run")
    assert said.status == 1, said
    (bad,) = [issue for issue in person.issues() if issue["title"] == "Bad"]
    assert bad["subtasks"][0]["status"] == "failed"
    assert says in person.ok("why", bad["id"])
    assert person.repo.subjects("main..sixth/bad") == []
    assert fingerprint(person.repo.path) == before
    assert draft_of(person, "Sort the words")
    assert person.json("status")["last_error"]["task"]


def test_an_unknown_recipe_waits_for_a_person_with_the_reason(person: Person) -> None:
    person.drop("# Ask\n\n- [ ] one `do: nope`\n- [ ] two `do: shell run=ls`\n", "ask.md")
    person.ok("run")
    (issue,) = person.issues()
    assert issue["subtasks"][0]["status"] == "waiting"
    assert "nope" in person.ok("status")


def test_a_rule_file_with_a_typo_is_disabled_and_shown_and_the_others_run(person: Person) -> None:
    rules = person.repo.path / ".sixth/rules"
    rules.mkdir(exist_ok=True)
    (rules / "typo.toml").write_text(
        '[[rule]]\nname = "t"\non = "comit"\ndo = [{ use = "notify", text = "x" }]\n'
    )
    (rules / "broken.toml").write_text("[[rule\n")
    person.ok("trust", "--yes")
    said = person.say("rules", "check")
    assert said.status in {1, 2}
    assert "typo.toml" in said.all
    assert "commit" in said.all
    person.drop(GOOD, "good.md")
    person.ok("run")
    assert draft_of(person, "Sort the words")
    assert person.json("status")["rules"]["disabled"]


def test_a_template_with_an_error_fails_that_step_and_names_file_and_line(person: Person) -> None:
    templates = person.repo.path / ".sixth/templates"
    templates.mkdir(exist_ok=True)
    (templates / "pr.md.j2").write_text("fine\n{% if %}\n")
    person.ok("trust", "--yes")
    person.drop(GOOD, "good.md")
    assert person.say("run").status == 1
    why = person.ok("why", person.issues()[0]["id"])
    assert "pr.md.j2:2" in why or ("pr.md.j2" in why and "line 2" in why)
    (templates / "pr.md.j2").unlink()
    person.ok("trust", "--yes")  # that a trusted file is gone is a change as well
    (failed,) = [task for task in person.tasks() if task["state"] == "failed"]
    person.ok("queue", "retry", failed["id"])
    person.ok("run")
    assert draft_of(person, "Sort the words")


@pytest.mark.parametrize(
    "command", ["init", "status", "run", "watch", "new x", "doctor", "queue list", "why x"]
)
def test_no_repository_and_a_bare_one_are_refused_with_3(
    person: Person, tmp_path: Path, command: str
) -> None:
    bare = tmp_path / "remote.git"
    for place in (tmp_path, bare):
        said = person.say(*command.split(), cwd=place)
        assert said.status == 3, said
        assert said.err.startswith("error: ")
        assert "hint: " in said.err


def test_a_repository_that_is_not_initialised_says_so(tmp_path: Path) -> None:
    said = Person(make_repo(tmp_path / "r")).say("run")
    assert said.status == 3
    assert "sixthbot init" in said.err


def test_a_repository_without_commits_waits_for_the_first(tmp_path: Path) -> None:
    someone = Person(make_repo(tmp_path / "r", first_commit=False))
    someone.settle_in()
    someone.drop(GOOD)
    someone.ok("run")
    assert "commit" in someone.ok("status")
    someone.repo.commit("first", {"words.txt": "b\na\n"})
    (task,) = [task for task in someone.tasks() if task["state"] in {"parked", "waiting"}]
    someone.ok("queue", "retry", task["id"])
    someone.ok("run")
    assert draft_of(someone, "Sort the words")


def test_a_detached_head_and_a_linked_worktree_and_a_submodule_work(person: Person, tmp_path: Path) -> None:
    repo = person.repo
    inner = make_repo(tmp_path / "inner")
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.path), "inner")
    repo.commit("chore: a submodule")
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "side"))
    repo.git("switch", "--quiet", "--detach")
    before = fingerprint(repo.path)
    assert "watcher" in person.say("status", cwd=tmp_path / "side").out
    person.say("new", "Sort the words", "--body-file", "-", cwd=tmp_path / "side")
    person.drop(GOOD)
    person.ok("run")
    assert draft_of(person, "Sort the words")
    assert fingerprint(repo.path) == before


def test_a_shallow_clone_works(person: Person, tmp_path: Path) -> None:
    place = tmp_path / "shallow"
    person.repo.git("clone", "--quiet", "--depth=1", f"file://{person.repo.path}", str(place))
    someone = Person(RepoDir(place))
    someone.settle_in()
    someone.drop(GOOD)
    someone.ok("run")
    assert draft_of(someone, "Sort the words")


def test_state_smuggled_in_by_a_clone_is_refused(person: Person, tmp_path: Path) -> None:
    source = make_repo(tmp_path / "evil")
    source.commit("chore: evil", {".sixth/queue/ready/normal/x.json": "{}", ".sixth/config.toml": CONFIG})
    someone = Person(RepoDir(tmp_path / "clone"))
    source.git("clone", "--quiet", str(source.path), str(someone.repo.path))
    said = someone.say("init")
    assert said.status == 4, said
    assert ".sixth/queue" in said.err


def test_state_that_a_pull_brings_in_is_refused_too(person: Person) -> None:
    person.repo.write({".sixth/queue/ready/normal/x.json": "{}"})
    person.repo.git("add", "--force", ".sixth/queue/ready/normal/x.json")
    for command in ("run", "watch"):
        said = person.say(command)
        assert said.status == 4, said
        assert ".sixth/queue" in said.err


def test_a_link_in_place_of_a_folder_of_the_bot_is_refused(person: Person, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    inbox = person.repo.path / ".sixth/inbox"
    for path in sorted(inbox.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    inbox.rmdir()
    inbox.symlink_to(elsewhere)
    assert person.say("run").status == 4
    assert list(elsewhere.iterdir()) == []


def test_recipes_and_rules_of_a_cloned_repository_do_not_run_before_trust(tmp_path: Path) -> None:
    source = make_repo(tmp_path / "source")
    rule = '[[rule]]\nname = "evil"\non = "issue.added"\ndo = [{ use = "shell", run = ["touch", "/tmp/never"] }]\n'
    marker = tmp_path / "ran"
    config = f'[recipes.sort-words]\nrun = ["touch", "{marker}"]\n'
    source.commit(
        "chore: x", {".sixth/config.toml": config, ".sixth/rules/evil.toml": rule, "words.txt": "b\na\n"}
    )
    someone = Person(RepoDir(tmp_path / "clone"))
    source.git("clone", "--quiet", str(source.path), str(someone.repo.path))
    someone.ok("init")
    someone.drop(GOOD)
    someone.ok("run")
    assert not marker.exists()
    assert {task["state"] for task in someone.tasks()} == {"parked"}
    assert "trust" in someone.ok("status")
    someone.ok("trust", "--yes")
    someone.say("run")
    assert marker.exists()


@pytest.mark.parametrize("name", ["sixth/sort-the-words", "sixth"])
def test_a_branch_in_the_way(person: Person, name: str) -> None:
    person.repo.git("branch", name)
    tip = person.repo.tip(name)
    person.drop(GOOD)
    person.ok("run")
    assert person.repo.tip(name) == tip
    if name == "sixth":
        assert "sixth" in person.ok("status")
        assert person.tasks()[0]["state"] == "parked"
    else:
        assert draft_of(person, "Sort the words")
        assert person.issues()[0]["branch"].startswith("sixth/sort-the-words-")


def test_a_remote_that_refuses_keeps_the_approval(person: Person, remote: RepoDir) -> None:
    person.drop(GOOD)
    person.ok("run")
    hook = remote.path / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    person.ok("approve", "sixth/sort-the-words")
    said = person.say("push", "sixth/sort-the-words")
    assert said.status == 1
    assert "not today" in said.err
    assert person.drafts()[0]["status"] == "approved"
    hook.unlink()
    person.ok("push", "sixth/sort-the-words")
    assert person.drafts()[0]["status"] == "pushed"


def test_approve_push_trust_and_release_are_refused_inside_a_task(person: Person) -> None:
    for command in (["approve", "x"], ["push", "x"], ["trust", "--yes"], ["release", "x"]):
        said = person.say(*command, SIXTH_TASK_ID="t123")
        assert said.status == 4, said


def test_two_watchers_are_one_too_many(person: Person) -> None:
    with person.watching():
        said = person.say("watch")
        assert said.status == 5
        assert said.err.startswith("error: ")


def test_a_full_disk_loses_nothing(person: Person, tmp_path: Path) -> None:
    """The whole repository on a small file system that fills up, is given room again, and goes on."""
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() or os.system(f"mount -t tmpfs -o size=24m tmpfs {place}"):  # noqa: S605
        pytest.skip("needs the right to mount a small file system")
    try:
        repo = make_repo(place / "r")
        repo.commit("docs: words", {"words.txt": "b\na\n"})
        someone = Person(repo)
        someone.settle_in()
        someone.drop(GOOD)
        ballast = place / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        said = someone.say("run", SIXTHBOT_BOT__DURABILITY="process")
        assert said.status in {0, 1}, said
        ballast.unlink()
        someone.say("run")
        for task in someone.tasks():
            if task["state"] in {"waiting", "failed"}:
                someone.ok("queue", "retry", task["id"])
        someone.ok("run")
        assert draft_of(someone, "Sort the words")
        assert "error" not in repo.git("fsck", "--strict")
    finally:
        os.system(f"umount {place}")  # noqa: S605
