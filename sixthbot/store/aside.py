"""Puts a file that cannot be used where a person finds it, with its reason beside it, whatever happens in between."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.store.atomic import Durability, move, read_small, remove, sync_folders, write_file, write_files
from sixthbot.store.counting import REASON

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LIMIT = 1 << 16
_TOGETHER = 2
_NAME_LIMIT = 200
"""Bytes of a file's name that are kept, so that a number and `.reason.txt` fit behind."""


def put_aside(
    source: Path, target: Path, reason: bytes, *, reason_point: str, move_point: str, durability: Durability
) -> Path:
    """Move a file of any kind to `target`, or `target.1` and so on where that is taken; return where it is then.

    The reason goes to a file of that name with `.reason.txt` behind it, and is written first: no file ever lies there
    without one, and after a crash the same call goes on. A name too long for that is cut off. Raises FileNotFoundError
    when `source` is gone.
    """
    target, number = _with_room(target), 0
    while True:
        place = target.with_name(f"{target.name}.{number}") if number else target
        number += 1
        note = place.with_name(place.name + REASON)
        # a reason without its file is that of an attempt that was cut off
        if place != source and (os.path.lexists(place) or not _may_say(note, reason)):
            continue
        write_file(note, reason, point=reason_point, durability=durability)
        if place == source:
            return place
        try:
            move(source, place, point=move_point, durability=durability)
        except FileExistsError:
            continue
        except FileNotFoundError:
            remove(note, point=reason_point)
            raise
        return place


def put_many_aside(
    files: Sequence[tuple[Path, Path, bytes]], *, reason_point: str, move_point: str, durability: Durability
) -> dict[Path, Path]:
    """Do what `put_aside` does with files, each given as source, target and reason, with syncs that they share.

    Returns where those are that could be moved so; what is left, such as one whose target is taken, is to be put
    aside alone.
    """
    free = {
        target: (source, note, reason)
        for source, wanted, reason in files
        if not os.path.lexists(target := _with_room(wanted))
        and not os.path.lexists(note := target.with_name(target.name + REASON))
    }
    if len(free) < _TOGETHER:
        return {}
    try:
        notes = [(note, reason, reason_point) for _, note, reason in free.values()]
        write_files(notes, durability=durability)
    except OSError:
        return {}
    moved = {}
    for target, (source, _, _) in free.items():
        with suppress(OSError):
            move(source, target, point=move_point, durability="process")
            moved[source] = target
    if durability == "power" and moved:
        sync_folders(
            list({folder: None for pair in moved.items() for folder in (pair[0].parent, pair[1].parent)})
        )
    return moved


def _with_room(target: Path) -> Path:
    name = os.fsencode(target.name)
    return target if len(name) <= _NAME_LIMIT else target.with_name(os.fsdecode(name[:_NAME_LIMIT]))


def _may_say(note: Path, reason: bytes) -> bool:
    """Tell whether there is no such file yet, or one with just this text."""
    try:
        return read_small(note, _LIMIT) == reason
    except FileNotFoundError:
        return True
    except Refused:
        return False
    except OSError:
        if os.path.lexists(note):
            return False
        raise  # of the folder, and so of every other name in it: the next ones would go on for ever
