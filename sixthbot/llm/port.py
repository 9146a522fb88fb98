"""The port to language models: what is asked, what comes back, and the one way it fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sixthbot.core.errors import WorkFailed

if TYPE_CHECKING:
    from collections.abc import Mapping


class ModelUnavailable(WorkFailed):
    """No usable answer came, for whatever reason; whoever asked does without. The message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked. `system` says how to answer; `user` holds the material, most important lines first."""

    system: str
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one answer may cost: `seconds` from the call to the answer, whatever happens, and `tokens` of answer."""

    seconds: float
    tokens: int = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A model's answer and who gave it, `NAME via SERVER`. The text is data from outside: clean it before use.

    `usage` is what it took, `tokens_in` and `tokens_out`, as far as the server counts.
    """

    text: str
    model: str
    usage: Mapping[str, float] = field(default_factory=dict, hash=False)


class Writer(Protocol):
    """A language model that completes text."""

    def complete_text(self, prompt: Prompt, *, budget: Budget) -> Completion:
        """Return the model's answer within the budget; raise ModelUnavailable in every other case."""
        ...
