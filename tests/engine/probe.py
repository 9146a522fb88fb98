"""An action for tests that does what its argument says, and an honest record of each time it did."""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.actions.base import Action, Args
from sixthbot.core.errors import Locked, NeedsPerson, TryLater, UsageError, WorkFailed
from sixthbot.core.events import make_event
from sixthbot.core.tasks import Outcome
from sixthbot.store.atomic import make_dirs
from sixthbot.store.home import HOME_MARK
from sixthbot.store.state.home import mark_home

if TYPE_CHECKING:
    from sixthbot.actions.base import Context


class ProbeArgs(Args):
    """`do` says what happens; each call adds a line to the file `record`."""

    do: str = "nothing"
    record: str = ""
    run: tuple[str, ...] = ()
    basis: str = ""


def _probe(ctx: Context, args: ProbeArgs) -> Outcome:
    if args.record:
        with Path(args.record).open("a", encoding="utf-8") as file:
            file.write(f"{ctx.task.id} {os.getpid()} {args.do} {sorted(ctx.outputs)}\n")
    error = _errors().get(args.do)
    if error is not None:
        raise error
    match args.do:
        case "nothing":
            return Outcome({"pid": os.getpid()})
        case "event":
            event = make_event("start", {"args": "x"}, time=ctx.clock(), key=f"caused by {ctx.task.id}")
            return Outcome({}, (event,))
        case "run":
            cwd = Path(args.record).parent
            ran = ctx.processes.run(args.run, cwd=cwd, env={}, timeout=None)
            return Outcome({"status": ran.status, "confined": ran.confined})
        case "items":
            items = ctx.items(args.run, key=str, basis=args.basis)
            for item in items:
                _at_item(ctx, Path(args.record), item)
                items.keep(item.upper())
            return Outcome({"results": items.results, "resumed": items.resumed})
        case "taken" | "emptied":
            (ctx.store.places.sixth / HOME_MARK).unlink()
            return Outcome({"lost": _missed(ctx.store.places.sixth, to_read=args.do == "taken")})
        case "replaced":
            (ctx.store.places.sixth / HOME_MARK).unlink()
            mark_home(ctx.store.places)
            raise UsageError("no such issue")
        case "spin":
            while True:
                ctx.check_cancelled()
                time.sleep(0.01)
        case other:
            raise AssertionError(f"the probe knows no {other!r}")


def _missed(home: Path, *, to_read: bool) -> str:
    if to_read:
        return (home / "lost").read_text()
    make_dirs(home / "new")
    return ""


def _at_item(ctx: Context, record: Path, item: str) -> None:
    """Write down that an item was done; at `die` and `fail`, once, what the name says."""
    once = record.with_name(f"once-{item}")
    if item in {"die", "fail"} and not once.exists():
        once.touch()
        if item == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        raise WorkFailed("it went wrong at an item")
    with record.open("a", encoding="utf-8") as file:
        file.write(f"{ctx.task.id} {os.getpid()} {item}\n")


def _errors() -> dict[str, Exception]:
    return {
        "fail": WorkFailed("it went wrong", hint="mend it"),
        "bug": ZeroDivisionError("a mistake in the program"),
        "ask": NeedsPerson("somebody has to look", kind="subtask", hint="look"),
        "later": TryLater("not yet", seconds=7),
        "locked": Locked("somebody holds it"),
        "misuse": UsageError("it can never work"),
        "full": OSError(errno.ENOSPC, "No space left on device"),
    }


ACTION = Action(name="probe", summary="For tests.", Args=ProbeArgs, run=_probe)
