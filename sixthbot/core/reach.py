"""Whether a rule can fire at all, and whether two rules do the same for the same events: what reading them tells.

Nothing is guessed: a rule is called unreachable only where no event can satisfy it. What cannot be told counts as
reachable.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import ConfigError
from sixthbot.core.events import OWN_ORIGIN, EventKind, fields_of
from sixthbot.core.expressions import Condition, compile_condition
from sixthbot.core.matching import NOT, field_matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sixthbot.core.rules import Rule

_NUMBERS = frozenset({"files", "added", "deleted", "missed"})
_LISTS = frozenset({"paths", "labels", "args"})
_TRUTHS = frozenset({"merge"})
_WILD = frozenset("*?[\\")
_FRESH = "\0"  # a text that no rule can name
_HUGE = 10**9
_MOST = 4096  # combinations of values that are tried


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two rules with the same steps that react to the same event; `how` says it in words, about the second."""

    first: Rule
    second: Rule
    how: str


def unreachable(rule: Rule) -> list[str]:
    """Return why the rule, or one of the events it listens to, can never come to anything; empty when all can."""
    never = {kind: reason for kind in rule.on if (reason := _never(rule, kind))}
    if len(never) == len(rule.on):
        return [f"it can never fire: {'; '.join(dict.fromkeys(never.values()))}"]
    return [f"it can never fire for {kind}: {reason}" for kind, reason in never.items()]


def overlaps(rules: Sequence[Rule]) -> list[Overlap]:
    """Return the pairs of rules of which one repeats what the other does for some event."""
    found = []
    for index, second in enumerate(rules):
        for first in rules[:index]:
            how = _repeats(first, second)
            if how:
                found.append(Overlap(first, second, how))
    return found


def _never(rule: Rule, kind: str) -> str:
    """Return why the rule can never fire for events of a kind, or nothing."""
    fields = fields_of(kind) or ()
    for name in rule.when:
        if name.removeprefix(NOT) not in fields:
            return f"`when` asks for {name.removeprefix(NOT)}, which {kind} does not have"
    return _contradiction(rule) or _impossible_condition(rule, fields)


def _contradiction(rule: Rule) -> str:
    for name, patterns in rule.when.items():
        if name.startswith(NOT):
            continue
        barred = rule.when.get(NOT + name, ())
        left = [one for one in patterns if not any(_covers(name, wide, one) for wide in barred)]
        if not left:
            return f"whatever {name} lets in, {NOT}{name} keeps out"
        if not any(_can_be(name, pattern, rule) for pattern in left):
            return f"{name} is never {' or '.join(left)}"
    return ""


def _covers(field: str, wide: str, pattern: str) -> bool:
    """Tell whether everything that `pattern` matches is matched by `wide`."""
    if wide in {pattern, "**"} or (wide == "*" and field not in _SEGMENTED):
        return True
    return not _WILD.intersection(pattern) and field_matches(field, pattern, wide)


_SEGMENTED = frozenset({"branch", "merged", "tag", "base"})


def _can_be(field: str, pattern: str, rule: Rule) -> bool:
    """Tell whether the field can have a value that the pattern matches; for texts it always can."""
    values: Iterable[str] = ()
    if field in _TRUTHS:
        values = ("true", "false")
    elif field == "origin":
        values = ("", OWN_ORIGIN) if rule.react_to_self else ("",)
    elif field in _NUMBERS:
        return bool(_WILD.intersection(pattern)) or (pattern.isascii() and pattern.isdigit())
    else:
        return True
    return any(field_matches(field, value, pattern) for value in values)


def _impossible_condition(rule: Rule, fields: Sequence[str]) -> str:
    """Return that `if` can never hold where trying every value that makes a difference shows it, or nothing."""
    if not rule.condition:
        return ""
    try:
        parts = list(_conjuncts(compile_condition(rule.condition)))
    except ConfigError:
        return ""  # its check says what is wrong with it
    lacking = [name for part in parts for name in part.fields if name not in fields]
    if lacking and all(isinstance(part.body, ast.Compare | ast.Attribute) for part in parts):
        return f"`if` asks for {lacking[0]}, which it does not have"
    values = {name: _candidates(name, parts, rule) for part in parts for name in part.fields}
    told = [part for part in parts if all(values[name] is not None for name in part.fields)]
    known = {name: tuple(values[name] or ()) for part in told for name in part.fields}
    if not told or prod(map(len, known.values())) > _MOST:
        return ""
    if any(_holds(told, dict(zip(known, chosen, strict=True))) for chosen in product(*known.values())):
        return ""
    alone = [part for part in told if not _some(part, known)]
    shown = alone[0].text if alone else " and ".join(part.text for part in told)
    also = " with this `when`" if rule.when and not _impossible_alone(rule, fields) else ""
    return f"`{shown}` can never hold{also}"


def _impossible_alone(rule: Rule, fields: Sequence[str]) -> bool:
    return bool(rule.when) and bool(_impossible_condition(replace(rule, when={}), fields))


def _some(part: Condition, known: Mapping[str, Sequence[Any]]) -> bool:
    names = [name for name in known if name in part.fields]
    choices = product(*(known[name] for name in names))
    return any(_holds([part], dict(zip(names, chosen, strict=True))) for chosen in choices)


def _holds(parts: Iterable[Condition], fields: Mapping[str, Any]) -> bool:
    return all(part.evaluate(fields)[0] for part in parts)


def _conjuncts(condition: Condition) -> Iterator[Condition]:
    """Yield the conditions that must all hold, each on its own."""
    body = condition.body
    values = body.values if isinstance(body, ast.BoolOp) and isinstance(body.op, ast.And) else [body]
    for value in values:
        text = ast.get_source_segment(condition.text, value) or condition.text
        yield compile_condition(text)


def _candidates(name: str, parts: Iterable[Condition], rule: Rule) -> list[Any] | None:
    """Return the values of a field among which one satisfies the parts if any does; None where that cannot be told."""
    found: set[Any] = set()
    for part in parts:
        if name not in part.fields:
            continue
        compared = _compared(name, part.body)
        if compared is None or name in _LISTS:
            return None
        found |= compared
    if name in _NUMBERS:
        numbers = {int(one) for one in found if isinstance(one, int | float) and abs(one) < _HUGE}
        near = {0, _HUGE, *(one + step for one in numbers for step in (-1, 0, 1))}
        return [one for one in sorted(near) if one >= 0 and _let_in(name, str(one), rule, wild=True)]
    if name in _TRUTHS:
        return [one for one in (True, False) if _let_in(name, "true" if one else "false", rule)]
    if name == "origin":
        return ["", OWN_ORIGIN] if rule.react_to_self else [""]
    named = {one for one in found if isinstance(one, str)}
    patterns = rule.when.get(name, ())
    if patterns and not any(_WILD.intersection(pattern) for pattern in patterns):
        named = set(patterns)
    else:
        named |= {"", _FRESH}
    return sorted(one for one in named if one == _FRESH or _let_in(name, one, rule))


def _compared(name: str, node: ast.expr) -> set[Any] | None:
    """Return the literals that a field is compared with for being the same or ordered; None for any other use of it."""
    found: set[Any] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and any(_is_field(name, inner) for inner in ast.walk(part)):
            return None
        if not isinstance(part, ast.Compare):
            continue
        sides = [part.left, *part.comparators]
        if not any(_is_field(name, side) for side in sides):
            continue
        for side in sides:
            if isinstance(side, ast.Attribute) and not _is_field(name, side):
                return None
            literals = _literals(side)
            if literals is None or not _exact(part, name, literals):
                return None
            found |= literals
    return found


def _exact(part: ast.Compare, name: str, literals: set[Any]) -> bool:
    """Tell whether trying the literals is enough: an order of texts, and a part of a text, have more than those."""
    if name in _NUMBERS:
        return True
    same = all(isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in part.ops)
    inside = any(isinstance(op, ast.In | ast.NotIn) for op in part.ops)
    return same and not (
        inside and not isinstance(part.comparators[-1], ast.List | ast.Tuple) and bool(literals)
    )


def _is_field(name: str, node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name


def _literals(node: ast.expr) -> set[Any] | None:
    match node:
        case ast.Constant(value=value):
            return {value}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return {-value}
        case ast.List(elts=values) | ast.Tuple(elts=values):
            inner = [_literals(value) for value in values]
            return None if None in inner else {one for each in inner if each for one in each}
        case ast.Attribute():
            return set()
    return None


def _let_in(name: str, value: str, rule: Rule, *, wild: bool = False) -> bool:
    """Tell whether the rule's `when` lets a value of a field through; `wild`: what is not a literal always does."""
    wanted, barred = rule.when.get(name, ()), rule.when.get(NOT + name, ())
    if wild and any(_WILD.intersection(pattern) for pattern in (*wanted, *barred)):
        return True
    if any(field_matches(name, value, pattern) for pattern in barred):
        return False
    return not wanted or any(field_matches(name, value, pattern) for pattern in wanted)


def _repeats(first: Rule, second: Rule) -> str:
    """Return how the second rule repeats the first, or nothing."""
    kinds = [kind for kind in second.on if kind in first.on and kind != EventKind.SCHEDULE]
    if not kinds or _steps(first) != _steps(second) or _apart(first, second):
        return ""
    named = ", ".join(kinds)
    if first.when == second.when and first.condition == second.condition:
        return f"it does the same as {first.name!r} for the same {named}"
    for wide, narrow, text in (
        (first, second, f"{first.name!r} does the same for every {named} it reacts to"),
        (second, first, f"it does the same as {first.name!r} for every {named} that one reacts to"),
    ):
        if wide.when.items() <= narrow.when.items() and wide.condition in {"", narrow.condition}:
            return text
    return f"it and {first.name!r} do the same, and one {named} may satisfy both"


def _steps(rule: Rule) -> list[tuple[str, dict[str, Any]]]:
    return [(step.use, dict(step.args)) for step in rule.do]


def _apart(first: Rule, second: Rule) -> bool:
    """Tell whether no event satisfies both rules, as far as their literals and conditions show."""
    for name, patterns in first.when.items():
        others = second.when.get(name)
        if others is None or name.startswith(NOT) or name in _LISTS:
            continue
        pairs = product(patterns, others)
        if not any(_may_share(name, one, other) for one, other in pairs):
            return True
    conditions = [f"({one.condition})" for one in (first, second) if one.condition]
    both = replace(
        first, when={**first.when, **second.when}, condition=" and ".join(conditions),
        react_to_self=first.react_to_self and second.react_to_self,
    )  # fmt: skip
    return all(_never(both, kind) for kind in first.on if kind in second.on)


def _may_share(field: str, one: str, other: str) -> bool:
    """Tell whether some value may be matched by both patterns."""
    if not _WILD.intersection(one):
        return field_matches(field, one, other)
    if not _WILD.intersection(other):
        return field_matches(field, other, one)
    return True
