"""The language of a rule's `if`: comparisons, and, or, not, in, fields, literals and five functions; nothing else.

Python's parser reads it, a closed list of node types is let through, and our own evaluator walks those, so that a
condition can neither call, loop nor grow anything. Each tested part leaves a `Term`, which is what `why` shows.
"""

from __future__ import annotations

import ast
import difflib
import operator
import warnings
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import ConfigError
from sixthbot.core.globs import path_matches
from sixthbot.core.names import clean_line
from sixthbot.core.rules import Term

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

LENGTH_LIMIT = 2000
_DEPTH_LIMIT = 30
_VALUE_LIMIT = 120


class _Each(tuple[bool, ...]):
    """What `glob` says of a list, item by item; `any` and `all` make one answer of it."""

    __slots__ = ()


class _Unanswerable(Exception):
    """A term has no answer for this event; the message says why."""


_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = MappingProxyType(
    {
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
        ast.In: lambda item, whole: item in whole,
        ast.NotIn: lambda item, whole: item not in whole,
    }
)
_EACH_ALONE = "glob of a list needs any(...) or all(...) around it"
_ORDERED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read and found to be of the language.

    `fields` are the event fields it names, `body` is what Python's parser made of it.
    """

    text: str
    fields: tuple[str, ...]
    body: ast.expr

    def evaluate(self, fields: Mapping[str, Any]) -> tuple[bool, tuple[Term, ...]]:
        """Return whether it holds for an event's fields, and each term that was looked at, in order.

        A term that has no answer (a field the event lacks, a number compared with a text) makes the whole
        condition not hold and says so in its `value`.
        """
        walk = _Walk(self.text, fields)
        try:
            held = walk.truth(self.body)
        except _Unanswerable:
            held = False
        return held, tuple(walk.terms)


@lru_cache(maxsize=256)
def compile_condition(text: str) -> Condition:
    """Read a condition; raise ConfigError, with the place, for whatever is not of the language.

    Conditions are kept once read: an event is matched with every rule, and switching Python's warnings off around
    its parser is nothing to do in worker threads again and again.
    """
    line = " ".join(text.split("\n")).strip()
    body = _parse(line)
    refusal = body if isinstance(body, str) else _refusal(body, _DEPTH_LIMIT)
    if refusal or isinstance(body, str):
        raise ConfigError(
            f"`if` cannot be used: {refusal}",
            hint="it knows comparisons, and, or, not, in, event.<field>, literals, len any all glob lower",
        )
    return Condition(text=line, fields=tuple(dict.fromkeys(_fields_in(body))), body=body)


def check(text: str, allowed_fields: Collection[str]) -> list[str]:
    """Return what is wrong with a condition for events that have these fields; an empty list when nothing is."""
    try:
        condition = compile_condition(text)
    except ConfigError as error:
        return [error.message]
    unknown = (name for name in condition.fields if name not in allowed_fields)
    return [f"`if` names the field {name!r}, which {_suggest(name, allowed_fields)}" for name in unknown]


def _suggest(name: str, allowed: Collection[str]) -> str:
    near = difflib.get_close_matches(name, sorted(allowed), n=1)
    return f"is not there; did you mean {near[0]!r}?" if near else f"is none of {', '.join(sorted(allowed))}"


def _parse(text: str) -> ast.expr | str:
    """Return the text as Python's parser reads it, or why that cannot."""
    if len(text) > LENGTH_LIMIT:
        return f"it has more than {LENGTH_LIMIT} characters"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `1 is 1` and the like warn; they are refused below anyway
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"it is not an expression ({clean_line(getattr(error, 'msg', str(error)), limit=80)})"


def _refusal(node: ast.AST, depth: int) -> str:  # noqa: PLR0911 - one answer per kind of node
    """Return why a node is not of the language, or nothing."""
    if depth == 0:
        return f"it is nested more than {_DEPTH_LIMIT} deep"
    where = f" at character {getattr(node, 'col_offset', 0) + 1}"
    match node:
        case ast.Constant() | ast.Name() | ast.Attribute():
            return _leaf_refusal(node, where)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _call_refusal(name, len(args), where) or _first_refusal(args, depth)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return ""
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _refusal(operand, depth - 1)
        case ast.BoolOp(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
            return _first_refusal(values, depth)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            if not all(type(op) in _COMPARISONS for op in ops):
                return f"`is` is not a comparison here{where}"
            return _first_refusal([left, *comparators], depth)
    return f"{type(node).__name__} is not allowed{where}"


def _leaf_refusal(node: ast.Constant | ast.Name | ast.Attribute, where: str) -> str:
    match node:
        case ast.Constant(value=str() | int() | float()) | ast.Attribute(value=ast.Name(id="event")):
            return ""
        case ast.Name(id=name):
            return f"{name!r} is not known{where}; a field is written event.{clean_line(name, limit=40)}"
        case ast.Attribute():
            return f"only event has fields{where}, and they have none of their own"
    return f"this literal is not allowed{where}"


def _call_refusal(name: str, given: int, where: str) -> str:
    function = _FUNCTIONS.get(name)
    if function is None:
        return f"there is no function {clean_line(name, limit=40)!r}{where}"
    return "" if given == function.arity else f"{name} takes {function.arity} value(s){where}"


def _first_refusal(nodes: list[ast.expr], depth: int) -> str:
    return next((refusal for node in nodes if (refusal := _refusal(node, depth - 1))), "")


def _fields_in(node: ast.AST) -> Iterator[str]:
    return (part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute))


class _Walk:
    """One evaluation: keeps the terms as it meets them."""

    def __init__(self, text: str, fields: Mapping[str, Any]) -> None:
        self._text = text
        self._fields = fields
        self.terms: list[Term] = []

    def truth(self, node: ast.expr) -> bool:
        """Return whether `node` holds; `and` and `or` stop as soon as the answer is known."""
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return all(self.truth(value) for value in values)
            case ast.BoolOp(values=values):
                return any(self.truth(value) for value in values)
            case ast.UnaryOp(op=ast.Not(), operand=operand) if isinstance(operand, ast.BoolOp | ast.UnaryOp):
                return not self.truth(operand)
        return self._term(node)

    def _term(self, node: ast.expr) -> bool:
        text = clean_line(ast.get_source_segment(self._text, node) or "", limit=_VALUE_LIMIT)
        try:
            held = self._as_truth(self._value(node))
        except _Unanswerable as reason:
            self.terms.append(Term(text, held=False, value=f"no answer: {reason}"))
            raise
        self.terms.append(Term(text, held=held, value=self._decided_by(node)))
        return held

    def _decided_by(self, node: ast.expr) -> str:
        """Return the fields in a term with their values, for people."""
        names = dict.fromkeys(_fields_in(node))
        return clean_line(
            ", ".join(f"{name} is {show_value(self._fields.get(name, 'absent'))}" for name in names),
            limit=_VALUE_LIMIT,
        )

    @staticmethod
    def _as_truth(value: object) -> bool:
        if isinstance(value, _Each):
            raise _Unanswerable(_EACH_ALONE)
        return bool(value)

    def _value(self, node: ast.expr) -> Any:  # noqa: PLR0911 - one answer per kind of node
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Attribute(attr=name):
                if name not in self._fields:
                    raise _Unanswerable(f"this event has no field {name}")
                return self._fields[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._value(operand)
            case ast.UnaryOp(operand=operand):
                return not self._as_truth(self._value(operand))
            case ast.List(elts=values) | ast.Tuple(elts=values):
                return tuple(self._value(value) for value in values)
            case ast.Call(func=ast.Name(id=name), args=args):
                return _FUNCTIONS[name].call(*(self._value(arg) for arg in args))
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                return self._compare(left, ops, comparators)
            case ast.BoolOp(op=op, values=values):
                truths = (self._as_truth(self._value(value)) for value in values)
                return all(truths) if isinstance(op, ast.And) else any(truths)
        raise AssertionError(f"{type(node).__name__} passed the check")

    def _compare(self, left: ast.expr, ops: list[ast.cmpop], comparators: list[ast.expr]) -> bool:
        before = self._value(left)
        for op, node in zip(ops, comparators, strict=True):
            after = self._value(node)
            if isinstance(before, _Each) or isinstance(after, _Each):
                raise _Unanswerable(_EACH_ALONE)
            if isinstance(op, _ORDERED) and isinstance(before, str) is not isinstance(after, str):
                raise _Unanswerable(f"{show_value(before)} and {show_value(after)} have no order")
            try:
                if not _COMPARISONS[type(op)](before, after):
                    return False
            except TypeError:
                raise _Unanswerable(f"{show_value(before)} and {show_value(after)} do not compare") from None
            before = after
        return True


def show_value(value: object) -> str:
    """Return a field's value for people: texts as they are, lists shortened."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        shown = ", ".join(clean_line(str(item), limit=60) for item in value[:3])
        return f"[{shown}{f', and {len(value) - 3} more' if len(value) > 3 else ''}]"  # noqa: PLR2004 - three shown
    return clean_line(str(value), limit=_VALUE_LIMIT) or "empty"


def _len(value: object) -> int:
    if isinstance(value, str | tuple | list) and not isinstance(value, _Each):
        return len(value)
    raise _Unanswerable(f"{show_value(value)} has no length")


def _items(value: object) -> tuple[object, ...]:
    if isinstance(value, tuple | list):
        return tuple(value)
    raise _Unanswerable(f"{show_value(value)} is not a list")


def _glob(value: object, pattern: object) -> bool | _Each:
    if not isinstance(pattern, str):
        raise _Unanswerable("glob needs a text as its pattern")
    if isinstance(value, str):
        return path_matches(value, pattern)
    return _Each(path_matches(str(item), pattern) for item in _items(value))


def _lower(value: object) -> str | tuple[str, ...]:
    return value.lower() if isinstance(value, str) else tuple(str(item).lower() for item in _items(value))


@dataclass(frozen=True, slots=True)
class _Function:
    arity: int
    call: Callable[..., Any]


_FUNCTIONS: Mapping[str, _Function] = MappingProxyType(
    {
        "len": _Function(1, _len),
        "any": _Function(1, lambda value: any(_items(value))),
        "all": _Function(1, lambda value: all(_items(value))),
        "glob": _Function(2, _glob),
        "lower": _Function(1, _lower),
    }
)
