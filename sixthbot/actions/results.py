"""Reads the results of checks back from what the step `check` left; a checkpoint may be damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sixthbot.core.checkcounts import from_record

if TYPE_CHECKING:
    from collections.abc import Mapping


def recorded(outputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the results in the outputs of this step; what is no sound record, in a checkpoint, counts as failed."""
    results = outputs.get("results")
    return [_sound(raw) for raw in results] if isinstance(results, list) else []


def _sound(raw: object) -> dict[str, Any]:
    values = raw if isinstance(raw, dict) else {"problem": "its record is damaged"}
    status, duration = values.get("exit"), values.get("duration")
    return {
        "command": str(values.get("command", "?")),
        "argv": values.get("argv"),
        "ok": values.get("ok") is True,
        "exit": status if isinstance(status, int) else None,
        "duration": float(duration) if isinstance(duration, int | float) else 0.0,
        "problem": str(values.get("problem", "")),
        "output": str(values.get("output", "")),
        "counts": from_record(values.get("counts")),
    }
