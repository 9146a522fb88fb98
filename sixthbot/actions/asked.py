"""Who does a subtask: a recipe or a built-in repair that it asks for by name, else a person, with the reason."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sixthbot.actions.registry import askable_names, find_repair
from sixthbot.core.doline import why_unread

if TYPE_CHECKING:
    from sixthbot.actions.base import Repair
    from sixthbot.core.issues import Asked
    from sixthbot.store.config import Config, Recipe

NOT_THERE = "nothing here is called"
"""What the reason for a person begins with when a subtask asks for something by a name that nothing has."""


@dataclass(frozen=True, slots=True)
class ByRecipe:
    """A command from the trusted configuration does it."""

    name: str
    recipe: Recipe

    @property
    def by(self) -> str:
        """How the plan names it."""
        return f"recipe {self.name}"


@dataclass(frozen=True, slots=True)
class ByRepair:
    """A built-in repair does it."""

    repair: Repair[Any]

    @property
    def by(self) -> str:
        """How the plan names it."""
        return f"action {self.repair.name}"


@dataclass(frozen=True, slots=True)
class ByPerson:
    """A person does it; `reason` says why nobody else can, empty when nothing else was asked for."""

    reason: str = ""

    @property
    def by(self) -> str:
        """How the plan names it."""
        return "person"


def why_for_a_person(unread: str) -> str:
    """Return why nothing here does what a `do:` asks for that cannot be read, with what a repair of that name takes."""
    problem = why_unread(unread)
    repair = find_repair(unread.split(maxsplit=1)[0]) if unread.strip() else None
    if repair is None:
        return problem
    return f"{problem}; {repair.name} takes {', '.join(f'{name}=' for name in repair.Args.model_fields)}"


def doer_of(config: Config, asked: Asked | None) -> ByRecipe | ByRepair | ByPerson:
    """Return who does what `asked` says; nothing is run."""
    if asked is None:
        return ByPerson()
    recipe = config.recipes.get(asked.name)
    if recipe is not None:
        return ByRecipe(asked.name, recipe)
    repair = find_repair(asked.name)
    if repair is not None:
        return ByRepair(repair)
    there = [*config.recipes, *askable_names()]
    close = difflib.get_close_matches(asked.name, there, n=1)
    tail = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(there)}"
    return ByPerson(f"{NOT_THERE} {asked.name!r}; {tail}")
