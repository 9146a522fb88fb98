"""Which actions there are: a static table from name to module, each loaded only when something names it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sixthbot.actions.base import Action, Repair, args_problems
from sixthbot.core.errors import ConfigError
from sixthbot.core.names import clean_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sixthbot.core.rules import Rule

_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "branch": "sixthbot.actions.branch",
        "plan": "sixthbot.actions.plan",
        "work": "sixthbot.actions.work",
        "rebase": "sixthbot.actions.rebase",
        "changelog": "sixthbot.actions.changelog",
        "check": "sixthbot.actions.check",
        "describe": "sixthbot.actions.describe",
        "review": "sixthbot.actions.review",
        "push": "sixthbot.actions.push",
        "shell": "sixthbot.actions.shell",
        "report": "sixthbot.actions.report",
        "notify": "sixthbot.actions.notify",
        "health": "sixthbot.actions.health",
        "clean-up": "sixthbot.actions.cleanup",
        "refresh": "sixthbot.actions.refresh",
    }
)

_REPAIRS: Mapping[str, str] = MappingProxyType(
    {
        "changelog.refresh": "sixthbot.actions.repairs.changelog",
        "format.whitespace": "sixthbot.actions.repairs.whitespace",
        "text.sort": "sixthbot.actions.repairs.sort_lines",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument for the reader: its name, type, default ("" when it must be given) and meaning."""

    name: str
    kind: str
    default: str
    required: bool
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionInfo:
    """One action for the reader; `askable` ones are asked for by issues, `in_rules` ones stand in `do`."""

    name: str
    summary: str
    arguments: tuple[Argument, ...]
    in_rules: bool
    askable: bool
    needs_trust: bool


def names() -> tuple[str, ...]:
    """Return the names of all actions, in the order of the main path."""
    return tuple(_ACTIONS)


def askable_names() -> tuple[str, ...]:
    """Return the names an issue may ask for besides the configured recipes."""
    return tuple(_REPAIRS)


def get(name: str) -> Action[Any]:
    """Return the action of that name; raise ConfigError, with a suggestion, when there is none."""
    if name not in _ACTIONS:
        close = difflib.get_close_matches(name, _ACTIONS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(_ACTIONS)}"
        raise ConfigError(f"no such action: {clean_line(name, limit=60)!r}", hint=hint)
    action = import_module(_ACTIONS[name]).ACTION
    assert isinstance(action, Action)  # noqa: S101 - the table above is ours
    return action


def find_repair(name: str) -> Repair[Any] | None:
    """Return the built-in repair of that name, or None."""
    if name not in _REPAIRS:
        return None
    repair = import_module(_REPAIRS[name]).REPAIR
    assert isinstance(repair, Repair)  # noqa: S101 - the table above is ours
    return repair


def check_steps(rule: Rule) -> list[str]:
    """Return what is wrong with the steps of `rule`, one line each; an empty list when they can run."""
    problems: list[str] = []
    for number, step in enumerate(rule.do, 1):
        where = f"do, step {number} ({clean_line(step.use, limit=60)})"
        try:
            action = get(step.use)
        except ConfigError as error:
            problems.append(f"{where}: {error.message}; {error.hint}")
            continue
        if not action.in_rules:
            problems.append(f"{where}: {action.name} is a person's word and cannot stand in a rule")
            continue
        try:
            action.Args.model_validate(dict(step.args))
        except ValidationError as error:
            problems.extend(f"{where}: {line}" for line in args_problems(action.Args, error))
    return problems


def describe() -> tuple[ActionInfo, ...]:
    """Return every action and repair with its arguments, for lists and the reference."""
    actions = (get(name) for name in _ACTIONS)
    repairs = (find_repair(name) for name in _REPAIRS)
    return (
        *(
            _info(action, in_rules=action.in_rules, askable=action.askable, needs_trust=action.needs_trust)
            for action in actions
        ),
        *(
            _info(repair, in_rules=False, askable=True, needs_trust=False)
            for repair in repairs
            if repair is not None
        ),
    )


def _info(item: Action[Any] | Repair[Any], *, in_rules: bool, askable: bool, needs_trust: bool) -> ActionInfo:
    arguments = tuple(
        Argument(
            name=name,
            kind=str(getattr(field.annotation, "__name__", field.annotation)).removeprefix("typing."),
            default="" if field.is_required() else repr(field.get_default(call_default_factory=True)),
            required=field.is_required(),
            meaning=field.description or "",
        )
        for name, field in item.Args.model_fields.items()
    )
    return ActionInfo(
        name=item.name,
        summary=item.summary,
        arguments=arguments,
        in_rules=in_rules,
        askable=askable,
        needs_trust=needs_trust,
    )
