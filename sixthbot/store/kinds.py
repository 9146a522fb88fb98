"""What kinds of records the journal has, and what each says. A value; docs/journal.md is made from it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "event": "an event was let in; `data.verdicts` has what every rule said, `data.tasks` the ids of new tasks",
        "task.made": "a rule made a task",
        "task.claimed": "a worker has it in hand; `data.worker` says which",
        "task.given-back": "back to the queue, with its checkpoint: the bot was told to stop",
        "task.waiting": "it waits for another attempt or for a time, `data.until`",
        "task.parked": "it waits for a person; `data.kind` and `data.hint` say for what and how to answer",
        "task.resumed": "it goes on after an answer",
        "task.retried": "a person had it tried again",
        "task.moved": "a person moved it to another lane",
        "task.paused": "a person paused it; its checkpoint is kept",
        "task.alone": "it waits for a task that may not run beside it, or runs alone",
        "task.cancel.requested": "a person asked a running one to stop",
        "task.cancelled": "it was given up on a person's word, or because its issue ended",
        "task.recovered": "its worker died; it is back in the queue, `data.crashes` counts",
        "task.failed": "it was given up; the message says why",
        "task.succeeded": "it is over",
        "step.started": "a step was begun",
        "step.finished": "a step is done, with what its programs and models took",
        "progress": "a line about what a step does, or how far it is (`data.done` of `data.total`)",
        "process.started": "a foreign program begins; `data.env` names the variables it was given",
        "process.ended": "the same program ended; the one record with its exit status and usage",
        "model.asked": "a language model was asked",
        "commit.made": "the bot wrote this commit, once for each; `data.from` names the one it is a rebased copy of",
        "commit.dropped": "a commit became empty in a rebase and is left out",
        "ref.moved": "a ref was made, moved or deleted, once for each; `data` has ref, old, new and the operation",
        "branch.rebased": "an issue's branch stands on its base's tip now",
        "branch.accepted": "a person's commits on a bot branch may be built on",
        "branch.released": "a person let the bot build on a branch again",
        "branch.deleted": "a merged branch was deleted; the message says how to bring it back",
        "subtask.unchanged": "a recipe changed nothing, so that there is no commit",
        "subtask.answered": "a person finished a subtask",
        "subtask.committed": "a person's commit names the subtask it does",
        "plan.edited": "a person edited a plan",
        "issue.rejected": "an inbox file could not be taken",
        "issue.warning": "something in an issue file was not understood",
        "issue.trouble": "an inbox file could not be read",
        "issue.cancelled": "a person gave an issue up",
        "issue.reopened": "a person took an issue up again",
        "issue.ended": "an issue's branch was merged or deleted",
        "draft.none": "nothing changed, so that there is no draft",
        "draft.redone": "a person wants a draft made anew",
        "draft.approved": "a person approved exactly this commit",
        "draft.rejected": "a person rejected a draft",
        "draft.voided": "an approval holds no longer",
        "draft.pushed": "a draft was sent to its remote; `argv` is the git command",
        "draft.push-failed": "a push was refused or did not get through",
        "health.passed": "a job of the default branch found nothing wrong",
        "health.failed": "a job of the default branch failed; its page lies in `.sixth/artifacts/health/`",
        "notify.failed": "the configured program that calls a person failed",
        "rule.changed": "a task's rule is another by now; the new one is followed",
        "refs.trouble": "branches or tags could not be read",
        "rule.stopped": "a rule made too many tasks, or answered itself, and makes no more for a while",
        "schedule.missed": "times of a schedule lead to no task, and why; `data.missed` counts them",
        "schedule.corrected": "the clock went back by hours, and the schedule goes by the new time",
        "queue.paused": "a person paused a lane",
        "queue.resumed": "a person let a lane go on",
        "trust.given": "a person trusted files of this repository",
        "trust.revoked": "a person took trust back",
        "bot.trouble": "something the bot does by itself failed; it is tried again",
    }
)
