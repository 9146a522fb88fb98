"""Rebases that were tried, one for each issue: the same tip onto the same base is never tried twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.names import short_hash

if TYPE_CHECKING:
    from collections.abc import Collection

    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git
    from sixthbot.store.cursors import Cursors

_CURSOR = "rebases"
_MOST = 500
REBASED = ""
"""What is kept of a try that went well; of any other, the text that told the person."""


def try_key(git: Git, *, tip: Oid, onto: Oid, start: Oid, skip: Collection[Oid]) -> str:
    """Return a key for a try: what goes where, and with which merge drivers."""
    drivers = git.executable_settings().decode("utf-8", "replace") if git.settings_trusted() else "none"
    return short_hash(tip, onto, start, *sorted(skip), drivers, digits=32)


def known_try(cursors: Cursors, issue_id: str, key: str) -> str | None:
    """Return what came of the issue's last try if that was the same one; None where it was another."""
    saved = (cursors.load(_CURSOR) or {}).get(issue_id)
    if isinstance(saved, dict) and saved.get("key") == key and isinstance(saved.get("told"), str):
        return str(saved["told"])
    return None


def remember_try(cursors: Cursors, issue_id: str, key: str, told: str) -> None:
    """Keep what came of a try over the issue's last one."""
    saved = cursors.load(_CURSOR) or {}
    saved.pop(issue_id, None)
    kept = dict(list(saved.items())[-_MOST:])
    cursors.save(_CURSOR, {**kept, issue_id: {"key": key, "told": told}})


def forget_try(cursors: Cursors, issue_id: str) -> None:
    """Let the issue's rebase be tried again: a person said so."""
    saved = cursors.load(_CURSOR) or {}
    if issue_id in saved:
        cursors.save(_CURSOR, {key: value for key, value in saved.items() if key != issue_id})
