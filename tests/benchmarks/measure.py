"""How the benchmarks measure: CPU of whole commands in interleaved rounds, so that noise hits all alike."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was measured, the figure, what was wanted, and whether it holds."""

    what: str
    figure: str
    target: str
    holds: bool

    def __str__(self) -> str:
        return f"| {self.what} | {self.figure} | {self.target} | {'yes' if self.holds else 'missed'} |"


def child_cpu() -> float:
    """Return the CPU seconds of all children that have ended so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def own_cpu() -> float:
    """Return the CPU seconds of this process and its ended children."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime + child_cpu()


def cpu_of(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> float:
    """Run a command to its end and return its CPU seconds, its own children's included."""
    before = child_cpu()
    subprocess.run(
        argv, cwd=cwd, env=dict(env), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    return child_cpu() - before


def medians(
    commands: Mapping[str, Sequence[str]], *, cwd: Path, rounds: int, env: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Return each command's median CPU in seconds, measured in turns; one round more than `rounds` warms up."""
    env = os.environ if env is None else env
    seen: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, argv in commands.items():
            spent = cpu_of(argv, cwd, env)
            if number:
                seen[name].append(spent)
    return {name: statistics.median(times) for name, times in seen.items()}
