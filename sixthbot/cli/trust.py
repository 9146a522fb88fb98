"""`sixthbot trust`: a person says that this repository's settings may run things on their machine."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import click

from sixthbot.cli.output import clean_text, one_line, paint, plural
from sixthbot.cli.pager import paint_patch
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import verb
from sixthbot.core.errors import ConfigError, Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sixthbot.git.repository import Repository
    from sixthbot.store.trust import Trust


@verb(
    ("sixthbot trust --show", "what is not trusted yet, and how it differs from what was"),
    ("sixthbot trust", "see it, then say yes or no"),
    ("sixthbot trust --yes", "trust it without a question"),
    ("sixthbot trust --revoke", "trust nothing here any more"),
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--show", is_flag=True, help="Only show what is not trusted.")
@click.option("--revoke", is_flag=True, help="Trust nothing of this repository any more.")
@pass_session
def command(session: Session, *, yes: bool, show: bool, revoke: bool) -> None:
    """Trust configuration, rules, templates and executable git settings of this repository, as they are now.

    A changed byte ends it for that file; bytes that were trusted once are not asked about again.
    """
    from sixthbot.git.repository import open_repository  # noqa: PLC0415 - lazy, see app
    from sixthbot.store.trust import items_of  # noqa: PLC0415 - lazy, see app

    refuse_inside_task("trusting a repository")
    if yes + show + revoke > 1:
        raise UsageError("--yes, --show and --revoke exclude each other")
    store = session.store()
    trust = store.trust
    if revoke:
        trust.revoke()
        store.journal.append("trust.revoked", "nothing of this repository is trusted any more")
        session.out.say("nothing of this repository is trusted any more")
        return
    repo = open_repository(store.places.top, store.places.git_dir)
    contents = trust.collect(store.places, repo.exec_settings())
    items = items_of(contents)
    untrusted = trust.state(items).untrusted
    if not untrusted:
        session.out.say("everything here is trusted" if items else "there is nothing here that needs trust")
        return
    if not yes:
        for line in _differences(trust, contents, untrusted):
            session.out.say(line)
    if show:
        return
    _refuse_mistakes(contents, untrusted)
    if not yes:
        _ask(session, len(untrusted))
    chosen = [item for item in items if item.path in untrusted]
    trust.trust(chosen, contents, _commits_of(repo, untrusted))
    named = ", ".join(_named(path, contents) for path in untrusted)
    store.journal.append("trust.given", f"{plural(len(untrusted), 'file')} trusted: {named}")
    session.out.say(f"trusted {named}")
    _go_on(session)


def _commits_of(repo: Repository, paths: tuple[str, ...]) -> dict[str, list[str]]:
    """Return, for each rule file, the commits that have a part in it so far, and where all branches are."""
    rules = [path for path in paths if path.startswith(".sixth/rules/")]
    if not rules:
        return {}
    tips = repo.git.run(
        "for-each-ref", f"--count={_FEW_TIPS}", "--format=%(objectname)", "refs/heads"
    ).text.split()
    wanted = ("rev-list", "--branches", "--full-history", f"--max-count={_FEW_TIPS}", "--")
    return {path: [*repo.git.run(*wanted, path).text.split(), *tips] for path in rules}


def _refuse_mistakes(contents: Mapping[str, bytes | None], untrusted: tuple[str, ...]) -> None:
    """Raise ConfigError when settings could not be used once they are trusted; a bad rule only disables itself."""
    from sixthbot.store.config import mistakes_in  # noqa: PLC0415 - lazy, see app
    from sixthbot.store.trust import GONE  # noqa: PLC0415 - lazy, see app

    mistakes: list[str] = []
    for path in untrusted:
        data = contents[path]
        if path in _SETTINGS and data is not None and data != GONE:
            mistakes += mistakes_in(path, data)
    if mistakes:
        raise ConfigError("\n".join(mistakes), hint="mend it, then sixthbot trust; nothing was trusted")


_FEW_TIPS = 500
_SETTINGS = (".sixth/config.toml", ".sixth/local/config.toml")


def _named(path: str, contents: Mapping[str, bytes | None]) -> str:
    from sixthbot.store.trust import GONE  # noqa: PLC0415 - lazy, see app

    return one_line(path) + (" (that it is missing)" if contents[path] == GONE else "")


def _ask(session: Session, count: int) -> None:
    """Ask on the terminal, or read a yes from a pipe; raise Refused for anything else."""
    session.out.talk("what these files name will be run on this machine, as you")
    try:
        agreed = click.confirm(f"trust {plural(count, 'file')}?", default=False, err=True)
    except (click.Abort, UnicodeDecodeError):
        raise Refused("nobody said yes", hint="sixthbot trust --yes, after sixthbot trust --show") from None
    if not agreed:
        raise Refused("not trusted", hint="tasks that need it stay parked")


def _go_on(session: Session) -> None:
    """Let tasks that waited for this go on, with the settings as they are trusted now; tell of rules that cannot serve."""
    from sixthbot.cli.watching import tell_rules  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.answers import trust_resumed  # noqa: PLC0415 - lazy, see app
    from sixthbot.engine.replan import go_on_with_new_names  # noqa: PLC0415 - lazy, see app

    services = session.services()
    tell_rules(session.out, services)
    tasks = [*trust_resumed(services), *go_on_with_new_names(services)]
    if tasks:
        session.out.talk(
            f"{plural(len(tasks), 'task')} can go on; a running watch takes them up, or sixthbot run"
        )


def _differences(
    trust: Trust, contents: Mapping[str, bytes | None], untrusted: tuple[str, ...]
) -> Iterator[str]:
    """Yield each untrusted thing: as a diff against what was trusted last, or whole when nothing was."""
    from sixthbot.store.trust import GONE, says_nothing  # noqa: PLC0415 - lazy, see app

    for path in untrusted:
        data, before = contents[path], trust.last_trusted(path)
        if data is None:
            yield f"{paint(one_line(path), 'bold')}  {paint('cannot be read safely, so never trusted', 'red')}"
            continue
        if data == GONE:
            yield f"{paint(one_line(path), 'bold')}  {paint('missing: it was trusted', 'yellow')}"
            yield from (f"    -{line}" for line in _lines(before or b""))
            yield ""
            continue
        if before is not None and says_nothing(before):
            before = None  # what `init` wrote: there is nothing in it that anybody agreed to
        if path == "git-settings":
            data, before = _settings_text(data), None if before is None else _settings_text(before)
        if before is None:
            yield f"{paint(one_line(path), 'bold')}  {paint('never trusted', 'yellow')}"
            yield from (f"    {line}" for line in _lines(data))
        else:
            yield f"{paint(one_line(path), 'bold')}  {paint('changed since it was trusted', 'yellow')}"
            diff = difflib.unified_diff(_lines(before), _lines(data), "trusted", "now", lineterm="")
            yield paint_patch("\n".join(f"    {line}" for line in diff))
        yield ""


def _settings_text(data: bytes) -> bytes:
    """Return `name NUL value NUL` pairs as lines `name = value`."""
    fields = data.split(b"\0")
    pairs = zip(fields[0::2], fields[1::2], strict=False)
    return b"".join(name + b" = " + value + b"\n" for name, value in pairs)


def _lines(data: bytes) -> list[str]:
    return clean_text(data.decode("utf-8", "replace")).splitlines()
