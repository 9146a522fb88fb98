"""`sixthbot init`: makes a repository the bot's home; says what it made, and changes nothing that a person wrote."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from sixthbot.cli.output import one_line, paint, plural
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb
from sixthbot.core.errors import SixthError

if TYPE_CHECKING:
    from sixthbot.git.repository import Repository


@verb(
    ("sixthbot init", "make .sixth/ here and keep it out of git's sight"),
    ("sixthbot init --hooks", "and let git's hooks wake the bot at once"),
    ("sixthbot init --no-hooks", "take the hooks out again, to the byte"),
)
@click.option("--hooks/--no-hooks", "hooks", default=None, help="Put git hook shims in, or take them out.")
@pass_session
def command(session: Session, *, hooks: bool | None) -> None:
    """Make this repository the bot's home. Doing it again changes nothing that is there.

    What exists now is the baseline: the bot works on what happens from here on, and on files already in the inbox.
    """
    from sixthbot.engine.rebuild import is_saved_only  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.repository import open_repository  # noqa: PLC0415 - lazy, see app
    from sixthbot.store.paths import locate  # noqa: PLC0415 - lazy, see app
    from sixthbot.store.setup import check_tracked, initialise  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("initialising a repository")
    places = locate(session.start)
    repo = open_repository(places.top, places.git_dir)
    check_tracked(repo.tracked_under(".sixth"))
    if is_saved_only(places, repo):
        session.bring_home_back(places, from_stash_too=True)
    made = initialise(places)
    baseline = _store_baseline(session, repo)
    for name in made:
        session.out.say(f"made {name}")
    if baseline is not None:
        session.out.say(f"stored the baseline: {plural(baseline, 'branch or tag', 'branches and tags')}")
    if hooks is not None:
        _change_hooks(session, repo, wanted=hooks)
    _name_untrusted(session, repo)
    if not made:
        session.out.say(f"sixthbot is at home in {places.top}")
    session.out.talk(
        f"{paint('next', 'green')}: name recipes and checks in .sixth/config.toml, then: sixthbot trust\n"
        "      then sixthbot watch, and drop an issue file into .sixth/inbox/ (or sixthbot new 'TITLE')"
    )


def _name_untrusted(session: Session, repo: Repository) -> None:
    """Say what a clone brought along that does not count before its owner has looked at it."""
    trust = session.store().trust
    untrusted = trust.state(trust.scan(session.places(), repo.exec_settings())).untrusted
    if untrusted:
        names = one_line(", ".join(untrusted), 200)
        session.out.say(f"{paint('not trusted yet', 'yellow')}: {names} (sixthbot trust --show)")
    with suppress(SixthError):  # keeps for `status` what counts; who comes next is told what is wrong
        session.services()


def _change_hooks(session: Session, repo: Repository, *, wanted: bool) -> None:
    from sixthbot.cli import hooks  # noqa: PLC0415 - lazy, see app
    from sixthbot.cli.hook_place import place_for_hooks, places_of_hooks  # noqa: PLC0415 - lazy, see app

    if wanted:
        added = hooks.install(
            place_for_hooks(repo), autostart=session.services().loaded.config.hooks.autostart
        )
        session.out.say(f"hooks: {', '.join(added)}" if added else "hooks: all are there")
        return
    outcomes = [hooks.remove(folder) for folder in places_of_hooks(repo)]
    restored = list(dict.fromkeys(hook for there, _ in outcomes for hook in there))
    session.out.say(
        f"hooks: {', '.join(restored)} as before" if restored else "hooks: none of ours were there"
    )
    for hook in (hook for _, changed in outcomes for hook in changed):
        session.out.talk(
            f"{hook} was changed since, so it stays; what was there before is kept as {hook}{hooks.KEPT}"
        )


def _store_baseline(session: Session, repo: Repository) -> int | None:
    """Take what exists for seen, the first time; return how many refs that are, None when it was done before."""
    from sixthbot.sources.tracker import RefsTracker  # noqa: PLC0415 - lazy, see app

    store = session.store()
    tracker = RefsTracker()
    look = tracker.look(store, repo.git)
    if look.old is not None:
        return None
    tracker.save(store, look)
    return len(look.new.refs)
