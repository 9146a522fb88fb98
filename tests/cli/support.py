"""Runs command lines in this process and keeps what they print."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

from sixthbot.cli.app import main

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Said:
    """What a command line left: its exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it wrote to stdout, which must be one JSON object."""
        return json.loads(self.out)


class _Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def sixthbot(*args: str, cwd: Path | None = None, stdin: str = "", terminal: bool = False) -> Said:
    """Run one command line as `sixthbot -C cwd args`."""
    kind = _Terminal if terminal else io.TextIOWrapper
    out, err = (kind(io.BytesIO(), encoding="utf-8") for _ in range(2))
    given = kind(io.BytesIO(stdin.encode()), encoding="utf-8")
    where = ("-C", str(cwd)) if cwd else ()
    with mock.patch.multiple(sys, stdout=out, stderr=err, stdin=given):
        code = main([*where, *args])
        out.flush()
        err.flush()
    return Said(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]
