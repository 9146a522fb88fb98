"""Settings in force, and where each value comes from.

From the most to the least particular: flags, the environment, `.sixth/local/config.toml`, `.sixth/config.toml`, the
person's own file, defaults. Of a file in the repository that is not trusted only `display` counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sixthbot.core.errors import ConfigError, Refused
from sixthbot.core.text import counted
from sixthbot.store.atomic import read_small
from sixthbot.store.paths import user_config_file
from sixthbot.store.schema import Config, Recipe
from sixthbot.store.suggest import did_you_mean, line_of, shown
from sixthbot.store.tomlfile import SIZE_LIMIT, parse_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sixthbot.store.paths import Places
    from sixthbot.store.trust import Trust

__all__ = ["Config", "Loaded", "Recipe", "load_config"]

ENVIRONMENT_PREFIX = "SIXTHBOT_"
_OTHER_VARIABLES = frozenset({"SIXTHBOT_CHAINED"})
"""Not settings: what the shims in git's hooks tell each other."""
_FEW = 5


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings in force. `origins` names where a key's value comes from; keys that are not in it are defaults.

    `untrusted` tells whether a file of the repository counts only for `display`; `problems` are mistakes in such.
    """

    config: Config
    origins: Mapping[str, str]
    untrusted: bool
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Layer:
    """The tables of one source; `text` is the file's, to find lines in."""

    name: str
    tables: dict[str, Any]
    text: str = ""


def load_config(
    places: Places, trust: Trust, env: Mapping[str, str], flags: Mapping[str, str] | None = None
) -> Loaded:
    """Read all settings; `flags` and the environment give texts, `section.key` and SIXTHBOT_<SECTION>__<KEY>.

    Each file is read once, and judged by the bytes that are used. Raises ConfigError with all mistakes of the first
    file that has some, except for a file that is not trusted: those are in `problems`.
    """
    layers, problems, untrusted = [], [], False
    if (layer := _person_layer(user_config_file())) is not None:
        layers.append(layer)
    for path in (places.config_file, places.local_config_file):
        layer, trusted, found = _repository_layer(path, places, trust)
        untrusted = untrusted or not trusted
        problems += found
        if layer is not None:
            layers.append(layer)
    for layer in layers:
        if mistakes := _mistakes(layer):
            raise ConfigError("\n".join(mistakes))
    layers += [*_environment_layers(env), *_flag_layers(flags or {})]
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        _merge(merged, layer.tables, layer.name, origins)
    return Loaded(Config.model_validate(merged), origins, untrusted, tuple(problems))


def workers_note(config: Config) -> str:
    """Return how many workers run where the lanes reserve all of `bot.workers` or more; empty where they do not."""
    reserved = sum(lane.workers for lane in config.lanes.values())
    if reserved < config.bot.workers:
        return ""
    return (
        f"the lanes reserve {counted(reserved, 'worker')} and bot.workers is {config.bot.workers}: "
        f"{reserved + 1} run, the last one for every lane"
    )


def variables_note(env: Mapping[str, str]) -> str:
    """Return which variables look like settings and name none, in one line; empty where there is none such."""
    lost = sorted(
        name
        for name in env
        if name.startswith(ENVIRONMENT_PREFIX) and "__" not in name and name not in _OTHER_VARIABLES
    )
    if not lost:
        return ""
    named = ", ".join(lost[:_FEW])
    return f"not used: {named}; a setting is named {ENVIRONMENT_PREFIX}SECTION__KEY, with two underscores between"


def mistakes_in(name: str, data: bytes) -> list[str]:
    """Return all mistakes in the bytes of a settings file, a line each; `name` is what they call it."""
    try:
        return _mistakes(_Layer(name, parse_toml(data, name), data.decode("utf-8", "replace")))
    except ConfigError as error:
        return [error.message]


def _person_layer(path: Path) -> _Layer | None:
    """Read the person's own file, which may well be a link into a folder of theirs."""
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except OSError:
        return None
    return _Layer(str(path), parse_toml(data, str(path)), data.decode("utf-8", "replace"))


def _repository_layer(path: Path, places: Places, trust: Trust) -> tuple[_Layer | None, bool, list[str]]:
    """Return what counts of a file in the repository, whether it is trusted, and the mistakes if it is not."""
    name = path.relative_to(places.top).as_posix()
    try:
        data = read_small(path, SIZE_LIMIT)
    except FileNotFoundError:
        return None, name not in trust.missing(places), []
    except (Refused, OSError) as error:
        return None, False, [f"{name}: {error}"]
    trusted = trust.is_trusted(name, data)
    try:
        layer = _Layer(name, parse_toml(data, name), data.decode("utf-8", "replace"))
    except ConfigError as error:
        if trusted:
            raise
        return None, False, [error.message]
    if trusted:
        return layer, True, []
    problems = _mistakes(layer)
    display = _Layer(name, {"display": layer.tables.get("display", {})})
    return (None if _mistakes(display) else display), False, problems


def _environment_layers(env: Mapping[str, str]) -> Iterator[_Layer]:
    for name, text in sorted(env.items()):
        key = name.removeprefix(ENVIRONMENT_PREFIX)
        if key != name and "__" in key:
            yield _text_layer(name, key.lower().split("__"), text)


def _flag_layers(flags: Mapping[str, str]) -> Iterator[_Layer]:
    for key, text in flags.items():
        yield _text_layer(f"flag {key}", key.split("."), text)


def _text_layer(name: str, keys: list[str], text: str) -> _Layer:
    value: Any = text
    if text.lstrip()[:1] in {
        "[",
        "{",
    }:  # a list or table is written as in TOML; everything else is plain text
        value = parse_toml(f"value = {text}".encode(), name)["value"]
    tables: dict[str, Any] = {}
    inner = tables
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
    inner[keys[-1]] = value
    layer = _Layer(name, tables)
    if mistakes := _mistakes(layer):
        raise ConfigError("\n".join(mistakes))
    return layer


def _merge(into: dict[str, Any], tables: Mapping[str, Any], name: str, origins: dict[str, str]) -> None:
    """Lay one source over those below it. A recipe is taken whole: nobody runs half of one and half of another."""
    for section, values in tables.items():
        target = into.setdefault(section, {})
        for key, value in values.items():
            path = f"{section}.{key}"
            nested = isinstance(value, dict) and section != "recipes"
            target[key] = {**target.get(key, {}), **value} if nested else value
            for stale in [known for known in origins if not nested and known.startswith(path + ".")]:
                del origins[stale]
            leaves = [f"{path}.{inner}" for inner in value] if isinstance(value, dict) else [path]
            origins.update(dict.fromkeys(leaves, name))


def _mistakes(layer: _Layer) -> list[str]:
    """Return all mistakes of one source, a line each, in order of their place."""
    try:
        Config.model_validate(layer.tables)
    except ValidationError as error:
        found = [_describe(layer, detail) for detail in error.errors(include_url=False)]
        return [text for _, text in sorted(found)]
    return []


def _describe(layer: _Layer, detail: Any) -> tuple[int, str]:
    keys = [str(part) for part in detail["loc"] if part != "[key]"]
    line = line_of(layer.text, keys)
    where = f"{layer.name}:{line}" if line else layer.name
    message = str(detail["msg"]).removeprefix("Value error, ")
    match detail["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            message = f"there is no such key; {did_you_mean(keys[-1], _keys_of(keys[:-1]))}"
        case "literal_error":
            message = f"{shown(detail['input'])} is not one of {detail['ctx']['expected']}"
        case "missing":
            message = "this key is needed"
        case _:
            said = "" if detail["type"] == "value_error" else f" (it is {shown(detail['input'])})"
            message = f"{message[:1].lower()}{message[1:]}{said}"
    return line or 0, f"{where}: {'.'.join(keys)}: {message}"


def _keys_of(path: list[str]) -> list[str]:
    """Return the keys that a table may have."""
    schema = Config.model_json_schema()
    node: dict[str, Any] = schema
    for key in path:
        named: dict[str, Any] = {**node.get("patternProperties", {}), **node.get("properties", {})}
        any_name: dict[str, Any] = node.get("additionalProperties") or next(iter(named.values()), {})
        inner: dict[str, Any] = named.get(key, any_name)
        ref = inner.get("$ref", "").rsplit("/", 1)[-1]
        node = schema["$defs"].get(ref, inner)
    return list(node.get("properties", {}))
