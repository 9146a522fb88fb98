"""`sixthbot rules test` and `rules replay`: what rules would say of an event. Nothing is written but by `replay --do`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sixthbot.cli.output import one_line, paint, plural
from sixthbot.cli.records import short_hashes
from sixthbot.cli.session import Session, pass_session, refuse_inside_task
from sixthbot.cli.verbs import json_option, verb
from sixthbot.core.errors import ConfigError, ExitCode, Refused, Rejected, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sixthbot.core.events import Event
    from sixthbot.core.rules import Rule, Verdict
    from sixthbot.engine.services import Services

_LIMIT = 256 << 10
_NOT_TRIED = "mode, settle, cooldown and limit depend on the queue and are not tried"


@verb(
    ("sixthbot rules test", "run the [[test]] tables; exit code 1 when one fails"),
    ("sixthbot rules test issue.md", "what rules would say of this issue file"),
    ("sixthbot rules test --commit HEAD", "of a commit, as if it had just come to its branch"),
    ('sixthbot rules test --event \'{"on": "commit", "branch": "main"}\'', "of any event; - reads it"),
    name="test",
)
@click.argument("file", required=False, metavar="[FILE]", type=click.Path(path_type=Path))
@click.option("--commit", "revision", metavar="REV", help="A commit instead of an issue file.")
@click.option("--branch", metavar="NAME", help="The branch it came to; the current one if not given.")
@click.option(
    "--event", "event_json", metavar="JSON", help="An event as JSON: `on` and its fields; - for stdin."
)
@json_option
@pass_session
def test(
    session: Session,
    *,
    file: Path | None,
    revision: str | None,
    branch: str | None,
    event_json: str | None,
    as_json: bool,
) -> int:
    """Say what each rule would do about an event, or run the [[test]] tables beside the rules. Nothing is written.

    Rules are judged as the files say, trusted or not.
    """
    if sum(given is not None for given in (file, revision, event_json)) > 1:
        raise UsageError("a file, --commit and --event exclude each other")
    services = session.looking()
    if file is not None:
        event = _issue_event(services, file)
    elif revision is not None:
        event = _commit_event(session, services, revision, branch)
    elif event_json is not None:
        event = _read_event(services, _given() if event_json == "-" else event_json)
    else:
        return _run_tables(session, services, as_json=as_json)
    _tell(session, services, event, as_json=as_json)
    return ExitCode.OK


def _given() -> str:
    return sys.stdin.buffer.read(_LIMIT).decode("utf-8", "replace")


def _run_tables(session: Session, services: Services, *, as_json: bool) -> int:
    failures, count = list(_failures(services)), len(services.rules.tests)
    if as_json:
        session.out.json({"schema": 1, "tests": count, "failed": failures})
        return ExitCode.FAILED if failures else ExitCode.OK
    for failure in failures:
        session.out.say(f"{paint('failed', 'red')} {failure}")
    session.out.say(f"{plural(count, 'test')}, {len(failures)} failed")
    return ExitCode.FAILED if failures else ExitCode.OK


def _failures(services: Services) -> Iterator[str]:
    rules = services.rules
    for number, case in enumerate(rules.tests, 1):
        kind = str(case.given.get("on", ""))
        where = f"test {number} ({one_line(case.origin, 60)}, {one_line(kind, 40)})"
        try:
            event = _flat_event(services, dict(case.given), key=f"test {number}")
        except ConfigError as error:
            yield f"{where}: {one_line(error.message, 200)}"
            continue
        judged = [rule for rule in rules.rules if rule.origin == case.origin or rule.name in case.expect]
        fired = {verdict.rule for verdict in _verdicts(judged, event) if verdict.fired}
        if fired != set(case.expect):
            yield f"{where}: expected {_names(case.expect)}, fired {_names(fired)}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(one_line(name, 60) for name in names)) or "nothing"


def _verdicts(rules: Iterable[Rule], event: Event) -> list[Verdict]:
    from sixthbot.core.matching import match, meant_for  # noqa: PLC0415 - lazy, see app

    return [match(rule, event) for rule in rules if event.kind in rule.on and meant_for(rule, event)]


def _issue_event(services: Services, file: Path) -> Event:
    """Return the event that this file would cause in the inbox."""
    from sixthbot.core.events import make_event  # noqa: PLC0415 - lazy, see app
    from sixthbot.core.issuefile import parse_issue  # noqa: PLC0415 - lazy, see app
    from sixthbot.store.atomic import read_small  # noqa: PLC0415 - lazy, see app

    try:
        issue = parse_issue(read_small(file, _LIMIT), file.name)
    except (OSError, Refused) as error:
        raise UsageError(f"{one_line(str(file), 100)} cannot be read: {one_line(str(error), 160)}") from None
    except Rejected as error:
        raise UsageError(f"the inbox would reject it: {error.message}") from None
    fields = {
        "id": issue.id or "new-issue", "title": issue.title, "labels": issue.labels, "priority": issue.priority,
        "base": issue.base, "source": issue.source or "inbox",
    }  # fmt: skip
    return make_event("issue.added", fields, time=services.clock())


def _commit_event(session: Session, services: Services, revision: str, branch: str | None) -> Event:
    """Return the event of a commit that came to a branch: the current one, else the default one, unless given."""
    from sixthbot.cli.revision import commit_named  # noqa: PLC0415 - lazy, see app
    from sixthbot.core.events import make_event  # noqa: PLC0415 - lazy, see app
    from sixthbot.core.names import BranchName  # noqa: PLC0415 - lazy, see app
    from sixthbot.git.refs import head_ref  # noqa: PLC0415 - lazy, see app
    from sixthbot.sources.commits import changes_of, commit_fields  # noqa: PLC0415 - lazy, see app

    commit = commit_named(session, revision)
    if commit is None:
        raise UsageError(
            f"no commit is called {one_line(revision, 80)!r}", hint="git log --oneline shows some"
        )
    git = services.repo.git
    default = services.repo.default_branch()
    current = (head_ref(git) or "").removeprefix("refs/heads/")
    name = BranchName.parse(branch or current or (default.value if default else "main"))
    own = commit.committer.email and commit.committer.email in services.loaded.config.commit.committer
    fields = commit_fields(
        name, commit, changes_of(git, [commit])[commit.id], origin="sixthbot" if own else ""
    )
    return make_event("commit", fields, time=services.clock())


def _read_event(services: Services, text: str) -> Event:
    """Return the event in JSON: flat, as in a [[test]], or as `log --json` and `why --json` show one."""
    from sixthbot.core.events import event_from_json  # noqa: PLC0415 - lazy, see app

    try:
        data = json.loads(text[:_LIMIT])
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise UsageError(
            "--event is not a JSON object", hint='--event \'{"on": "commit", "branch": "main"}\''
        )
    if isinstance(data.get("fields"), dict):
        return event_from_json(data)
    return _flat_event(services, data, key="test")


def _flat_event(services: Services, data: dict[str, Any], *, key: str) -> Event:
    from sixthbot.core.events import make_event  # noqa: PLC0415 - lazy, see app

    kind = data.pop("on", data.pop("kind", ""))
    if not isinstance(kind, str) or not kind:
        raise ConfigError("the event has no `on`", hint="`on` names its kind, like commit or issue.added")
    given = {
        name: tuple(map(str, value)) if isinstance(value, list) else value for name, value in data.items()
    }
    for name, value in given.items():
        if not isinstance(value, str | int | float | bool | tuple):
            raise ConfigError(f"field {one_line(str(name), 40)!r} is neither text, number, truth nor a list")
    return make_event(kind, given, time=services.clock(), key=key)


def _tell(session: Session, services: Services, event: Event, *, as_json: bool) -> None:
    from sixthbot.core.events import event_to_json  # noqa: PLC0415 - lazy, see app

    verdicts = sorted(_verdicts(services.rules.rules, event), key=lambda verdict: not verdict.fired)
    if as_json:
        told = [_verdict_json(verdict) for verdict in verdicts]
        session.out.json({"schema": 1, "event": event_to_json(event), "verdicts": told})
        return
    key = short_hashes(one_line(event.key, 200))
    session.out.say(f"{paint('event', 'bold')} {event.id}  {event.kind}  {key}")
    for verdict in verdicts:
        session.out.say("\n".join(_verdict_lines(verdict)))
    if not verdicts:
        session.out.say("  no rule is about events of this kind")
    for path in services.rules.untrusted:
        session.out.talk(f"{one_line(path, 100)} is not trusted: until then its rules do not count")
    session.out.talk(_NOT_TRIED)


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    terms = [{"text": term.text, "held": term.held, "value": term.value} for term in verdict.terms]
    return {
        "rule": verdict.rule, "fired": verdict.fired, "reason": verdict.reason, "key": verdict.key, "terms": terms,
    }  # fmt: skip


def _verdict_lines(verdict: Verdict) -> Iterator[str]:
    word = paint("fires", "green") if verdict.fired else paint("does not fire", "dim")
    yield f"  {word}  {one_line(verdict.rule, 60)}: {one_line(verdict.reason, 160)}"
    for term in verdict.terms:
        value = f" ({one_line(term.value, 100)})" if term.value else ""
        yield f"      {'holds' if term.held else 'fails'}: {one_line(term.text, 120)}{value}"


@verb(
    ("sixthbot rules replay 3fa9c1", "which rules would fire for it as they are now; nothing is done"),
    ("sixthbot rules replay 3fa9c1 --do", "let those that fire and have no task for it yet act on it"),
    name="replay",
)
@click.argument("event_id", metavar="EVENT")
@click.option(
    "--do", "really", is_flag=True, help="Let it in again: rules that fire get a task, each at most once."
)
@json_option
@pass_session
def replay(session: Session, event_id: str, *, really: bool, as_json: bool) -> None:
    """Say which rules would fire for an event of the past, as the rules are now. The id stands in `sixthbot why`.

    With --do the event is let in again, for rules that were mended or trusted since. A rule that has had a task for
    it gets no second one: `sixthbot queue retry` does that.
    """
    if really:
        refuse_inside_task("letting an event in again")
    services = session.services() if really else session.looking()
    event = _event_of(services, event_id)
    if not really:
        _tell(session, services, event, as_json=as_json)
        return
    from sixthbot.engine.admit import admit  # noqa: PLC0415 - lazy, see app

    tasks = admit(services, [event])
    if as_json:
        session.out.json({"schema": 1, "event": event.id, "tasks": [task.id for task in tasks]})
        return
    for task in tasks:
        session.out.say(f"{paint(task.id, 'cyan')} is in the queue for {one_line(task.rule, 80)}")
    if not tasks:
        session.out.say(f"no rule wants a further task for it; sixthbot why {event.id} says why")


def _event_of(services: Services, wanted: str) -> Event:
    from sixthbot.cli.lookup import unique  # noqa: PLC0415 - lazy, see app
    from sixthbot.core.events import event_from_json  # noqa: PLC0415 - lazy, see app

    known = {
        record.event: record
        for record in services.store.journal.read()
        if record.kind == "event" and record.event
    }
    record = known[unique(wanted, known, what="event", hint="sixthbot log, or sixthbot why ID")]
    told = (record.data or {}).get("event")
    return event_from_json(told if isinstance(told, dict) else {})
