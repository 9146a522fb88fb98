"""Everything the commands print goes through here: people's text, talk, JSON, colour, alignment, cleaning."""

from __future__ import annotations

import json
import os
import sys
import unicodedata

from sixthbot.core.shown import visible
from sixthbot.core.text import clean_line, counted, has_unsafe_characters

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any, TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class ReaderGone(Exception):
    """Whoever read our output has left (`sixthbot log | head`); there is nothing more to say."""


def wants_color(choice: str | None, *, stream: TextIO) -> bool:
    """Decide about colour on a stream: the flag, then NO_COLOR, FORCE_COLOR, a dumb or no terminal."""
    if choice in {"always", "never"}:
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") != "0":
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class Output:
    """Writes for one command: `say` to stdout, `talk` to stderr. `verbosity` is -1 for -q, 0, or the count of -v."""

    def __init__(self, *, color_out: bool, color_err: bool, verbosity: int = 0) -> None:
        self.color_out = color_out
        self.color_err = color_err
        self.verbosity = verbosity

    def say(self, text: str = "") -> None:
        """Write lines that were asked for to stdout; markup of `paint` stays only where colour is wanted."""
        self._write(sys.stdout, text, color=self.color_out)

    @property
    def columns(self) -> int:
        """How wide the terminal is that stdout goes to; 0 for no terminal, where nothing need be cut."""
        if not sys.stdout.isatty():
            return 0
        named = os.environ.get("COLUMNS", "")
        if named.isascii() and named.isdigit():
            return int(named)
        try:
            return os.get_terminal_size(sys.stdout.fileno()).columns
        except (OSError, ValueError):
            return 80

    def talk(self, text: str) -> None:
        """Write a line about progress to stderr, unless the person asked for quiet; that nobody reads it ends nothing."""
        if self.verbosity >= 0:
            try:
                self._write(sys.stderr, text, color=self.color_err)
            except ReaderGone:
                self.verbosity = -1

    def detail(self, text: str) -> None:
        """Write a line to stderr that only -v asks for."""
        if self.verbosity > 0:
            self._write(sys.stderr, text, color=self.color_err)

    def json(self, data: Mapping[str, Any]) -> None:
        """Write one JSON object to stdout; what could steer a terminal stands there as an escape."""
        self.say(json.dumps(data, ensure_ascii=False, indent=2).translate(_ESCAPED))

    def raw(self, data: bytes) -> None:
        """Write bytes to stdout as they are, after what was said before."""
        try:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise ReaderGone from None

    @staticmethod
    def _write(stream: TextIO, text: str, *, color: bool) -> None:
        try:
            stream.write(shown_on(stream, text, color=color) + "\n")
            stream.flush()
        except BrokenPipeError:
            raise ReaderGone from None
        except OSError as error:
            if error.errno != _NO_TERMINAL:
                raise
            raise ReaderGone from None


def shown_on(stream: TextIO, text: str, *, color: bool) -> str:
    """Return text as a stream can take it: a character that its encoding has not becomes an escape, never an error."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    shown = steady(text if color else unpaint(text))
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def paint(text: str, *styles: str) -> str:
    """Return `text` in the given styles; `Output` takes them off again where no colour is wanted."""
    codes = ";".join(_CODES[style] for style in styles)
    return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text


_NO_TERMINAL = 5  # EIO: what a terminal says that was closed; errno would cost `status` a module
_OWN_CODES = frozenset({"0", *_CODES.values()})


def unpaint(text: str) -> str:
    """Take off what `paint` put on."""
    return "".join(plain for plain, _ in _pieces(text)) if "\x1b" in text else text


def steady(text: str) -> str:
    """Return text in which nothing but what `paint` puts on can steer a terminal: the last guard of all output."""
    return "".join(visible(plain) + code for plain, code in _pieces(text))


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yield plain text and the code of `paint` behind it, by turns; any other escape is part of the text."""
    plain, *rest = text.split("\x1b")
    for part in rest:
        code, end, tail = part.partition("m")
        if end and code[:1] == "[" and _OWN_CODES.issuperset(code[1:].split(";")):
            yield plain, f"\x1b{code}m"
            plain = tail
        else:
            plain += f"\x1b{part}"
    yield plain, ""


def one_line(text: str, limit: int = 200) -> str:
    """Return untrusted text as one line that is safe on a terminal, at most `limit` characters, cut with `...`."""
    line = clean_line(text, limit=limit + 1)
    return line if len(line) <= limit else line[: limit - 3].rstrip() + "..."


class _Escaped(dict[int, str]):
    """The same for JSON, where an unsafe character is written as an escape of JSON."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        safe = char == "\n" or not has_unsafe_characters(char)
        self[code] = shown = char if safe else json.dumps(char)[1:-1]
        return shown


_ESCAPED = _Escaped()


def clean_text(text: str) -> str:
    """Return untrusted text of many lines with whatever could steer a terminal made visible."""
    return visible(text)


def width(text: str) -> int:
    """Return how many columns a terminal gives to `text`, paint not counted."""
    plain = unpaint(text)
    if plain.isascii():
        return len(plain)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in plain
    )


def cut(text: str, columns: int) -> str:
    """Return painted text that takes at most `columns` on a terminal, its end replaced by `...` if need be."""
    if width(text) <= columns:
        return text
    left, parts, full = max(columns - len(_DOTS), 0), [], False
    for plain, code in _pieces(text):
        kept = ""
        for char in "" if full else plain:
            if width(kept + char) > left:
                full = True
                kept = kept.rstrip() + _DOTS[:columns]
                break
            kept += char
        else:
            left -= width(kept)
        parts.append(kept + code)
    return "".join(parts)


_DOTS = "..."
_NARROW = 12


def _fitting(widths: list[int], columns: int, whole: Collection[int]) -> list[int]:
    """Take from the longest column, then from the next, until all fit; words go last, those in `whole` stay."""
    fitted = list(widths)
    rest = [index for index in range(len(fitted)) if index not in whole]
    for least in (_NARROW, len(_DOTS) + 1):
        while rest and sum(fitted) + 2 * (len(fitted) - 1) > columns:
            widest = max(rest, key=lambda index: (fitted[index], index))
            if fitted[widest] <= least:
                break
            fitted[widest] -= 1
    return fitted


def table(
    rows: Iterable[Sequence[str]],
    *,
    head: Sequence[str] = (),
    indent: str = "",
    columns: int = 0,
    whole: Collection[int] = (),
) -> str:
    """Return rows as aligned columns, two spaces apart, the last one ragged; no lines for no rows.

    With `columns`, the longest cells are cut so that no line is wider, but never those of the columns
    in `whole`, counted from 0: half an id is of no use to anybody.
    """
    body = [tuple(row) for row in rows]
    if not body:
        return ""
    lines = [tuple(paint(name, "dim") for name in head), *body] if head else body
    widths = [max(width(row[column]) for row in lines) for column in range(len(lines[0]))]
    if columns:
        widths = _fitting(widths, columns - len(indent), whole)
        lines = [tuple(map(cut, row, widths)) for row in lines]
    return "\n".join(
        indent
        + "  ".join(
            cell + " " * (0 if column == len(row) - 1 else widths[column] - width(cell))
            for column, cell in enumerate(row)
        ).rstrip()
        for row in lines
    )


def next_lines(hint: str, *, indent: str = "") -> list[str]:
    """Return a hint as lines that say what to type next; a command after `then:` gets a line of its own."""
    if not hint:
        return []
    told, then, typed = one_line(hint, 500).partition(", then: ")
    lines = [f"{indent}{paint('next', 'green')}: {told}{', then:' if then else ''}"]
    return [*lines, f"{indent}      {typed}"] if then else lines


def plural(count: int, noun: str, many: str = "") -> str:
    """Return `1 task`, `2 tasks`; `many` is the plural where an s does not make it."""
    return counted(count, noun, many)
