"""What bringing `.sixth` back came to, and how that is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sixthbot.core.names import clean_line

if TYPE_CHECKING:
    from datetime import datetime

_NAMED = 10
"""So many of each kind are named: what is more is counted."""


@dataclass(slots=True)
class Rebuilt:
    """What was brought back: how many files below each folder, when they were saved, and what could not be used.

    `lost` names what came after the last save, as far as anybody knows; `recalled` counts the operations that came
    after it and that git's own notes tell of.
    """

    saved: datetime | None
    restored: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    recalled: int = 0

    def story(self) -> list[str]:
        """Return it in lines for people."""
        if self.saved is None:
            return [".sixth was taken away and made anew; nothing of it had been saved"]
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.restored.items()))
        when = self.saved.strftime("%Y-%m-%d %H:%M:%S UTC")
        lines = [
            f".sixth was taken away and is brought back as it was saved on {when}: {counts or 'nothing'}"
        ]
        if self.recalled:
            lines.append(f"not saved yet, and known from git's own notes: operations {self.recalled}")
        if self.lost:
            more = f" and {len(self.lost) - _NAMED} more" if len(self.lost) > _NAMED else ""
            lines.append(
                f"not saved yet, and gone: {clean_line(', '.join(self.lost[:_NAMED]), limit=500)}{more}"
            )
        lines += [
            f"left out, which is said this once: {clean_line(reason, limit=300)}"
            for reason in self.refused[:_NAMED]
        ]
        if len(self.refused) > _NAMED:
            lines.append(f"left out, which is said this once: {len(self.refused) - _NAMED} more")
        return lines
