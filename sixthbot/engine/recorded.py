"""Writes each foreign program and each question to a model into the journal, with what it took and what came of it."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from sixthbot.core.errors import SixthError
from sixthbot.core.names import clean_line
from sixthbot.engine.children import is_secret_name
from sixthbot.store.redact import Masked, redact_command, redact_text, without

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from sixthbot.actions.base import Note, Processes, Ran
    from sixthbot.llm.port import Budget, Completion, Prompt, Writer

_SHOWN = 120
_LOOK = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class RecordedProcesses:
    """Runs programs as `inner` does, an `actions.base.Processes`, and leaves `process.started` and `process.ended`.

    `spent` is called with the usage of each one, `hide` with the secrets it is given. What comes back as a program's output has no secrets in it, nor the
    values of variables it was given whose names say that they are secret.
    """

    inner: Processes
    note: Note
    spent: Callable[[Mapping[str, float]], None]
    hide: Callable[[Collection[str]], None]

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout: float | None,
        writable: Sequence[Path] = (),
        output_limit: int = 1_000_000,
    ) -> Ran:
        """Run `argv` to its end; see `actions.base.Processes`."""
        shown = clean_line(redact_command(argv), limit=_SHOWN)
        secrets = [value for name, value in env.items() if is_secret_name(name)]
        self.hide(secrets)
        note = partial(self.note, level="debug", argv=argv, commit=env.get("SIXTH_COMMIT"))
        note("process.started", Masked(f"runs {shown}"), data={"env": sorted(env)})
        started = time.monotonic()
        try:
            ran = self.inner.run(
                argv, cwd=cwd, env=env, timeout=timeout, writable=writable, output_limit=output_limit
            )
        except SixthError as error:
            took = round(time.monotonic() - started, 3)
            said = Masked(f"{shown}: {clean_line(redact_text(error.message), limit=300)}")
            note("process.ended", said, duration=took)
            raise
        self.spent(ran.usage)
        how = "took too long and was stopped" if ran.timed_out else f"exit status {ran.status}"
        note(
            "process.ended",
            Masked(f"{shown}: {how}"),
            exit=ran.status,
            duration=round(ran.duration, 3),
            usage=ran.usage or None,
            data={"confined": ran.confined},
        )
        return replace(ran, output=redact_text(without(ran.output, secrets)))


@dataclass(frozen=True, slots=True)
class RecordedWriter:
    """Asks a model as `inner` does, an `llm.port.Writer`, and leaves one `model.asked` for each question."""

    inner: Writer
    note: Note
    spent: Callable[[Mapping[str, float]], None]
    check: Callable[[], None]

    def complete_text(self, prompt: Prompt, *, budget: Budget) -> Completion:
        """Return the model's answer; see `llm.port.Writer`. Raise Cancelled at once when the task is to stop meanwhile."""
        started = time.monotonic()
        try:
            done = self._asked(prompt, budget)
        except SixthError as error:
            took = round(time.monotonic() - started, 3)
            self.note("model.asked", f"no answer: {error.message}", level="debug", duration=took)
            raise
        self.spent(done.usage)
        self.note(
            "model.asked",
            f"{done.model} answered",
            level="debug",
            duration=round(time.monotonic() - started, 3),
            usage=done.usage or None,
        )
        return done

    def _asked(self, prompt: Prompt, budget: Budget) -> Completion:
        """Wait for the answer in a thread of its own, which the budget ends where nobody waits any more."""
        answers: queue.SimpleQueue[Completion | BaseException] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self.inner.complete_text(prompt, budget=budget))
            except BaseException as error:  # noqa: BLE001 - whoever waits raises it
                answers.put(error)

        threading.Thread(target=ask, name="model", daemon=True).start()
        while True:
            self.check()
            try:
                answer = answers.get(timeout=_LOOK)
            except queue.Empty:
                continue
            if isinstance(answer, BaseException):
                raise answer
            return answer
