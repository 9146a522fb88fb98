"""Reads the check results that belong to a draft from the checkpoints of the task that made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sixthbot.core.drafts import Draft
    from sixthbot.store.open import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """How one check command ended. `problem` says why it did not pass, `output` is the last of what it printed."""

    command: str
    passed: bool
    duration: float
    problem: str
    output: str

    @property
    def ending(self) -> str:
        """What is wrong, empty when it passed."""
        return "" if self.passed else self.problem or "it did not end"


def recorded_checks(store: Store, draft: Draft) -> Sequence[CheckResult]:
    """Return the results of checks on exactly the draft's tree; empty when none were configured or kept."""
    if not draft.issue:
        return ()
    tasks = list(store.queue.about({draft.issue}))
    for task in sorted(tasks, key=lambda task: task.created, reverse=True):
        for record in store.checkpoints.load(task.id).values():
            if record.use == "check" and record.outputs.get("tree") == draft.tree:
                results = record.outputs.get("results")
                return tuple(map(check_result, results)) if isinstance(results, list) else ()
    return ()


def check_result(raw: object) -> CheckResult:
    """Return a result as the checkpoint of the step `check` has it, which may be damaged."""
    if not isinstance(raw, dict):  # somebody edited the checkpoint: what it does not say did not pass
        return CheckResult(command="?", passed=False, duration=0, problem="its record is damaged", output="")
    duration, status = raw.get("duration"), raw.get("exit")
    return CheckResult(
        command=str(raw.get("command") or "?"),
        passed=raw.get("ok") is True,
        duration=duration if isinstance(duration, int | float) else 0,
        problem=str(raw.get("problem") or (f"exit status {status}" if isinstance(status, int) else "")),
        output=str(raw.get("output", "")),
    )
