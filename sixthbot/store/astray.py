"""Task files that a person put where no task lies, such as straight into `ready/`: takes them into their lanes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sixthbot.core.tasks import Ready
from sixthbot.store.atomic import point
from sixthbot.store.counting import task_names
from sixthbot.store.taskfile import in_folder

if TYPE_CHECKING:
    from sixthbot.core.tasks import Task
    from sixthbot.store.taskfiles import TaskFiles

_TAKE_IN = point("queue.take-in")
_PLACES = ("", "/ready", "/running")


def take_in(files: TaskFiles) -> list[Task]:
    """Make ready what lies in the queue's own folder, in `ready/` or in `running/`; return those tasks.

    What is no task is set aside in `failed/` with its reason, as it is anywhere in the queue.
    """
    taken = []
    for place in _PLACES:
        for name in sorted(task_names(f"{files.root}{place}")):
            path = f"{files.root}{place}/{name}"
            content = files.content(path, quarantine=True)
            if content is None:
                continue
            task = in_folder(content, Ready().name, lane=content.lane.value)
            with suppress(FileNotFoundError):  # somebody took it meanwhile
                files.move(path, files.path_for(task), point=_TAKE_IN)
                taken.append(task)
    return taken
