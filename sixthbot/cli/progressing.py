"""How far a running task is, in words: one line for `status`, `queue show` and what is shown while the bot works."""

from __future__ import annotations

from sixthbot.cli.output import one_line, paint
from sixthbot.store.progressfile import FIELDS, percent

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def progress_text(row: Mapping[str, Any], *, limit: int = 160) -> str:
    """Return `check, step 6 of 7: 2 of 5 (40 %), about 3 min left: pytest -q`, of at most `limit` characters."""
    steps = f", step {row['step']} of {row['steps']}" if row["steps"] > 1 else ""
    counted = ""
    if row["total"]:
        counted = f": {row['done']} of {row['total']} ({percent(row)} %)"
        if row["eta"] is not None and row["done"] < row["total"]:
            counted += f", {span_text(row['eta'])} left"
    item = f": {row['item']}" if row["item"] else ""
    return one_line(f"{row['action']}{steps}{counted}{item}", limit)


def left_text(row: Mapping[str, Any] | None) -> str:
    """Return what is said of a task that lies as running and whose worker is gone, with how far that one came."""
    at = f" at {progress_text(row)}" if row else ""
    return f"{paint('stopped', 'yellow')}{at}; its worker is dead, the next run or watch takes it up"


def span_text(seconds: float) -> str:
    """Return a guess at a span as people say it."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"about {round(seconds / size)} {unit}"
    return "less than a minute"


def progress_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return how far a task is, for programs."""
    return {**{name: row[name] for name in FIELDS}, "percent": percent(row)}
