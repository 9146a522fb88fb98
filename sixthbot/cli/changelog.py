"""`sixthbot changelog`: prints what the history says, tells what the file lacks, or writes that into the file."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from sixthbot.cli.output import one_line, plural
from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import json_option, verb
from sixthbot.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sixthbot.actions.changelog_places import Lacking
    from sixthbot.actions.full_changelog import FullChangelog, Memory, Rendered, Wanted
    from sixthbot.core.changelog import Entry
    from sixthbot.store.paths import Places

_FAILED = 1


@verb(
    ("sixthbot changelog", "everything, newest first"),
    ("sixthbot changelog --unreleased", "what came since the last release"),
    ("sixthbot changelog --check", "for CI: exit 1 when the file lacks something"),
    ("sixthbot changelog --write", "put what is missing into the file"),
    ("sixthbot changelog --next-version", "the version that Semantic Versioning suggests"),
    ("sixthbot changelog --path packages/core", "of one package, by its own tags"),
)
@click.option("--unreleased", is_flag=True, help="Only what came since the last release.")
@click.option("--since", metavar="TAG", help="Only what came after that release.")
@click.option(
    "--path", "paths", multiple=True, metavar="PATH", help="Only commits that change something there."
)
@click.option(
    "--check", is_flag=True, help="Say what the file's Unreleased section lacks; exit 1 if anything."
)
@click.option("--write", is_flag=True, help="Write it into the file. Published sections stay as they are.")
@click.option("--next-version", is_flag=True, help="Print the tag that should come next.")
@json_option
@pass_session
def command(session: Session, /, **options: Any) -> int:
    """Tell what changed, release by release, from the commits and tags of the branch that is checked out.

    Works in any repository, also where the bot is not at home. Nothing is written but by --write, and that writes
    the changelog file in your work tree.
    """
    chosen = _Options(**options)
    chosen.check_together()
    gc.disable()  # hundreds of thousands of values that all live to the end: looking through them is a tenth of the time
    page = _open(session, chosen)
    if chosen.check or chosen.write:
        return _against_file(session, page, chosen)
    if chosen.next_version:
        session.out.say(_next_version(page.changelog))
    elif chosen.as_json:
        session.out.json(_to_json(page.changelog, chosen))
    else:
        # a file's text, markup and all; control characters were taken out of each entry
        session.out.raw(_text(page, chosen).encode("utf-8", "surrogateescape"))
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    unreleased: bool
    since: str | None
    paths: tuple[str, ...]
    check: bool
    write: bool
    next_version: bool
    as_json: bool

    def check_together(self) -> None:
        """Raise UsageError for options that exclude each other."""
        does = [
            f"--{name.replace('_', '-')}"
            for name in ("check", "write", "next_version")
            if getattr(self, name)
        ]
        if len(does) > 1:
            raise UsageError(f"{does[0]} and {does[1]} do not go together")
        if self.unreleased and self.since:
            raise UsageError("--unreleased and --since do not go together")
        if does and (self.unreleased or self.since):
            raise UsageError(
                f"{does[0]} is about what is not released; it takes neither --unreleased nor --since"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What the command works with: the changelog of the history, and which file in which work tree goes with it."""

    top: Path
    wanted: Wanted
    changelog: FullChangelog
    file: str
    covered: frozenset[str]
    """Commits that the file owes no line: they changed it themselves, or came before it was begun."""


def _open(session: Session, chosen: _Options) -> _Opened:
    from sixthbot.actions.changelog_places import changelog_file, require_no_fragments  # noqa: PLC0415 - lazy, see app
    from sixthbot.actions.full_changelog import read_changelog  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.history import told_by, was_there  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.refs import resolve  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.run import Git  # noqa: PLC0415 - lazy, see app
    from sixthbot.store.paths import locate, work_tree  # noqa: PLC0415 - lazy, see app

    places = locate(session.start)
    top, git_dir = work_tree(session.start)
    tip = resolve(Git(git_dir), "HEAD")
    if tip is None:
        raise UsageError("there is no commit yet", hint="a changelog tells about commits")
    git = Git(places.git_dir)
    paths = [_below(top, session.start, path) for path in chosen.paths]
    for path in paths:
        if not was_there(git, tip=tip, path=path):
            raise UsageError(f"--path {one_line(path, 80)!r}: no commit ever changed anything there")
    wanted, file = _wanted(places, paths)
    if not file and (chosen.check or chosen.write):
        require_no_fragments(git, tip)
    file = file or changelog_file(git, tip)
    covered = frozenset[str]()
    if chosen.check or chosen.write:
        covered = told_by(git, tip=tip, file=file)
    changelog = read_changelog(git, tip, wanted, _memory(places))
    return _Opened(top=top, wanted=wanted, changelog=changelog, file=file, covered=covered)


def _wanted(places: Places, paths: list[str]) -> tuple[Wanted, str]:
    """Return what the settings say, and the file they name; the defaults where nobody set anything."""
    from sixthbot.actions.full_changelog import RELEASE_TEMPLATE, Wanted  # noqa: PLC0415 - lazy, see app
    from sixthbot.core.changelog import Style  # noqa: PLC0415 - lazy, see app
    from sixthbot.store.paths import user_config_file  # noqa: PLC0415 - lazy, see app
    from sixthbot.store.resources import read_template  # noqa: PLC0415 - lazy, see app

    files = (places.config_file, places.local_config_file, user_config_file())
    if not os.path.lexists(places.templates_dir / RELEASE_TEMPLATE) and not _settings_in(files):
        text, origin = read_template(None, RELEASE_TEMPLATE, None)
        return Wanted(style=Style(), tag="", paths=tuple(paths), template=text, template_origin=origin), ""
    from sixthbot.store.config import load_config  # noqa: PLC0415 - see above
    from sixthbot.store.trust import Trust  # noqa: PLC0415 - see above

    trust = Trust(places.data_dir)
    settings = load_config(places, trust, os.environ).config.changelog
    text, origin = read_template(places, RELEASE_TEMPLATE, trust)
    wanted = Wanted(
        style=Style(hide=frozenset(settings.hide), issue_url=settings.issue_url),
        tag=settings.tag,
        paths=tuple(paths or settings.paths),
        template=text,
        template_origin=origin,
    )
    return wanted, settings.file


def _settings_in(files: Sequence[Path]) -> bool:
    """Tell whether anything may be set about changelogs; to read all settings costs more than a small history."""
    if any(name.startswith("SIXTHBOT_CHANGELOG") for name in os.environ):
        return True
    for path in files:
        try:
            if b"changelog" in path.read_bytes():
                return True
        except FileNotFoundError:
            continue
        except OSError:
            return True  # whatever it is, the reading of settings has words for it
    return False


def _memory(places: Places) -> Memory | None:
    """Remember what was read only where the bot is at home; nothing is left behind anywhere else."""
    from sixthbot.store.changelogcache import ChangelogCache  # noqa: PLC0415 - lazy, see app

    return ChangelogCache(places) if places.local.is_dir() else None


def _below(top: Path, start: Path, path: str) -> str:
    """Return a path given on the command line as one below the work tree's top."""
    found = os.path.relpath(os.path.join(os.path.realpath(start), path), top)  # noqa: PTH118 - may lead out
    if found == ".":
        raise UsageError(f"--path {one_line(path, 80)!r} is the whole repository; leave it out")
    if found.startswith(".."):
        raise UsageError(f"--path {one_line(path, 80)!r} leads out of the work tree")
    return found


def _text(page: _Opened, chosen: _Options) -> str:
    changelog = page.changelog
    if chosen.unreleased:
        return changelog.unreleased.text
    if chosen.since is None:
        return changelog.page()
    releases = _newer(changelog, chosen.since)
    parts = [changelog.unreleased.text] if changelog.entries else []
    return "\n".join([*parts, *(release.text for release in releases)])


def _newer(changelog: FullChangelog, tag: str) -> list[Rendered]:
    """Return the releases above the one of that tag or version."""
    for at, release in enumerate(changelog.releases):
        if release.version is not None and tag in {release.version.tag, release.version.name}:
            return list(changelog.releases[:at])
    raise UsageError(
        f"{one_line(tag, 80)!r} is no release in this history",
        hint="git tag --merged HEAD shows the tags; [changelog] tag says which of them are releases",
    )


def _next_version(changelog: FullChangelog) -> str:
    from sixthbot.core.versions import newest, next_version  # noqa: PLC0415 - lazy, see app

    versions = [release.version for release in changelog.releases if release.version is not None]
    groups = {entry.group for entry in changelog.entries}
    breaking = any(entry.breaking for entry in changelog.entries)
    return next_version(newest(versions), breaking=breaking, groups=groups)


def _against_file(session: Session, page: _Opened, chosen: _Options) -> int:
    """Compare the history with the file in the work tree, and say or write what the file lacks."""
    from sixthbot.actions.changelog_places import lacking, read_page_file, write_page_file  # noqa: PLC0415 - lazy

    before = read_page_file(page.top, page.file)
    found = lacking(
        before, page.changelog, page.wanted, covered=page.covered, rst=page.file.lower().endswith(".rst")
    )
    if chosen.as_json:
        session.out.json(
            {
                "schema": 1, "file": page.file, "missing": [_entry_json(entry) for entry in found.entries],
                "releases": [release.tag for release in found.releases], "written": chosen.write and found.changed,
            }
        )  # fmt: skip
    else:
        _tell(session, page.file, found, write=chosen.write)
    if chosen.write and found.changed:
        write_page_file(page.top, page.file, found.text)
    return _FAILED if chosen.check and found.changed else 0


def _tell(session: Session, file: str, found: Lacking, *, write: bool) -> None:
    if not found.changed:
        session.out.say(f"{one_line(file, 200)} says what there is to say")
        return
    does = "gets" if write else "lacks"
    session.out.say(
        f"{one_line(file, 200)} {does} {plural(len(found.entries), 'entry', 'entries')} under Unreleased"
        + (
            f" and sections for {', '.join(release.name for release in found.releases)}"
            if found.releases
            else ""
        )
    )
    for entry in found.entries:
        session.out.say(f"  {entry.line}")
    if not write:
        session.out.talk(
            "hint: sixthbot changelog --write puts it there; a commit that changes the file speaks for itself"
        )


def _to_json(changelog: FullChangelog, chosen: _Options) -> dict[str, Any]:
    releases = [] if chosen.unreleased else list(changelog.releases)
    if chosen.since is not None:
        releases = _newer(changelog, chosen.since)
    return {
        "schema": 1,
        "next": _next_version(changelog),
        "unreleased": [_entry_json(entry) for entry in changelog.entries],
        "releases": [
            {
                "name": one.name,
                "tag": one.version.tag if one.version else "",
                "date": one.date,
                "text": one.text,
            }
            for one in releases
        ],
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "group": entry.group, "scope": entry.scope, "description": entry.description,
        "breaking": entry.breaking, "issue": entry.issue, "commits": list(entry.commits),
    }  # fmt: skip
