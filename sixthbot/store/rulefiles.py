"""Rule files: the shipped ones and the repository's own, checked when they are read; one bad rule stops no other."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sixthbot.core.errors import ConfigError, Refused
from sixthbot.core.following import circles
from sixthbot.core.matching import check_rule
from sixthbot.core.rules import SWITCHED_OFF, DisabledRule, Mode, Rule, RuleTest, StepSpec
from sixthbot.store.atomic import read_small
from sixthbot.store.resources import read_shipped_rule_files
from sixthbot.store.ruletable import RULE_KEYS, CaseTable, RuleTable
from sixthbot.store.schedules import schedule_problems
from sixthbot.store.suggest import did_you_mean, line_of, shown
from sixthbot.store.tomlfile import SIZE_LIMIT, parse_toml
from sixthbot.store.trust import files_below

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sixthbot.store.paths import Places
    from sixthbot.store.trust import Trust

SHIPPED = "shipped"
_MOST_RULES = 200
_MOST_TOLD = 20
_KEY = re.compile(r"(?:there is no such key: ')?`?([A-Za-z_][\w-]*)")
"""What a problem with a key begins with."""
_TABLE = re.compile(r"^[ \t]*\[\[[ \t]*rule[ \t]*\]\]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules in force, those that cannot be used, and the files that wait for trust.

    `switched_off` are sound rules that say `enabled = false`, `replaced` the names of shipped rules that one of the
    repository stands in for. `digest` changes when any rule does.
    """

    rules: tuple[Rule, ...]
    disabled: tuple[DisabledRule, ...]
    untrusted: tuple[str, ...]
    tests: tuple[RuleTest, ...]
    digest: str
    switched_off: tuple[Rule, ...] = ()
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _File:
    """One rule file, read: its sound rules, what is wrong with others, and its tests."""

    rules: tuple[Rule, ...] = ()
    disabled: tuple[DisabledRule, ...] = ()
    tests: tuple[RuleTest, ...] = ()


def load_rules(
    places: Places, trust: Trust, disabled_names: Collection[str] = (), *, judge_all: bool = False
) -> RuleSet:
    """Read all rules. A rule of the repository stands in for a shipped one of the same name.

    A file of the repository counts only when its bytes are trusted; one that does not is named in `untrusted`, as is one
    that was trusted and is missing.
    `disabled_names` are switched off by the settings. Nothing in a file is an error: it disables the rule it is in.
    `judge_all` reads files that are not trusted like the others, for whoever only wants to know what they say.
    """
    shipped = [_read_shipped(data, name) for name, data in read_shipped_rule_files()]
    own, untrusted = [], []
    for path, data, problem in _repository_files(places):
        if data is None:
            own.append(_File(disabled=(DisabledRule(path, problem),)))
            continue
        trusted = trust.is_trusted(path, data)
        if trusted or judge_all:
            file, older = read_rule_file(data, path, path), trust.commits_before(path, data)
            own.append(replace(file, rules=tuple(replace(rule, older=older) for rule in file.rules)))
        if not trusted:
            untrusted.append(path)
    folder = f"{places.rules_dir.relative_to(places.top).as_posix()}/"
    untrusted += [path for path in trust.missing(places) if path.startswith(folder)]
    held = frozenset() if judge_all else _held_back(trust, untrusted)
    shipped = [
        replace(file, rules=tuple(rule for rule in file.rules if rule.name not in held)) for file in shipped
    ]
    rules, disabled = _without_twins(shipped, own)
    rules, unordered = without_lost_order(rules, {entry.name for entry in disabled} | held)
    disabled += unordered
    known = {rule.name for rule in rules}
    disabled += [
        DisabledRule(
            name,
            SWITCHED_OFF if name in known else "rules.disabled: no rule has this name",
        )
        for name in disabled_names
    ]
    chosen = [rule for rule in rules if rule.name not in disabled_names]
    digest = hashlib.sha256("\0".join(f"{rule.name}\0{rule.digest}" for rule in chosen).encode()).hexdigest()
    return RuleSet(
        rules=tuple(rule for rule in chosen if rule.enabled),
        disabled=tuple(disabled),
        untrusted=tuple(untrusted),
        tests=tuple(test for file in (*shipped, *own) for test in file.tests),
        digest=digest,
        switched_off=tuple(rule for rule in chosen if not rule.enabled),
        replaced=tuple(
            rule.name
            for file in shipped
            for rule in file.rules
            if rule.name in {r.name for f in own for r in f.rules}
        ),
    )


def _held_back(trust: Trust, untrusted: Collection[str]) -> frozenset[str]:
    """Return the names of rules in files that were trusted and are not as they are now.

    A shipped rule that such a file replaced does not come back by itself: somebody wanted it changed, or off.
    """
    trusted = ((path, trust.last_trusted(path)) for path in untrusted)
    files = [read_rule_file(data, path, path) for path, data in trusted if data is not None]
    return frozenset(rule.name for file in files for rule in file.rules)


def _repository_files(places: Places) -> Iterator[tuple[str, bytes | None, str]]:
    """Yield path and bytes of each rule file of the repository; no bytes, and why, for what cannot be read safely."""
    for file in files_below(places.rules_dir):
        path = file.relative_to(places.top).as_posix()
        if not file.name.endswith(".toml") or file.name.startswith("."):
            continue
        try:
            yield path, read_small(file, SIZE_LIMIT), ""
        except (Refused, OSError) as error:
            yield path, None, str(error)


def _without_twins(shipped: list[_File], own: list[_File]) -> tuple[list[Rule], list[DisabledRule]]:
    """Return the rules, each name once: the repository's own before a shipped one, the first of two of the same."""
    disabled = [entry for file in (*shipped, *own) for entry in file.disabled]
    chosen: dict[str, Rule] = {rule.name: rule for file in shipped for rule in file.rules}
    seen: dict[str, Rule] = {}
    for rule in (rule for file in own for rule in file.rules):
        if rule.name in seen:
            reason = f"{rule.origin}: {seen[rule.name].origin} has a rule of this name too, which serves"
            disabled.append(DisabledRule(rule.name, reason))
            continue
        seen[rule.name] = chosen[rule.name] = rule
    return list(chosen.values()), disabled


def without_lost_order(rules: list[Rule], unusable: Collection[str]) -> tuple[list[Rule], list[DisabledRule]]:
    """Return the rules without those whose `after` names no rule or leads back to themselves, and why not.

    A rule that is there and cannot be used, or is switched off, is no mistake: it makes no task to wait for.
    """
    names = {rule.name for rule in rules} | set(unusable)
    problems = {
        rule.name: f"after: no rule is called {unknown[0]!r}; {did_you_mean(unknown[0], sorted(names))}"
        for rule in rules
        if (unknown := [name for name in rule.after if name not in names])
    }
    for circle in circles({rule.name: rule.after for rule in rules}):
        way = " after ".join(repr(name) for name in circle)
        problems |= dict.fromkeys(circle, f"after: it would wait for itself: {way}")
    disabled = [
        DisabledRule(rule.name, f"{rule.origin}: {problems[rule.name]}")
        for rule in rules
        if rule.name in problems
    ]
    return [rule for rule in rules if rule.name not in problems], disabled


@lru_cache(maxsize=32)
def _read_shipped(data: bytes, name: str) -> _File:
    """Check a shipped rule file, once in a process for the same bytes: each opening of the services reads them all."""
    return read_rule_file(data, name, SHIPPED)


def read_rule_file(data: bytes, name: str, origin: str) -> _File:
    """Check one rule file; `name` stands in reasons, `origin` in its rules."""
    try:
        raw = parse_toml(data, name)
    except ConfigError as error:
        return _File(disabled=(DisabledRule(name, error.message),))
    digest = hashlib.sha256(data).hexdigest()
    text = data.decode("utf-8-sig", "replace")
    starts = [match.start() for match in _TABLE.finditer(text)]
    disabled = [
        DisabledRule(name, f"{name}: there is no such key: {key!r}; {did_you_mean(key, ('rule', 'test'))}")
        for key in raw
        if key not in {"rule", "test"}
    ]
    rules = []
    tables = _tables(raw, "rule")
    if len(tables) > _MOST_RULES:
        disabled.append(
            DisabledRule(name, f"{name}: more than {_MOST_RULES} rules in one file; the rest is left out")
        )
    for index, table in enumerate(tables[:_MOST_RULES]):
        place = _Place(name, text, starts[index : index + 2]) if index < len(starts) else _Place(name)
        rule, problems = _read_rule(table, origin, digest, place)
        if rule is not None and not problems:
            rules.append(rule)
        else:
            title = table.get("name") if isinstance(table, dict) else None
            disabled.append(DisabledRule(title if isinstance(title, str) else name, place.told(problems)))
    tests, wrong = _read_tests(_tables(raw, "test")[:_MOST_RULES], name, origin)
    return _File(tuple(rules), (*disabled, *wrong), tests)


def _tables(raw: dict[str, Any], key: str) -> list[Any]:
    value = raw.get(key, [])
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a rule is: its file, the text of that, and where the rule and the next one begin, as far as that is known."""

    name: str
    text: str = ""
    starts: Sequence[int] = ()

    @property
    def line(self) -> int:
        """The line of the rule's `[[rule]]`, 0 where nobody knows."""
        return self.text.count("\n", 0, self.starts[0]) + 1 if self.starts else 0

    def told(self, problems: Sequence[str]) -> str:
        """Return the problems in order, the place of the first before them, and lines before those that are elsewhere."""
        placed = sorted(((self._line_of(problem), problem) for problem in problems), key=itemgetter(0))
        first = placed[0][0]
        lines = [problem if at == first else f"line {at}: {problem}" for at, problem in placed]
        return f"{self.name}:{first}: {'; '.join(lines)}" if first else f"{self.name}: {'; '.join(lines)}"

    def line_of(self, key: str) -> int:
        """Return the line of one of the rule's keys, else that of the rule."""
        if not self.starts:
            return 0
        text = self.text[self.starts[0] : self.starts[1] if len(self.starts) > 1 else None]
        return self.line + (line_of(text, ("rule", key)) or 1) - 1

    def _line_of(self, problem: str) -> int:
        key = _KEY.match(problem)
        return self.line_of(key[1]) if key is not None else self.line


def _read_rule(table: object, origin: str, digest: str, place: _Place) -> tuple[Rule | None, list[str]]:
    try:
        read = RuleTable.model_validate(table)
    except ValidationError as error:
        told = [_describe(detail) for detail in error.errors(include_url=False)]
        return None, [
            *told[:_MOST_TOLD],
            *([f"and {len(told) - _MOST_TOLD} more"] if len(told) > _MOST_TOLD else []),
        ]
    values = {name: getattr(read, name) for name in RuleTable.model_fields}
    if read.overlap == "allow" and "mode" not in read.model_fields_set:
        values["mode"] = Mode.PARALLEL  # runs side by side are asked for; the default would put them in a row
    rule = Rule(
        **{
            **values,
            "on": tuple(read.on),
            "do": tuple(
                StepSpec(step.use, MappingProxyType(step.model_extra or {}), step.timeout) for step in read.do
            ),
            "after": tuple(dict.fromkeys(read.after)),
            "when": MappingProxyType({field: tuple(patterns) for field, patterns in read.when.items()}),
            "origin": origin,
            "digest": digest,
            "line": place.line,
            "do_line": place.line_of("do"),
        }
    )
    return rule, [*check_rule(rule), *schedule_problems(rule)]


def _describe(detail: Any) -> str:
    keys = [str(part) for part in detail["loc"]]
    message = str(detail["msg"]).removeprefix("Value error, ")
    match detail["type"]:
        case "extra_forbidden":
            return f"there is no such key: {keys[-1]!r}; {did_you_mean(keys[-1], RULE_KEYS)}"
        case "literal_error" | "enum":
            message = f"{shown(detail['input'])} is not one of {detail['ctx']['expected']}"
        case "missing":
            message = "this key is needed"
        case _:
            said = "" if detail["type"] == "value_error" else f" (it is {shown(detail['input'])})"
            message = f"{message[:1].lower()}{message[1:]}{said}"
    return f"{'.'.join(keys)}: {message}"


def _read_tests(
    tables: list[Any], name: str, origin: str
) -> tuple[tuple[RuleTest, ...], tuple[DisabledRule, ...]]:
    tests, wrong = [], []
    for number, table in enumerate(tables, 1):
        try:
            read = CaseTable.model_validate(table)
        except ValidationError as error:
            reasons = "; ".join(_describe(detail) for detail in error.errors(include_url=False))
            wrong.append(DisabledRule(f"test {number}", f"{name}: test {number}: {reasons}"))
        else:
            given = MappingProxyType(read.given)
            tests.append(RuleTest(given=given, expect=tuple(read.expect), origin=origin))
    return tuple(tests), tuple(wrong)
