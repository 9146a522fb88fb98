"""`sixthbot service`: prints a service file that keeps `sixthbot watch` running, and how to install it."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sixthbot.cli.session import Session, pass_session
from sixthbot.cli.verbs import json_option, verb
from sixthbot.core.errors import UsageError
from sixthbot.core.names import has_unsafe_characters
from sixthbot.core.units import Service, launchd_plist, systemd_unit
from sixthbot.store.home import require_initialised
from sixthbot.store.paths import locate

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_KEPT = ("PATH", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "LANG")
"""Variables that a bot needs to find its programs and what is trusted. No others: they may hold secrets."""


@verb(
    ("sixthbot service > ~/.config/systemd/user/sixthbot.service", "keep the bot running in this repository"),
    ("sixthbot service --systemd ~/src/one ~/src/two", "one service for several repositories"),
    ("sixthbot service --launchd", "the same for macOS"),
)
@click.argument("folders", metavar="[DIR...]", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--systemd", "kind", flag_value="systemd", help="A user unit for systemd (the default on Linux)."
)
@click.option("--launchd", "kind", flag_value="launchd", help="An agent for launchd (the default on macOS).")
@click.option("--name", metavar="NAME", help="Name of the service; default sixthbot, or org.sixthbot.watch.")
@json_option
@pass_session
def command(
    session: Session, folders: tuple[Path, ...], kind: str | None, name: str | None, *, as_json: bool
) -> None:
    """Print a service file that runs `sixthbot watch` for these repositories, this one by default.

    Nothing is written or started. How to install it is said beside it, on stderr.
    """
    kind = kind or ("launchd" if sys.platform == "darwin" else "systemd")
    name = name or ("sixthbot" if kind == "systemd" else "org.sixthbot.watch")
    if not _NAME.fullmatch(name):
        raise UsageError(f"not a usable name of a service: {name[:80]!r}", hint="letters, digits, . _ and -")
    tops = [_top(session.start / folder) for folder in folders] or [_top(session.start)]
    environment = {one: os.environ[one] for one in _KEPT if os.environ.get(one)}
    service = Service(name, (*_program(), "watch", *tops), environment)
    for text in (*service.argv, *environment.values()):
        _refuse_unwritable(text)
    if kind == "systemd":
        text, path, steps = systemd_unit(service), _unit_path(name), _systemd_steps(name)
    else:
        log = Path.home() / "Library" / "Logs" / f"{name}.log"
        text, path = launchd_plist(service, log=str(log)), _plist_path(name)
        steps = _launchd_steps(name, path)
    if as_json:
        session.out.json(
            {"schema": 1, "kind": kind, "name": name, "path": str(path), "text": text, "steps": list(steps)}
        )
        return
    session.out.say(text.rstrip("\n"))
    session.out.talk(f"to install it, save this as {path}, then:")
    for step in steps:
        session.out.talk(f"  {step}")


def _top(folder: Path) -> str:
    places = locate(folder)
    require_initialised(places)
    return str(places.top)


def _program() -> tuple[str, ...]:
    """Return how this very sixthbot is started, by absolute paths, whatever lies in the folder where it is."""
    python = Path(sys.executable).absolute()  # resolving it would lead out of its venv
    script = python.with_name("sixthbot")
    return (str(script),) if os.access(script, os.X_OK) else (str(python), "-P", "-m", "sixthbot")


def _refuse_unwritable(text: str) -> None:
    if has_unsafe_characters(text):
        raise UsageError(
            f"a service file cannot name {text!r}: it has control characters or is not UTF-8",
            hint="rename that folder",
        )


def _unit_path(name: str) -> Path:
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "systemd" / "user" / f"{name}.service"


def _systemd_steps(name: str) -> Sequence[str]:
    return (
        "systemctl --user daemon-reload",
        f"systemctl --user enable --now {name}",
        f"journalctl --user -u {name} -f        # what it says",
        f"systemctl --user reload {name}        # read rules and settings again at once",
        "loginctl enable-linger                # also while you are not logged in",
    )


def _plist_path(name: str) -> Path:
    return Path.home() / "Library" / "LaunchAgents" / f"{name}.plist"


def _launchd_steps(name: str, path: Path) -> Sequence[str]:
    return (
        f"launchctl bootstrap gui/$(id -u) {shlex.quote(str(path))}",
        f"launchctl print gui/$(id -u)/{name}        # how it is",
        f"launchctl kill HUP gui/$(id -u)/{name}     # read rules and settings again at once",
        f"launchctl bootout gui/$(id -u)/{name}      # stop it for good",
    )
