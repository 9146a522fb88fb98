"""Keeps prompts inside a model's window: servers cut what is too long in silence, from the middle."""

from __future__ import annotations

from sixthbot.llm.port import ModelUnavailable, Prompt

CUT_MARK = "\n[the rest was left out]"
_BYTES_PER_TOKEN = 3
"""Below what vocabularies reach on English and code, so that the estimate errs towards too many tokens."""
_OVERHEAD = 64
"""Tokens for the chat template around the messages."""


def estimate_tokens(text: str) -> int:
    """Return a careful estimate of how many tokens `text` takes."""
    return len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN + 1


def fit(prompt: Prompt, *, window: int, answer: int) -> Prompt:
    """Return the prompt with the end of `user` cut so that it and `answer` tokens fit into `window` tokens.

    Raise ModelUnavailable when not even the system part fits.
    """
    room = window - answer - _OVERHEAD - estimate_tokens(prompt.system)
    if room < 1:
        raise ModelUnavailable("the prompt does not fit the model's window")
    if estimate_tokens(prompt.user) <= room:
        return prompt
    limit = max(room * _BYTES_PER_TOKEN - len(CUT_MARK), 0)
    kept = prompt.user.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
    whole_lines = kept.rpartition("\n")[0] or kept
    return Prompt(system=prompt.system, user=whole_lines + CUT_MARK)
