"""What kind of file a path names: source, test, documentation, lock file, generated; a migration; a list of dependencies."""

from __future__ import annotations

import re
from enum import StrEnum


class FileKind(StrEnum):
    """What a reviewer takes a changed file for."""

    SOURCE = "source"
    TEST = "test"
    DOCS = "docs"
    LOCK = "lock"
    GENERATED = "generated"


_LOCKS = frozenset(
    {
        "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb",
        "poetry.lock", "uv.lock", "pdm.lock", "pipfile.lock", "pixi.lock", "conda-lock.yml",
        "cargo.lock", "go.sum", "gemfile.lock", "composer.lock", "flake.lock", "mix.lock", "pubspec.lock",
        "podfile.lock", "package.resolved", "packages.lock.json", "gradle.lockfile", "deno.lock",
    }
)  # fmt: skip
_DEPENDENCIES = frozenset(
    {
        "pyproject.toml", "setup.py", "setup.cfg", "pipfile", "environment.yml", "package.json", "cargo.toml",
        "go.mod", "gemfile", "composer.json", "pom.xml", "build.gradle", "build.gradle.kts", "mix.exs",
        "pubspec.yaml", "podfile", "package.swift",
    }
)  # fmt: skip
_REQUIREMENTS = re.compile(
    r"(?:^|/)(?:requirements|constraints)[^/]*\.(?:txt|in)$|(?:^|/)requirements/[^/]+\.(?:txt|in)$"
)
_GENERATED = re.compile(
    r"\.min\.(?:js|css)$|\.(?:js|css)\.map$|_pb2(?:_grpc)?\.pyi?$|\.pb\.(?:go|cc|h)$|\.generated\.[a-z]+$"
    r"|(?:^|/)(?:dist|vendor|node_modules|__generated__|third_party)/|\.snap$|\.designer\.cs$"
)
_TEST = re.compile(
    r"(?:^|/)(?:tests?|__tests__|spec|specs|testing)/|(?:^|/)(?:test_[^/]*|conftest)\.py$|_test\.(?:py|go|rb|dart|exs)$"
    r"|\.(?:test|spec)\.[jt]sx?$|(?:^|/)[^/]*(?:Test|Tests|Spec)\.(?:java|kt|cs|scala|swift)$"
)
_DOCS = re.compile(
    r"(?:^|/)docs?/|\.(?:md|rst|adoc|txt)$|(?:^|/)(?:readme|changelog|changes|history|license|copying|news)(?:\.[a-z]+)?$"
)
_MIGRATION = re.compile(
    r"(?:^|/)(?:migrations|migrate|alembic/versions|db/migrate|changelogs?/db)/[^/]+\.(?:py|sql|rb|js|ts|xml)$"
)


def kind_of(path: str, *, generated: bool = False) -> FileKind:
    """Return the kind of a file; `generated` tells that the repository itself calls it so."""
    low = path.lower()
    name = low.rsplit("/", 1)[-1]
    if name in _LOCKS:
        return FileKind.LOCK
    if generated or _GENERATED.search(low):
        return FileKind.GENERATED
    if _TEST.search(path) or _TEST.search(low):
        return FileKind.TEST
    if _is_requirements(low):
        return FileKind.SOURCE
    return FileKind.DOCS if _DOCS.search(low) else FileKind.SOURCE


def is_migration(path: str) -> bool:
    """Tell whether a file changes the shape of stored data."""
    return _MIGRATION.search(path.lower()) is not None and not path.endswith("__init__.py")


def is_dependency(path: str) -> bool:
    """Tell whether a file says what the program depends on, or which versions of it."""
    low = path.lower()
    name = low.rsplit("/", 1)[-1]
    return name in _DEPENDENCIES or name in _LOCKS or _is_requirements(low)


def _is_requirements(low: str) -> bool:
    return _REQUIREMENTS.search(low) is not None
