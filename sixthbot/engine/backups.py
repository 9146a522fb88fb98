"""How long operations can be undone: lets old backup refs go, and the records of branches that are no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.errors import ConfigError, RefMoved
from sixthbot.core.times import parse_sortable, parse_time
from sixthbot.git.refs import RefMove, list_refs, move_refs
from sixthbot.store.operations import BACKUP

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sixthbot.engine.services import Services

_TOGETHER = 200
"""So many refs are deleted at once."""


def expire_operations(services: Services, *, keep: timedelta) -> int:
    """Take away the backups of operations older than `keep`; return how many refs went.

    The record of such an operation goes, too, once none of its branches exists: before that it tells which commits
    the bot made itself.
    """
    git, store = services.repo.git, services.store
    cutoff = services.clock() - keep
    over = [one for one in store.operations.list() if one.state != "begun"]
    old = [one for one in over if parse_time(one.time) < cutoff]
    if not old:
        return 0
    backups = list_refs(git, (BACKUP,)).ids
    known, over_long = {one.id for one in store.operations.list()}, {one.id for one in old}
    going = [
        ref
        for ref in backups
        if (one := ref.split("/")[3]) in over_long or (one not in known and _made_before(one, cutoff))
    ]
    for start in range(0, len(going), _TOGETHER):
        moves = [RefMove(ref, backups[ref], None) for ref in going[start : start + _TOGETHER]]
        try:
            move_refs(git, moves, message="sixthbot: old backups")
        except RefMoved:
            return 0  # another bot is at it
    here = list_refs(git).ids
    for operation in old:
        if not any(ref in here for ref, _, _ in operation.refs):
            store.operations.forget(operation.id)
    return len(going)


def _made_before(operation_id: str, moment: datetime) -> bool:
    """Tell from its id whether an operation is that old: the record of one may be damaged, or gone with `.sixth`."""
    try:
        return parse_sortable(operation_id.partition("-")[0]) < moment
    except ConfigError:
        return False
