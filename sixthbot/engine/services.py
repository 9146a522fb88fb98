"""Opens everything that works on one repository, once, in the order that trust demands. Owns no state of its own."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from sixthbot.actions import registry
from sixthbot.core.errors import SixthError
from sixthbot.core.rules import DisabledRule
from sixthbot.git.held import sharing
from sixthbot.git.repository import open_repository
from sixthbot.git.worktrees import Pool
from sixthbot.store import clock as store_clock
from sixthbot.store.config import load_config, variables_note
from sixthbot.store.home import require_initialised
from sixthbot.store.locks import hold
from sixthbot.store.open import open_store
from sixthbot.store.paths import locate
from sixthbot.store.rulefiles import load_rules
from sixthbot.store.rulesummary import save_summary, settings_note, steps_wait_for
from sixthbot.store.setup import check_tracked
from sixthbot.store.trust import GIT_SETTINGS, Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from sixthbot.actions.base import Processes
    from sixthbot.git.repository import Repository
    from sixthbot.store.config import Loaded
    from sixthbot.store.open import Store
    from sixthbot.store.paths import Places
    from sixthbot.store.rulefiles import RuleSet

_WORKTREE_PATIENCE = 300.0  # seconds; a large repository takes its time to check out


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All that commands, the bot and workers need for one repository, opened and checked.

    `rules` holds only rules whose steps can run; the others stand in its `disabled`. `trusted` is false while
    anything that steps go by waits for its owner's trust; `untrusted` names it, and files of rules that wait, too. `processes` replaces the way foreign programs
    are run, None for the real one. `env` is the environment of the bot's own start.
    """

    places: Places
    store: Store
    repo: Repository
    pool: Pool
    loaded: Loaded
    rules: RuleSet
    trusted: bool
    untrusted: tuple[str, ...] = ()
    processes: Processes | None
    clock: Callable[[], datetime]
    env: Mapping[str, str]


def open_services(
    start: Path,
    *,
    clock: Callable[[], datetime] = store_clock.now,
    env: Mapping[str, str] | None = None,
    flags: Mapping[str, str] = MappingProxyType({}),
    only_look: bool = False,
) -> Services:
    """Open the repository that `start` lies in.

    `only_look` writes nothing, and reads rule files whether they are trusted or not: for whoever judges rules and
    never for whoever follows them.
    `flags` are settings from the command line (`section.key` -> text), `env` is by default the process's own.
    Raise NoRepository when there is none or it is not initialised, Refused when it tracks what belongs to the bot,
    ConfigError for a trusted configuration that cannot be used. A bad rule is disabled, never an error.
    """
    places = locate(start)
    require_initialised(places)
    env = MappingProxyType(dict(os.environ if env is None else env))
    trust = Trust(places.data_dir)
    loaded = load_config(places, trust, env, flags)
    durability = loaded.config.bot.durability
    repo = open_repository(places.top, places.git_dir, durability=durability)
    check_tracked(repo.tracked_under(".sixth"))
    settings = repo.exec_settings()
    if trust.is_trusted(GIT_SETTINGS, settings):
        repo.trust_settings(settings)
    rules = with_checked_steps(
        load_rules(places, trust, tuple(loaded.config.rules.disabled), judge_all=only_look)
    )
    state = trust.state(trust.scan(places, settings))
    note = settings_note(places, state.untrusted, loaded.problems)
    if not only_look:
        _keep_figures(places, rules, note, autostart=loaded.config.hooks.autostart)
    store = open_store(places, durability=durability, clock=clock)
    return Services(
        places=places,
        store=store,
        repo=repo,
        pool=Pool(repo.git, places.pool_dir, serialise=worktree_lock(places)),
        loaded=loaded,
        rules=rules,
        trusted=not steps_wait_for(state.untrusted) and not loaded.untrusted,
        untrusted=state.untrusted,
        processes=None,
        clock=clock,
        env=env,
    )


def settings_now(places: Places, env: Mapping[str, str]) -> str:
    """Return what of the settings does not count, as they are now; the figures that `status` shows are kept anew.

    It is a `settings_note`, and says so as well where nothing at all can begin with such settings.
    """
    try:
        services = open_services(places.top, env=env)
    except SixthError as error:
        return f"broken: {error.message.splitlines()[0]}; nothing begins until that is mended"
    note = settings_note(places, services.untrusted, services.loaded.problems)
    return "; ".join(filter(None, (note, variables_note(env))))


def _keep_figures(places: Places, rules: RuleSet, note: str, *, autostart: bool) -> None:
    with suppress(OSError):  # figures for `status`; on a disk that is full or read-only it counts for itself
        save_summary(
            places,
            active=len(rules.rules),
            disabled=rules.disabled,
            untrusted=rules.untrusted,
            settings=note,
            autostart=autostart,
        )


def with_checked_steps(rules: RuleSet) -> RuleSet:
    """Return the rule set with each rule whose steps cannot run moved to `disabled`, with the reasons."""
    good, bad = [], list(rules.disabled)
    for rule in rules.rules:
        problems = registry.check_steps(rule)
        if problems:
            where = f"{rule.origin}:{rule.do_line}" if rule.do_line else rule.origin
            bad.append(DisabledRule(rule.name, f"{where}: {'; '.join(problems)}"))
        else:
            good.append(rule)
    return replace(rules, rules=tuple(good), disabled=tuple(bad))


def worktree_lock(places: Places) -> Callable[[], AbstractContextManager[None]]:
    """Return what makes `git worktree add` one at a time across all processes of this repository."""

    @contextmanager
    def serialise() -> Iterator[None]:
        what, lock = "preparing a worktree", places.locks / "worktrees.lock"
        with hold(lock, what=what, patience=_WORKTREE_PATIENCE) as held, sharing(held.fileno()):
            yield

    return serialise
