"""What settings are made of: sorts of values with their limits, and the table that knows each of its keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from sixthbot.core.errors import ConfigError
from sixthbot.core.times import format_duration, parse_duration


def _duration(value: object) -> object:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ConfigError as error:
            raise ValueError(f"{error.message}; {error.hint}") from None
    if isinstance(value, timedelta):
        return value
    raise ValueError("not a duration; write it like 2s, 15m, 2h or 1d")


def _commands(value: object) -> object:
    """Take one command, a list of words, for a list of one command."""
    return (
        [value]
        if isinstance(value, list) and value and all(isinstance(word, str) for word in value)
        else value
    )


def _not_reserved(name: str) -> str:
    if name.lower().startswith("sixth-"):
        raise ValueError("names that begin with Sixth- are the bot's own")
    return name


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string"}),
]
Word = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Argv = Annotated[list[Word], Field(min_length=1)]
Commands = Annotated[list[Argv], BeforeValidator(_commands)]
Person = Annotated[str, StringConstraints(pattern=r"^[^<>\x00-\x1f]+ <[^<>\x00-\x20]+>$", max_length=200)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Prefix = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*)*$", max_length=30)
]
TrailerKey = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,40}$"), AfterValidator(_not_reserved)
]
LaneName = Literal["critical", "high", "normal", "low"]


def span(default: str, description: str) -> Any:
    """Return a field for a duration; the schema shows its default as people write it."""
    return Field(
        default=parse_duration(default), description=description, json_schema_extra={"default": default}
    )


class Section(BaseModel):
    """One table of a configuration file; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
