"""The doctor's checks: each looks at one thing and returns what it found, with a way to mend it where that is safe."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.cli.astray import strangers
from sixthbot.cli.findings import Finding
from sixthbot.cli.ground import file_system, git_findings, locks_hold, loose_objects
from sixthbot.cli.leftovers import (
    git_locks,
    kept_aside,
    left_behind,
    passed_by,
    saved_state,
    torn_by_a_power_cut,
    torn_lines,
    work_trees,
)
from sixthbot.cli.times import ago
from sixthbot.core.errors import ConfigError, SixthError
from sixthbot.store.clock import now
from sixthbot.store.config import workers_note
from sixthbot.store.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.cli.session import Session
    from sixthbot.engine.services import Services
    from sixthbot.store.paths import Places

_FEW_BYTES = 200 << 20
_FEW_WATCHES = 1024
_TRIAL = 10.0  # seconds
_LIMITS = Path("/proc/sys/fs/inotify")


def examine(session: Session) -> Iterator[Finding]:
    """Yield the findings of every check that can be made; where the repository cannot be opened, those before it."""
    yield from _machine()
    try:
        places = session.places()
    except SixthError as error:
        yield Finding("bad", "repository", error.message, error.hint, error=error)
        return
    yield Finding("ok", "repository", str(places.top))
    yield _disk(places)
    yield file_system(places)
    yield locks_hold(places)
    yield loose_objects(places)
    yield _exclude(places)
    yield _watcher(places)
    yield from _damaged(session)
    yield from kept_aside(places)
    yield from passed_by(places)
    yield from strangers(places)
    yield torn_lines(places)
    yield from git_locks(places)
    try:
        services = session.services()
    except SixthError as error:
        ending = None if isinstance(error, ConfigError) else error
        for number, line in enumerate(error.message.splitlines()):
            yield Finding("bad", "settings", line, "" if number else error.hint, error=ending)
        if ending is not None:
            return
    else:
        yield from _settings(services)
        yield _confinement(services)
        yield from left_behind(services)
        yield from work_trees(services)
        yield from torn_by_a_power_cut(services)
        yield from saved_state(services)
        yield _remote(services)
        yield from _synced(services)
    yield from _failed(session)
    yield _hooks(places)


def _machine() -> Iterator[Finding]:
    from sixthbot.git.run import git_version  # noqa: PLC0415 - lazy, see app

    yield Finding("ok", "python", platform.python_version())
    try:
        yield from git_findings(git_version())
    except SixthError as error:
        yield Finding("bad", "git", error.message, error.hint)
    yield _inotify()


def _inotify() -> Finding:
    try:
        watches = int((_LIMITS / "max_user_watches").read_text())
        instances = int((_LIMITS / "max_user_instances").read_text())
    except (OSError, ValueError):
        return Finding(
            "note", "file events", "this system has no inotify: what happens is found by a look every 2 s"
        )
    if watches < _FEW_WATCHES:
        return Finding(
            "warn", "file events", f"only {watches} inotify watches: what happens may be found by a look every 2 s",
            "sysctl fs.inotify.max_user_watches=65536",
        )  # fmt: skip
    return Finding("ok", "file events", f"inotify, {watches} watches, {instances} instances")


def _disk(places: Places) -> Finding:
    free = shutil.disk_usage(places.sixth).free
    if free < _FEW_BYTES:
        return Finding(
            "bad", "disk", f"{free >> 20} MiB free", "make room: tasks wait while the disk is full"
        )
    return Finding("ok", "disk", f"{free >> 30} GiB free")


def _exclude(places: Places) -> Finding:
    from sixthbot.store.setup import initialise  # noqa: PLC0415 - lazy, see app

    def mend() -> str:
        return "made " + ", ".join(initialise(places) or ["nothing"])

    text = places.exclude_file.read_text("utf-8", "replace") if places.exclude_file.exists() else ""
    if ".sixth" not in text:
        return Finding(
            "bad",
            "exclude",
            ".git/info/exclude does not keep the bot's own files out of git's sight",
            "sixthbot init",
            mend,
        )
    missing = [name for name in ("inbox", "queue", "issues", "drafts") if not (places.sixth / name).is_dir()]
    if missing:
        return Finding("bad", "folders", f".sixth/{missing[0]} is missing", "sixthbot init", mend)
    return Finding(
        "ok", "exclude", "git sees config.toml, rules/ and templates/ of .sixth, and nothing of the bot's own"
    )


def _watcher(places: Places) -> Finding:
    from sixthbot.store.locks import held_by, is_free  # noqa: PLC0415 - lazy, see app

    if is_free(places.watch_lock):
        return Finding("note", "watcher", "not running", "sixthbot watch")
    return Finding("ok", "watcher", f"running, pid {held_by(places.watch_lock) or 'unknown'}")


def _damaged(session: Session) -> Iterator[Finding]:
    store = session.store()
    for name, reason in (*store.issues.damaged().items(), *store.drafts.damaged().items()):
        yield Finding("bad", "damaged", f"{name}: {reason}", "mend the file by hand, or move it away")
    for record in store.issues.list():
        try:
            store.issues.plan(record.id)
        except SixthError as error:
            yield Finding("bad", "damaged", error.message, error.hint or f"sixthbot plan {record.id} --edit")


def _settings(services: Services) -> Iterator[Finding]:
    for problem in services.loaded.problems:
        yield Finding("bad", "settings", problem, "mend it, then sixthbot trust")
    if services.untrusted:
        waiting = "their rules wait" if services.trusted else "recipes and checks wait"
        yield Finding(
            "warn",
            "trust",
            f"{', '.join(services.untrusted)} not trusted: {waiting} for it",
            "sixthbot trust",
        )
    else:
        yield Finding("ok", "trust", "nothing waits for your trust")
    for disabled in services.rules.disabled:
        yield Finding(
            "bad", "rules", f"{disabled.name}: {disabled.reason}", "mend it, then sixthbot rules check"
        )
    yield Finding("ok", "rules", f"{len(services.rules.rules)} can be used")
    config = services.loaded.config
    if note := workers_note(config):
        yield Finding("note", "workers", note, "bot.workers in .sixth/config.toml")
    commands = {f"recipe {name}": recipe.run for name, recipe in config.recipes.items()}
    commands |= {f"check {number}": run for number, run in enumerate(config.check.run, 1)}
    for name, argv in commands.items():
        if argv and "/" not in argv[0] and shutil.which(argv[0], path=services.env.get("PATH")) is None:
            yield Finding(
                "bad", "programs", f"{name}: {argv[0]} is not on PATH", "install it, or mend [worktree] env"
            )
    if not config.check.run:
        yield Finding(
            "note", "checks", "none are configured: drafts say so", "[check] run in .sixth/config.toml"
        )


def _confinement(services: Services) -> Finding:
    """Start a command as recipes are started, and see whether the system kept it from writing to the person's tree."""
    from sixthbot.engine.attempt import protected_paths  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.children import ChildProcesses, child_environment  # noqa: PLC0415 - lazy, see app

    free = "recipes, checks and other commands can write to your work tree"
    if not services.loaded.config.worktree.confine:
        return Finding("note", "commands", f"worktree.confine is false: {free}")
    runner = ChildProcesses(env=child_environment(services.env), protected=protected_paths(services))
    try:
        ran = runner.run(["true"], cwd=services.places.local, env={}, timeout=_TRIAL)
    except SixthError as error:
        return Finding("bad", "commands", f"none can be started: {error.message}", error.hint)
    if not ran.confined:
        return Finding(
            "warn", "commands", f"this system confines none: {free}",
            "allow user namespaces, or use Linux 5.19 or later",
        )  # fmt: skip
    return Finding("ok", "commands", "they cannot write to your work tree")


def _failed(session: Session) -> Iterator[Finding]:
    for task in session.store().queue.all(states=("failed",)):
        made = ago(task.created, now())
        yield Finding(
            "warn", "failed", f"task {task.id} ({task.rule}), made {made}", f"sixthbot why {task.id}"
        )


def _remote(services: Services) -> Finding:
    from sixthbot.git.remotes import choose_remote  # noqa: PLC0415 - lazy, see app

    base = services.repo.default_branch()
    if base is None:
        return Finding("warn", "remote", "this repository has no branch yet", "make a first commit")
    try:
        target = choose_remote(services.repo.git, configured=services.loaded.config.push.remote, base=base)
    except SixthError as error:
        return Finding("warn", "remote", error.message, error.hint)
    return Finding("ok", "remote", f"{target.remote} ({redact_text(target.url)})")


def _synced(services: Services) -> Iterator[Finding]:
    from sixthbot.engine.syncing import last_sync  # noqa: PLC0415 - lazy, see app

    last = last_sync(services.store.cursors)
    if last is None:
        return
    when = ago(last.time, now())
    if last.failure:
        told = f"the last one, {when}, did not come to its end: {last.failure}"
        yield Finding("warn", "sync", told, f"sixthbot sync {last.remote}")
    else:
        yield Finding("ok", "sync", f"with {last.remote}, {when}")


def _hooks(places: Places) -> Finding:
    from sixthbot.cli.hook_place import places_of_hooks  # noqa: PLC0415 - lazy, see app
    from sixthbot.cli.hooks import VERBS, installed  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.repository import open_repository  # noqa: PLC0415 - lazy, see app

    there = installed(places_of_hooks(open_repository(places.top, places.git_dir))[-1])
    if not there:
        return Finding("note", "hooks", "none are installed; file events and a look now and then do without")
    missing = sorted(set(VERBS) - set(there))
    if missing:
        return Finding("warn", "hooks", f"{', '.join(missing)} is not ours any more", "sixthbot init --hooks")
    return Finding("ok", "hooks", ", ".join(there))
