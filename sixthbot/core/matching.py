"""Whether a rule fires for an event: `on`, `when`, `if`, in that order, with every term that was looked at."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from sixthbot.core import expressions
from sixthbot.core.errors import ConfigError
from sixthbot.core.events import EventKind, fields_of
from sixthbot.core.globs import name_matches, path_matches, text_matches
from sixthbot.core.limits import generation_refusal
from sixthbot.core.names import clean_line
from sixthbot.core.rules import Term, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from sixthbot.core.events import Event
    from sixthbot.core.rules import Rule

NOT = "not_"
"""In front of a field's name in `when`: none of the patterns may match."""

_KEY_LIMIT = 200
_KEY_FIELD = re.compile(r"\{([^{}]*)\}")
_BRING_FILES = frozenset({EventKind.COMMIT, EventKind.MERGE})
_NAMES_WITH_SEGMENTS = frozenset({"branch", "merged", "tag", "base"})


def match(rule: Rule, event: Event) -> Verdict:
    """Return whether `rule` fires for `event`, with a reason in one line and the terms looked at, in order."""
    refusal = _not_for(rule, event)
    if refusal:
        return Verdict(rule=rule.name, fired=False, reason=refusal)
    if _brought_by(rule, event):
        reason = f"it stands in {rule.origin}, which this very {event.kind} changed before that was trusted"
        return Verdict(rule=rule.name, fired=False, reason=clean_line(reason, limit=300))
    terms: list[Term] = []
    for term in _when_terms(rule.when, event.fields):
        terms.append(term)
        if not term.held:
            return _not_fired(rule, terms, term)
    if rule.condition:
        held, tested = _condition(rule.condition, event.fields)
        terms += tested
        if not held:
            return _not_fired(rule, terms, _decisive(tested))
    key = fill_key(rule.key, event.fields)
    if too_far := generation_refusal(event.generation, rule.generations):
        return Verdict(rule=rule.name, fired=False, reason=too_far, terms=tuple(terms), key=key, stopped=True)
    return Verdict(rule=rule.name, fired=True, reason=_fired_reason(terms), terms=tuple(terms), key=key)


def meant_for(rule: Rule, event: Event) -> bool:
    """Whether the event is no other rule's alone: a time is due for the rule whose schedule says so."""
    return event.kind != EventKind.SCHEDULE or event.fields.get("rule") in {"", rule.name}


def check_rule(rule: Rule) -> list[str]:
    """Return what is wrong with a rule's `on`, `when`, `if` and `key`, one line each; empty when nothing is."""
    unknown = [kind for kind in rule.on if fields_of(kind) is None]
    if unknown or not rule.on:
        kinds = sorted(kind.value for kind in EventKind)
        return [f"`on` names {kind!r}, which {_suggest(kind, kinds)}" for kind in unknown] or [
            "`on` names no event"
        ]
    fields = {name for kind in rule.on for name in fields_of(kind) or ()}
    named = [name.removeprefix(NOT) for name in rule.when]
    problems = [
        f"`when` names the field {name!r}, which {_suggest(name, fields)}"
        for name in named
        if name not in fields
    ]
    if rule.condition:
        problems += expressions.check(rule.condition, fields)
    in_key = _KEY_FIELD.findall(rule.key)
    problems += [
        f"`key` names the field {name!r}, which {_suggest(name, fields)}"
        for name in in_key
        if name not in fields
    ]
    return problems


def fill_key(template: str, fields: Mapping[str, Any]) -> str:
    """Return a rule's key for an event: `{field}` is replaced by the field's value, everything else stays."""
    filled = _KEY_FIELD.sub(lambda found: _text(fields.get(found[1], "")), template)
    return clean_line(filled, limit=_KEY_LIMIT)


def _not_for(rule: Rule, event: Event) -> str:
    """Return why the rule is not even asked about this event, or nothing."""
    if not rule.enabled:
        return "it is switched off (enabled = false)"
    if event.kind not in rule.on:
        return clean_line(f"it listens to {', '.join(rule.on)}, and this is {event.kind}", limit=300)
    if not meant_for(rule, event):
        return f"it is the time of the rule {clean_line(str(event.fields['rule']), limit=80)!r}"
    if event.own and not rule.react_to_self:
        return "the bot itself caused the event (react_to_self is off)"
    return ""


def _brought_by(rule: Rule, event: Event) -> bool:
    """Tell whether the event brought the rule's file, and was there before a person trusted that."""
    return (
        event.kind in _BRING_FILES
        and rule.origin in event.fields.get("paths", ())
        and event.fields.get("id", "") in rule.older
    )


def _when_terms(when: Mapping[str, Sequence[str]], fields: Mapping[str, Any]) -> Iterator[Term]:
    for name, patterns in when.items():
        field = name.removeprefix(NOT)
        text = f"{name} = {', '.join(patterns)}"
        if field not in fields:
            yield Term(text, held=False, value=f"this event has no field {field}")
            continue
        values = _values(fields[field])
        found = next(
            (value for value in values if any(field_matches(field, value, pattern) for pattern in patterns)),
            None,
        )
        held = (found is None) is name.startswith(NOT)
        yield Term(text, held=held, value=f"{field} is {_shown(fields[field], found)}")


def _shown(value: object, found: str | None) -> str:
    """Return the value that decided; of a list, the item that matched."""
    return clean_line(found, limit=120) if found else expressions.show_value(value)


def field_matches(field: str, value: str, pattern: str) -> bool:
    """Tell whether a value of a field is matched in whole by a pattern, as paths, names and texts each are."""
    matches: Callable[[str, str], bool] = text_matches
    if field == "paths":
        matches = path_matches
    elif field in _NAMES_WITH_SEGMENTS:
        matches = name_matches
    return matches(value, pattern)


def _values(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, tuple | list) else (_text(value),)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(str(item) for item in value) if isinstance(value, tuple | list) else str(value)


def _condition(text: str, fields: Mapping[str, Any]) -> tuple[bool, tuple[Term, ...]]:
    try:
        return expressions.compile_condition(text).evaluate(fields)
    except ConfigError as error:
        return False, (Term(clean_line(text, limit=120), held=False, value=error.message),)


def _decisive(tested: Sequence[Term]) -> Term:
    """Return the term that made a condition fail: the last one looked at, since looking stops there."""
    return tested[-1]


def _not_fired(rule: Rule, terms: Sequence[Term], term: Term) -> Verdict:
    reason = f"`{term.text}` does not hold" if not term.held else f"`{term.text}` holds, and must not"
    if term.value:
        reason += f": {term.value}"
    return Verdict(rule=rule.name, fired=False, reason=clean_line(reason, limit=300), terms=tuple(terms))


def _fired_reason(terms: Sequence[Term]) -> str:
    if not terms:
        return "it asks for nothing else"
    return "all of it holds: " + clean_line("; ".join(term.text for term in terms if term.held), limit=200)


def _suggest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"is not there; did you mean {near[0]!r}?" if near else f"is none of {', '.join(sorted(known))}"
