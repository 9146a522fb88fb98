from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.fingerprint import fingerprint

if TYPE_CHECKING:
    from tests.actions.workshop import Workshop


def check(shop: Workshop, *scripts: str, timeout: str = "30s") -> None:
    shop.config["check"] = {"run": [[sys.executable, "-c", script] for script in scripts], "timeout": timeout}


@pytest.fixture
def worked(shop: Workshop) -> Workshop:
    shop.recipe("a", "open('a', 'w').write('made')")
    shop.drop("# Tidy\n\n- [ ] Make a `do: a`\n")
    shop.steps("branch", "plan", "work")
    return shop


def test_none_configured_is_said(worked: Workshop) -> None:
    outputs = worked.step("check").outputs
    assert (outputs["configured"], outputs["results"]) == (False, [])


def test_it_runs_on_the_tree_of_the_branch_and_records_which(worked: Workshop) -> None:
    check(worked, "assert open('a').read() == 'made'; print('all well')")
    before = fingerprint(worked.dir.path)
    outputs = worked.step("check").outputs
    assert fingerprint(worked.dir.path) == before
    (result,) = outputs["results"]
    assert (outputs["passed"], result["exit"], result["output"]) == (True, 0, "all well\n")
    assert outputs["tree"] == result["tree"] == worked.dir.git("rev-parse", f"{worked.branch}^{{tree}}")
    assert result["command"].startswith(shlex.quote(sys.executable))
    assert result["duration"] > 0


def test_a_failing_check_is_recorded_and_the_others_run(worked: Workshop) -> None:
    check(worked, "raise SystemExit('broken')", "pass")
    outputs = worked.step("check").outputs
    assert outputs["passed"] is False
    assert [result["exit"] for result in outputs["results"]] == [1, 0]
    assert "broken" in outputs["results"][0]["output"]


def test_a_check_that_hangs_or_is_missing_is_a_failed_one(worked: Workshop) -> None:
    check(worked, "import time; time.sleep(60)", timeout="500ms")
    worked.config["check"]["run"].append(["no-such-checker"])
    outputs = worked.step("check").outputs
    assert [result["exit"] for result in outputs["results"]] == [None, None]
    assert "time limit of 500ms" in outputs["results"][0]["problem"]
    assert "no-such-checker" in outputs["results"][1]["problem"]


def test_passed_results_of_the_same_tree_are_used_again_and_failed_ones_are_not(worked: Workshop) -> None:
    check(worked, "pass")
    worked.steps("check", "check")
    assert len(worked.processes.ran) == 2  # the recipe and one check
    check(worked, "raise SystemExit(1)")
    worked.steps("check", "check")
    assert len(worked.processes.ran) == 4


def test_it_runs_again_when_the_tree_changed(worked: Workshop) -> None:
    check(worked, "pass")
    worked.step("check")
    worked.step("changelog")
    outputs = worked.step("check").outputs
    assert outputs["tree"] == worked.dir.git("rev-parse", f"{worked.branch}^{{tree}}")
    assert len(worked.processes.ran) == 3


def test_what_a_check_writes_reaches_no_branch(worked: Workshop) -> None:
    check(worked, "open('a', 'w').write('changed'); open('new', 'w').close()")
    tip = worked.dir.tip(worked.branch)
    worked.step("check")
    assert worked.dir.tip(worked.branch) == tip
    check(worked, "import os; assert open('a').read() == 'made'; assert not os.path.exists('new')")
    assert worked.step("check").outputs["passed"] is True


def test_a_worktree_that_cannot_be_set_up_fails_every_check(worked: Workshop) -> None:
    check(worked, "pass", "pass")
    worked.config["worktree"] = {"setup": [[sys.executable, "-c", "raise SystemExit('no')"]]}
    outputs = worked.step("check").outputs
    assert [result["ok"] for result in outputs["results"]] == [False, False]
    assert "worktree.setup" in outputs["results"][0]["problem"]


def test_a_long_name_is_told_cut_with_an_ellipsis_and_recorded_whole(worked: Workshop) -> None:
    check(worked, "pass" + "#" * 300)
    (result,) = worked.step("check").outputs["results"]
    (begun, ended) = [line.removeprefix("check: ") for line in worked.told if line.startswith("check: ")]
    assert begun.endswith("###...")
    assert len(begun) == 100
    assert ended == f"{begun}: passed"
    assert "#" * 300 in result["command"]
