"""`doctor`: names what was left behind or kept aside, mends what is safe, twice the same, and keeps what may be yours."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sixthbot.cli.ground import is_mended
from sixthbot.core.tasks import Parked
from sixthbot.engine.savedstate import look_at_saved
from sixthbot.engine.services import open_services
from sixthbot.store.mounts import mounted_as
from sixthbot.store.open import open_store
from sixthbot.store.paths import locate
from tests.cli.support import sixthbot
from tests.cli.test_queue import put

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir


def findings(repo: RepoDir, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sixthbot("doctor", "--json", *options, cwd=repo.path).json["findings"]
    return found


def told(found: list[dict[str, Any]], what: str) -> list[str]:
    return [each["message"] for each in found if each["what"] == what and each["level"] != "ok"]


def test_what_lies_aside_is_named_with_its_reason_and_kept(home: RepoDir) -> None:
    sixth = home.path / ".sixth"
    (sixth / "rules/mine.toml").write_text("# mine\n")
    sixthbot("run", cwd=home.path)  # which saves it
    files = {
        "queue/failed/x.json": "{", "queue/failed/x.json.reason.txt": "it is cut short\nmore\n",
        "inbox/note.txt": "# x", "inbox/.swap": "x", "inbox/rejected/bad.md": "# x", "inbox/rejected/bad.md.reason.txt": "the id is not usable\n",
        "checkpoints/t1.json.damaged": "{", "local/cache/x.json.damaged": "{", "journal/other.jsonl": '{"torn',
        f"queue/.{2**22 + 7}-1-abcdef.tmp": "half",
    }  # fmt: skip
    for name, text in files.items():
        (sixth / name).parent.mkdir(parents=True, exist_ok=True)
        (sixth / name).write_text(text)
    os.utime(sixth / f"queue/.{2**22 + 7}-1-abcdef.tmp", (1, 1))
    (home.git_dir / "index.lock").write_text("")
    os.utime(home.git_dir / "index.lock", (1, 1))
    found = findings(home)
    assert told(found, "set aside") == ["queue/failed/x.json: it is cut short"]
    assert told(found, "inbox") == ["inbox/note.txt is not taken up: an issue is a file that ends in .md"]
    assert told(found, "rejected") == ["inbox/rejected/bad.md: the id is not usable"]
    damaged = told(found, "damaged")
    assert ["checkpoints/t1.json.damaged" in damaged[0], "cache/x.json.damaged" in damaged[1]] == [True, True]
    assert "other.jsonl: 1" in told(found, "journal")[0]
    assert ".git/index.lock" in told(found, "git's locks")[0]
    assert told(found, "temporaries") == ["1 half-written file of processes that are gone"]
    assert [each["what"] for each in found if each["fixable"]] == ["temporaries"]
    fixed = findings(home, "--fix")
    assert [each["what"] for each in fixed if each["fixed"]] == ["temporaries"]
    assert told(findings(home, "--fix"), "temporaries") == []
    left = {name for name in files if (sixth / name).exists()}
    assert set(files) - left == {f"queue/.{2**22 + 7}-1-abcdef.tmp"}
    assert (home.git_dir / "index.lock").exists()


def test_what_means_nothing_where_it_lies_is_named(home: RepoDir) -> None:
    sixth = home.path / ".sixth"
    assert told(findings(home), "queue") == []
    for name in ("queue/ready/low/20261120T120000000Z-t1.json", "queue/ready/urgent", "inbox/k-folder.md"):
        (sixth / name).mkdir(parents=True)
    files = (
        "ready/low/notes.txt",
        "paused/lwo",
        "paused/all",
        "stray.txt",
        "failed/x.json.second",
        "failed/x.json.second.reason.txt",
        "ready/y.json",
        "parked/20261120T120000000Z-t2.json",
    )
    for name in files:
        (sixth / "queue" / name).parent.mkdir(exist_ok=True)
        (sixth / "queue" / name).write_text("x")
    for name, text in (("t3", '{"schema": 99, "id": "t3"}'), ("t4", "x")):
        (sixth / f"queue/ready/low/20261120T120000000Z-{name}.json").write_text(text)
    (sixth / "queue/waiting/link.json").symlink_to(sixth / "queue/stray.txt")
    found = findings(home)
    assert told(found, "queue") == [
        "queue/stray.txt is no task but a file: it is passed over",
        "queue/ready/urgent is a folder of no lane: nothing in it is done",
        "queue/ready/low/20261120T120000000Z-t1.json is no task but a folder: it is passed over",
        "queue/ready/low/notes.txt is no task but a file: it is passed over",
        "queue/waiting/link.json is no task but a link: it is passed over",
        "queue/paused/lwo pauses nothing: there is no such lane",
        "queue/ready/low/20261120T120000000Z-t3.json is of a newer sixthbot: it is left alone",
        "queue/ready/low/20261120T120000000Z-t4.json cannot be read as a task",
        "queue/parked/20261120T120000000Z-t2.json cannot be read as a task: it is passed over",
    ]
    assert told(found, "inbox") == ["inbox/k-folder.md is a folder, and nothing in it is taken up"]
    assert all(one["hint"] for one in found if one["what"] in {"queue", "inbox"})


def test_a_copy_of_a_task_under_another_name_is_only_to_be_deleted(home: RepoDir) -> None:
    task = put(home, "a", Parked("input", "which base?"))
    [path] = (home.path / ".sixth/queue/parked").glob("*.json")
    copy = home.path / ".sixth/queue/ready/normal/copy-of.json"
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(path.read_bytes())
    assert open_store(locate(home.path)).queue.claim("w1") is None
    [aside] = [one for one in findings(home) if one["what"] == "set aside"]
    where = f"the task itself is in the queue: sixthbot queue show {task.id}"
    assert aside["hint"] == f"delete both files; {where}"
    path.unlink()
    [aside] = [one for one in findings(home) if one["what"] == "set aside"]
    assert aside["hint"].startswith("mend it"), "what is nowhere else is not to be thrown away"


@pytest.mark.parametrize(
    ("version", "mended"),
    [((2, 39, 5), False), ((2, 43, 7), True), ((2, 45, 3), False), ((2, 50, 0), False), ((2, 50, 1), True), ((2, 51, 0), True), ((3, 0, 0), True)],
)  # fmt: skip
def test_a_git_with_the_known_hole_is_told_from_one_without(
    version: tuple[int, ...], *, mended: bool
) -> None:
    assert is_mended(version) is mended


def test_the_kind_of_the_file_system_is_that_of_the_innermost_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"2 1 0:40 / {tmp_path} rw shared:1 - nfs4 host:/x rw\n"
        f"3 1 0:41 / {tmp_path}-not rw - tmpfs tmpfs rw\n"
    )
    assert mounted_as(tmp_path / "repo", mounts) == "nfs4"
    assert mounted_as(tmp_path.parent, mounts) == "ext4"
    assert mounted_as(tmp_path, tmp_path / "none") == ""


def test_half_made_worktrees_and_torn_objects_are_named_and_mended(home: RepoDir) -> None:
    sixthbot("doctor", "--fix", cwd=home.path)  # nothing was saved yet
    entry = home.git_dir / "worktrees/w1"
    entry.mkdir(parents=True)
    (entry / "locked").write_text("")
    for name in ("gitdir", "HEAD", "commondir"):
        (entry / name).write_text("")
    torn = home.git_dir / "objects/ab" / ("c" * 38)
    torn.parent.mkdir(exist_ok=True)
    torn.touch()
    found = findings(home)
    assert told(found, "worktrees") == ["half made, of the bot's own: .git/worktrees/w1"]
    assert told(found, "objects") == ["1 object of git's torn, as after a power cut: abcccccccccc"]
    fixed = findings(home, "--fix")
    assert [each["what"] for each in fixed if each["fixed"]] == ["worktrees", "objects"]
    assert (told(findings(home), "worktrees"), told(findings(home), "objects")) == ([], [])
    assert not entry.exists()
    assert (home.path / ".sixth/local/torn" / f"ab{'c' * 38}").exists()


def test_a_dry_run_shows_only_what_would_be_mended_and_mends_nothing(home: RepoDir) -> None:
    exclude = home.git_dir / "info/exclude"
    exclude.write_text("")
    said = sixthbot("doctor", "--dry-run", "--fix", "--json", cwd=home.path)
    assert said.json["findings"]
    assert all(one["fixable"] and not one["fixed"] for one in said.json["findings"])
    assert exclude.read_text() == ""


def test_where_nothing_was_taken_up_yet_nothing_is_missing_from_what_is_saved(repo: RepoDir) -> None:
    assert sixthbot("init", cwd=repo.path).code == 0
    assert told(findings(repo), "saved state") == []
    (repo.path / ".sixth/config.toml").write_text("[check]\nrun = [['true']]\n")
    assert sixthbot("trust", "--yes", cwd=repo.path).code == 0
    (repo.path / ".sixth/inbox/a.md").write_text("# A\n")
    assert told(findings(repo), "saved state") == []
    assert repo.try_git("rev-parse", "--verify", "--quiet", "refs/sixth/state").returncode == 1


def test_whether_it_could_come_back_if_it_were_taken_away(home: RepoDir) -> None:
    (home.path / ".sixth/inbox/a.md").write_text("# A\n\n- [ ] By hand\n")
    assert sixthbot("run", cwd=home.path).code == 0
    assert told(findings(home), "saved state") == []
    rule = home.path / ".sixth/rules/mine.toml"
    rule.write_text("# mine\n")
    assert told(findings(home), "saved state") == []  # a bot would not have seen it yet
    os.utime(rule, (1, 1))  # which tells nothing: when it was put there counts
    assert told(findings(home), "saved state") == []
    later = open_services(home.path, clock=lambda: datetime.now(UTC) + timedelta(seconds=90))
    found = look_at_saved(later)
    assert (found.there, found.missing, found.behind) == (True, (), ("rules/mine.toml",))
    assert found.oldest > 80
    home.git("update-ref", "-d", "refs/sixth/state")
    assert "it could not come back" in told(findings(home), "saved state")[0]
    assert told(findings(home, "--fix"), "saved state")[0].startswith("saved, ")
    assert told(findings(home), "saved state") == []
    tree = home.git("ls-tree", "refs/sixth/state").splitlines()
    emptied = home.git(
        "mktree", stdin="\n".join(line for line in tree if not line.endswith("\tblobs")) + "\n"
    )
    home.git("update-ref", "refs/sixth/state", home.git("commit-tree", emptied, "-m", "no contents"))
    assert "their contents are not in refs/sixth/state: " in told(findings(home), "saved state")[0]
    home.git(
        "update-ref", "--no-deref", "refs/sixth/state", home.git("hash-object", "-w", "--stdin", stdin="x")
    )
    assert "refs/sixth/state cannot be read: " in told(findings(home), "saved state")[0]
