from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sixthbot.actions.places import task_env
from sixthbot.core.errors import ConfigError, NeedsPerson, WorkFailed
from sixthbot.core.events import make_event
from tests.actions.workshop import open_workshop
from tests.support.fingerprint import fingerprint
from tests.support.repos import make_repo

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.core.events import Event
    from tests.actions.workshop import Workshop


def commit_event(shop: Workshop, commit: str) -> Event:
    fields = {"branch": "main", "id": commit, "subject": "x $(id) {{ y }}", "paths": ("a b", "c")}
    return make_event("commit", fields, time=shop.clock())


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def test_shell_runs_at_the_commit_of_the_event_and_leaves_the_user_alone(shop: Workshop) -> None:
    first = shop.dir.commit("feat: one", {"a": "one\n"})
    shop.dir.commit("feat: two", {"a": "two\n"})
    before = fingerprint(shop.dir.path)
    script = "print(open('a').read(), end=''); open('left', 'w').close()"
    outputs = shop.step("shell", event=commit_event(shop, first), run=python(script)).outputs
    assert (outputs["exit"], outputs["output"], outputs["commit"]) == (0, "one\n", first)
    assert fingerprint(shop.dir.path) == before
    again = shop.step(
        "shell", event=commit_event(shop, first), run=python("import os; print(os.listdir())")
    ).outputs
    assert "left" not in again["output"]


def test_values_reach_it_by_environment_only(shop: Workshop) -> None:
    script = (
        "import os; print(*[os.environ[k] for k in "
        "('SIXTH_EVENT', 'SIXTH_EVENT_SUBJECT', 'SIXTH_EVENT_PATHS', 'MINE')], sep='|')"
    )
    outputs = shop.step(
        "shell", event=commit_event(shop, shop.dir.head()), run=python(script), env={"MINE": "$HOME"}
    ).outputs
    assert outputs["output"] == "commit|x $(id) {{ y }}|a b\nc|$HOME\n"


def test_a_command_that_fails_fails_the_step_with_its_last_words(shop: Workshop) -> None:
    with pytest.raises(WorkFailed, match=r"ended with exit status 1: no good"):
        shop.step(
            "shell", event=commit_event(shop, shop.dir.head()), run=python("raise SystemExit('no good')")
        )
    assert shop.told[-1].endswith("ended with exit status 1: no good")


def test_a_command_that_takes_too_long_is_ended(shop: Workshop) -> None:
    with pytest.raises(WorkFailed, match="time limit of 300ms"):
        shop.step(
            "shell",
            event=commit_event(shop, shop.dir.head()),
            run=python("import time; time.sleep(30)"),
            timeout="300ms",
        )


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({}, "'run' is missing"),
        ({"run": []}, "run"),
        ({"run": "make test"}, "run"),
        ({"run": ["x"], "timeout": "soon"}, "not a duration"),
        ({"run": ["x"], "env": {"SIXTH_TASK_ID": ""}}, "cannot be set"),
        ({"run": ["x"], "env": {"GIT_DIR": "/"}}, "cannot be set"),
        ({"run": ["x"], "shel": True}, "no argument 'shel'"),
    ],
)
def test_bad_arguments_are_named(shop: Workshop, args: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        shop.step("shell", event=commit_event(shop, shop.dir.head()), **args)


def test_shell_without_trust_runs_nothing(shop: Workshop) -> None:
    shop.trusted = False
    with pytest.raises(NeedsPerson):
        shop.step("shell", event=commit_event(shop, shop.dir.head()), run=python("pass"))
    assert shop.processes.ran == []


def test_shell_in_a_repository_without_commits_asks(tmp_path: Path) -> None:
    shop = open_workshop(make_repo(tmp_path / "empty", first_commit=False))
    event = make_event("start", {"args": ""}, time=shop.clock(), key="1")
    with pytest.raises(NeedsPerson, match="no commit"):
        shop.step("shell", event=event, run=python("pass"))


def test_notify_without_a_program_tells_the_log(shop: Workshop) -> None:
    outputs = shop.step("notify", text="look here", event=commit_event(shop, shop.dir.head())).outputs
    assert outputs == {"notified": False, "text": "look here"}
    assert shop.told == ["look here"]


def test_notify_calls_the_program_with_the_text(shop: Workshop, tmp_path: Path) -> None:
    script = f"import os, sys; open({str(tmp_path / 'said')!r}, 'w').write(sys.argv[1] + '|' + os.environ['SIXTH_TEXT'])"
    shop.config["notify"] = {"run": python(script)}
    event = make_event(
        "draft.ready",
        {"branch": "sixth/x", "title": "Tidy {{ it }}", "issue": "i"},
        time=shop.clock(),
        key="k",
    )
    assert shop.step("notify", event=event).outputs["notified"] is True
    said = "sixthbot: draft.ready: Tidy {{ it }} (sixth/x)"
    assert (tmp_path / "said").read_text() == f"{said}|{said}"


def test_a_notifier_that_fails_fails_the_step(shop: Workshop) -> None:
    shop.config["notify"] = {"run": python("raise SystemExit('no bus')")}
    with pytest.raises(WorkFailed, match="no bus"):
        shop.step("notify", text="x", event=commit_event(shop, shop.dir.head()))


def test_report_measures_the_code_at_the_commit(shop: Workshop) -> None:
    source = "def plain():\n    pass\n\ndef knotty(x):\n    if x:\n        return [y for y in x if y]\n    return x\n"
    commit = shop.dir.commit("feat: code", {"pkg/mod.py": source, "bad.py": "def (:\n", "note.txt": "no\n"})
    (shop.dir.path / "link.py").symlink_to("bad.py")
    shop.dir.commit("feat: more", {"pkg/mod.py": "x = 1\n"})
    outputs = shop.step("report", event=commit_event(shop, commit), report_to="code.md").outputs
    text = (shop.places.sixth / outputs["path"]).read_text()
    assert (outputs["files"], outputs["worst"]) == (1, 4)
    assert "| 4 | `knotty` | `pkg/mod.py:4` |\n| 1 | `plain`" in text
    assert "- `bad.py`" in text
    before = text
    shop.step("report", event=commit_event(shop, commit), report_to="code.md")
    assert (shop.places.sixth / outputs["path"]).read_text() == before


@pytest.mark.parametrize("name", ["../x.md", "a/b.md", "/x", ".hidden", "a..b"])
def test_a_report_goes_nowhere_else(shop: Workshop, name: str) -> None:
    with pytest.raises(ConfigError, match="file name"):
        shop.step("report", event=commit_event(shop, shop.dir.head()), report_to=name)


def test_what_the_issue_wished_for_is_told_to_programs(shop: Workshop) -> None:
    ctx = shop.context(commit_event(shop, shop.dir.head()))
    assert not any(name.endswith(("BUDGET", "INTENSITY")) for name in task_env(ctx))
    told = task_env(replace(ctx, task=replace(ctx.task, intensity="high", max_budget="2h\0")))
    wishes = {name: value for name, value in told.items() if name.endswith(("BUDGET", "INTENSITY"))}
    assert wishes == {"SIXTH_INTENSITY": "high", "SIXTH_MAX_BUDGET": "2h"}
