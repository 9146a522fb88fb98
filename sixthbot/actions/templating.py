"""Fills templates: sandboxed, strict about missing names, and every failure names the template's file and line."""

from __future__ import annotations

import traceback
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import ConfigError
from sixthbot.core.names import clean_line
from sixthbot.store.resources import read_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template

    from sixthbot.actions.base import Context

_FILE = "<sixthbot template>"
_SIZE_LIMIT = 2_000_000


def fill(ctx: Context, name: str, values: Mapping[str, Any]) -> str:
    """Return the template `name` (the repository's own where it has one, else the shipped one) filled with `values`.

    A value is put in as it is and never read as a template. Raise ConfigError naming file and line when the
    template cannot be used, or makes a text of more than two megabytes.
    """
    text, origin = read_template(ctx.store.places, name, ctx.store.trust)
    return fill_text(text, values, origin=f"{name} (shipped)" if origin == "shipped" else origin)


def fill_text(text: str, values: Mapping[str, Any], *, origin: str) -> str:
    """Return the template `text` filled with `values`; `origin` names it in errors, which are ConfigErrors."""
    from jinja2 import TemplateError, TemplateSyntaxError  # noqa: PLC0415 - only where something is rendered

    try:
        parts: list[str] = []
        size = 0
        for part in _compiled(text).generate(**values):
            size += len(part)
            if size > _SIZE_LIMIT:
                raise ConfigError(f"{origin}: the filled template is longer than {_SIZE_LIMIT} characters")
            parts.append(part)
    except TemplateSyntaxError as error:
        raise _bad(origin, error.lineno, error) from None
    except (
        TemplateError,
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        raise _bad(origin, _line_of(error), error) from None
    return "".join(parts)


@lru_cache(maxsize=8)  # a changelog fills one template for each of its releases
def _compiled(text: str) -> Template:
    from jinja2 import StrictUndefined  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,  # the texts are markdown; values are neutralised before they come here
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    code = environment.compile(text, filename=_FILE)
    return environment.template_class.from_code(environment, code, environment.make_globals(None))


def _line_of(error: BaseException) -> int | None:
    """Return the template's line in which an error happened; jinja writes template lines into the traceback."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _FILE]
    return lines[-1] if lines else None


def _bad(origin: str, line: int | None, error: Exception) -> ConfigError:
    where = origin if line is None else f"{origin}:{line}"
    return ConfigError(
        f"template {where}: {clean_line(str(error) or type(error).__name__)}",
        hint="correct the template, trust it again, then sixthbot queue retry the task",
    )
