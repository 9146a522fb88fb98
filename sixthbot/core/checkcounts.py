"""Reads out of what a check printed how many tests it ran: only where the program says so in a form it is known for."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_PAINT = re.compile(r"\x1b\[[0-9;]*m")
_WORD = r"(?:passed|failed|errors?|skipped|xfailed|xpassed|deselected|warnings?|rerun)"
_PYTEST = re.compile(rf"^=* ?((?:\d{{1,9}} {_WORD}(?:, )?)+) in [0-9.]+s", re.MULTILINE)
_NO_TESTS = re.compile(r"^=* ?no tests ran in [0-9.]+s", re.MULTILINE)
_UNITTEST = re.compile(
    r"^Ran (\d{1,9}) tests? in [0-9.]+s\s+(?:OK|FAILED|NO TESTS RAN)(?: \(([^)\n]{0,200})\))?", re.MULTILINE
)
_CARGO = re.compile(
    r"^test result: \w+\. (\d{1,9}) passed; (\d{1,9}) failed; (\d{1,9}) ignored", re.MULTILINE
)
_GO = re.compile(r"^--- (PASS|FAIL|SKIP): ", re.MULTILINE)
_JEST = re.compile(r"^Tests:\s+((?:\d{1,9} \w+(?:, )?)+)", re.MULTILINE)
_VITEST = re.compile(r"^\s+Tests\s+((?:\d{1,9} \w+(?: \| )?)+) \(\d{1,9}\)", re.MULTILINE)
_MYPY = re.compile(
    r"^Found (\d{1,9}) errors? in \d{1,9} files?(?: \((?:checked|errors)[^)]{0,60}\))?$", re.MULTILINE
)
_MYPY_FINE = re.compile(r"^Success: no issues found in \d{1,9} source files?$", re.MULTILINE)
_PYRIGHT = re.compile(r"^(\d{1,9}) errors?, \d{1,9} warnings?, \d{1,9} informations?", re.MULTILINE)
_PAIR = re.compile(r"(\d{1,9}) (\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a program said of its own run. `tool` is whose words they are; `type_errors` is None for tests."""

    tool: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    type_errors: int | None = None

    @property
    def said(self) -> str:
        """The counts in words: `12 passed, 1 failed, 2 skipped`."""
        if self.type_errors is not None:
            return f"{self.type_errors} type error{'' if self.type_errors == 1 else 's'}"
        parts = [f"{self.passed} passed"]
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.skipped} skipped"] if self.skipped else []
        return ", ".join(parts)


def count(output: str) -> Counts | None:
    """Return the counts in a program's whole output, None where it has none, or those of more than one program."""
    text = _PAINT.sub("", output.replace("\r\n", "\n"))
    found = [counts for read in _READERS if (counts := read(text)) is not None]
    return found[0] if len(found) == 1 else None


def to_record(counts: Counts | None) -> dict[str, Any]:
    """Return counts as the record of a check has them; empty for None."""
    return {} if counts is None else asdict(counts)


def from_record(raw: object) -> Counts | None:
    """Read counts back; None where the record has none, or was damaged."""
    values = raw if isinstance(raw, dict) else {}
    numbers = {name: values.get(name) for name in ("passed", "failed", "skipped", "type_errors")}
    plain = [value for value in numbers.values() if value is not None]
    if not isinstance(values.get("tool"), str) or not all(
        type(value) is int and value >= 0 for value in plain
    ):
        return None
    return Counts(
        tool=values["tool"],
        passed=numbers["passed"] or 0,
        failed=numbers["failed"] or 0,
        skipped=numbers["skipped"] or 0,
        type_errors=numbers["type_errors"],
    )


def _pytest(text: str) -> Counts | None:
    found = _PYTEST.findall(text)
    if not found:
        return Counts(tool="pytest") if _NO_TESTS.search(text) else None
    return _named("pytest", found[-1])


def _unittest(text: str) -> Counts | None:
    found = _UNITTEST.findall(text)
    if not found:
        return None
    ran, details = found[-1]
    named = {name: int(number) for name, number in re.findall(r"([a-z ]+)=(\d{1,9})", details)}
    failed = sum(named.get(name, 0) for name in ("failures", "errors", ", errors", " errors"))
    skipped = sum(number for name, number in named.items() if name.strip() == "skipped")
    return Counts(tool="unittest", passed=max(int(ran) - failed - skipped, 0), failed=failed, skipped=skipped)


def _cargo(text: str) -> Counts | None:
    found = _CARGO.findall(text)
    if not found:
        return None
    passed, failed, ignored = (sum(map(int, column)) for column in zip(*found, strict=True))
    return Counts(tool="cargo test", passed=passed, failed=failed, skipped=ignored)


def _go(text: str) -> Counts | None:
    found = _GO.findall(text)
    if not any(word != "FAIL" for word in found):
        return None  # without -v it names the failed ones only
    return Counts(
        tool="go test", passed=found.count("PASS"), failed=found.count("FAIL"), skipped=found.count("SKIP")
    )


def _jest(text: str) -> Counts | None:
    found = _JEST.findall(text)
    return _named("jest", found[-1]) if found else None


def _vitest(text: str) -> Counts | None:
    found = _VITEST.findall(text)
    return _named("vitest", found[-1]) if found else None


def _types(text: str) -> Counts | None:
    if _MYPY_FINE.search(text):
        return Counts(tool="mypy", type_errors=0)
    for tool, pattern in (("mypy", _MYPY), ("pyright", _PYRIGHT)):
        if found := pattern.findall(text):
            return Counts(tool=tool, type_errors=int(found[-1]))
    return None


def _named(tool: str, text: str) -> Counts:
    by_word: Mapping[str, int] = {word: int(number) for number, word in _PAIR.findall(text)}

    def of(words: Iterable[str]) -> int:
        return sum(by_word.get(word, 0) for word in words)

    return Counts(
        tool=tool,
        passed=of(("passed", "xpassed")),
        failed=of(("failed", "error", "errors")),
        skipped=of(("skipped", "xfailed", "todo", "pending")),
    )


_READERS: tuple[Callable[[str], Counts | None], ...] = (
    _pytest,
    _unittest,
    _cargo,
    _go,
    _jest,
    _vitest,
    _types,
)
