"""`sixthbot sync`: brings the state of issues, plans, drafts and tasks to a remote and back."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from sixthbot.cli.output import one_line, paint, plural
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import json_option, verb
from sixthbot.core.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from sixthbot.engine.merging import Merged
    from sixthbot.engine.syncing import Synced


@verb(
    ("sixthbot sync", "with `origin`, or the only remote"),
    ("sixthbot sync backup", "with the remote of that name"),
    ("sixthbot sync --dry-run", "say what would go and come"),
)
@click.argument("remote", metavar="[REMOTE]", default="")
@click.option("--dry-run", is_flag=True, help="Change nothing here and push nothing.")
@click.option(
    "--no-branches",
    is_flag=True,
    help="Leave the branches of open issues where they are; the state alone travels.",
)
@click.option(
    "--root", type=click.Choice(["ours", "theirs"]), help="Which one counts where two states began apart."
)
@json_option
@pass_session
def command(
    session: Session, remote: str, *, dry_run: bool, no_branches: bool, root: str | None, as_json: bool
) -> int:
    """Bring the state of this clone and that of a remote together: issues, plans, drafts, tasks and their history.

    What two clones did apart is merged without a conflict. Of two edits of one plan or draft both are kept; of two
    claims on one task the earlier counts, and the other clone's commits are kept under a name. A branch with what looks
    like a secret stays here, and so does a state that has one; the exit code is then 1.
    """
    from sixthbot.engine.syncing import sync  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.statesync import choose_state_remote  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("syncing")
    services = session.services()
    session.leave_saving()
    settings = services.loaded.config.sync
    seconds = settings.timeout.total_seconds()
    chosen = choose_state_remote(services.repo.git, remote, settings.remote, seconds=seconds)
    branches = settings.branches and not no_branches
    result = sync(services, chosen, root=root or "", branches=branches, dry_run=dry_run)
    if as_json:
        session.out.json(_as_json(result, dry_run=dry_run))
    for line in () if as_json else _story(result, services.places.saved, dry_run=dry_run):
        session.out.say(line)
    return ExitCode.FAILED if result.withheld or result.carried.withheld else ExitCode.OK


def _as_json(result: Synced, *, dry_run: bool) -> dict[str, Any]:
    merged, carried = result.merged, result.carried
    return {
        "schema": 1,
        "remote": result.remote,
        "dry_run": dry_run,
        "sent": result.sent,
        "withheld": result.withheld,
        "came": merged.came,
        "branches": {
            "made": carried.made,
            "moved": carried.moved,
            "kept": [{"branch": name, "ref": ref} for name, ref in carried.aside],
            "left": carried.left,
            "missing": carried.missing,
            "withheld": [{"branch": name, "secrets": secrets} for name, secrets in carried.withheld],
        },
        "claimed_elsewhere": dict(sorted(merged.elsewhere.items())),
        "kept_both": [
            {"path": f".sixth/{key}", "other": kept and f".sixth/{kept}"} for key, kept in merged.kept
        ],
        "settings": {
            "came": [f".sixth/{key}" for key in merged.settings],
            "kept_yours": [
                {"path": f".sixth/{key}", "other": f".sixth/{other}", "actor": actor}
                for key, other, actor in merged.beside
            ],
        },
        "later": [*merged.later],
        "left_out": [*merged.refused, *(f"{path} is too long to travel" for path in result.left_out)],
    }


def _story(result: Synced, saved: Path, *, dry_run: bool) -> Iterator[str]:
    merged, carried = result.merged, result.carried
    would = "would sync" if dry_run else "synced"
    yield f"{would} with {one_line(result.remote)}: {plural(result.sent, 'operation')} sent, {merged.came} came"
    for name in carried.made:
        yield f"{paint('branch', 'cyan')} {name} came along"
    for name in carried.moved:
        yield f"{paint('branch', 'cyan')} {name} moved on"
    for issue, actor in sorted(merged.elsewhere.items()):
        yield f"{paint('claimed', 'yellow')} {one_line(issue)}: the work of {actor} counts, which claimed it first"
    for name, ref in carried.aside:
        yield f"{paint('kept', 'yellow')} your commits on {name}, as {ref} (git log {ref})"
    for key, kept in merged.kept:
        where = f": the other version is .sixth/{one_line(kept)}" if kept else ""
        yield f"{paint('kept both', 'yellow')} versions of .sixth/{one_line(key)}{where}"
    yield from _settings(merged)
    for line in carried.left:
        yield f"{paint('left', 'yellow')} {one_line(line, 300)}"
    for name, secrets in carried.withheld:
        yield (
            f"{paint('withheld', 'red')} {name} has what looks like a secret: {one_line(secrets, 500)}; take it out of "
            f"every commit of it, or allow it: allow_secrets under [push], then sixthbot trust"
        )
    yield from _withheld(result, saved)
    for name in carried.missing:
        yield f"{paint('missing', 'yellow')} branch {name}: its issue waits for you (sixthbot status)"
    for task in merged.later:
        yield f"{paint('later', 'yellow')} task {task} is being done here; the next sync settles it"
    for reason in (*merged.refused, *(f"{path} is too long to travel" for path in result.left_out)):
        yield f"{paint('left out', 'yellow')} {one_line(reason, 300)}"


def _withheld(result: Synced, saved: Path) -> Iterator[str]:
    """Tell why the state stays here, and how it comes to go: what was in a file once is in the state for good.

    `saved` is the index of what was saved, which is made anew with it.
    """
    if not result.withheld:
        return
    yield (
        f"{paint('withheld', 'red')} the state has what looks like a secret: {one_line(result.withheld, 900)}; allow it: "
        f"allow_secrets under [push], then sixthbot trust; or change it, stop the bot, take it out of these files, and "
        f"have them saved without what they were:"
    )
    seen = shlex.quote(f"refs/sixth/remotes/{result.remote}/state")
    begin = (
        f"git update-ref refs/sixth/state {seen}" if result.begun else "git update-ref -d refs/sixth/state"
    )
    yield f"  {paint('next', 'green')}: {begin} && rm {shlex.quote(str(saved))} && sixthbot sync"


def _settings(merged: Merged) -> Iterator[str]:
    for key in merged.settings:
        yield f"{paint('settings', 'cyan')} .sixth/{one_line(key)} came along; it counts once you have looked: sixthbot trust"
    for key, other, actor in merged.beside:
        mine, theirs = f".sixth/{one_line(key)}", f".sixth/{one_line(other)}"
        yield f"{paint('kept', 'yellow')} your {mine}; the other one, of {actor}, is {theirs}"
        yield f"  {paint('next', 'green')}: to take that one: cp {shlex.quote(theirs)} {shlex.quote(mine)}, then sixthbot trust"
