"""The form of a task's file, for those who write and read it whole and for those who only look."""

from __future__ import annotations

SCHEMA = 1

TASK_LIMIT = 8 << 20
"""No task file is longer, in bytes: a task may carry thousands of settled events with their paths."""

TASK_ID = r"[A-Za-z0-9][A-Za-z0-9_]{0,63}"

FILE_NAME = rf"[0-9]{{8}}T[0-9]{{9}}Z-({TASK_ID})\.json"
"""A deadline, so that names sort, and the task's id."""

TASK_TYPES: dict[str, type] = {
    "id": str, "rule": str, "rule_hash": str, "events": list, "lane": str, "created": str, "deadline": str,
    "attempts": int, "crashes": int, "key": str, "issue": str, "intensity": str, "min_budget": str,
    "max_budget": str, "state": dict,
}  # fmt: skip
"""What a task's file must have, besides its schema."""

STATE_TEXTS: dict[str, tuple[str, ...]] = {
    "ready": (), "waiting": ("until", "reason"), "running": ("worker",), "parked": ("kind", "reason", "hint"),
    "failed": ("reason",), "done": (),
}  # fmt: skip
"""The texts that the content of each state must have, besides its name."""

MOVED_BY_HAND = "moved here by hand"
"""Why a task is in a state of which its content knows nothing."""


def retry_hint(task_id: str) -> str:
    """Return what to type to have a task tried again."""
    return "sixthbot queue retry " + task_id
