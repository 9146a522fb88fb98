"""Compares the public interface of Python packages in two trees, by griffe: files are read from git, none is imported."""

from __future__ import annotations

import ast
import logging
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from sixthbot.core.filekinds import FileKind, kind_of
from sixthbot.core.names import clean_line
from sixthbot.git.scratch import scratch_folder
from sixthbot.git.trees import EXECUTABLE, REGULAR, list_tree, read_blobs
from sixthbot.insight.source import source_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git
    from sixthbot.git.trees import TreeEntry

_FILES_LIMIT = 3_000
_BYTES_LIMIT = 30_000_000
_INIT = "__init__.py"
_NAME = re.compile(r"[A-Za-z_]\w*")
_NO_PACKAGE = frozenset({"setup.py", "conftest.py", "noxfile.py", "tasks.py"})


@dataclass(frozen=True, slots=True, order=True)
class ApiChange:
    """One public name that is not what it was; `detail` says how, and `breaking` whether callers may have to change."""

    name: str
    kind: Literal["added", "changed", "removed"]
    detail: str
    breaking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiReport:
    """What was compared and what differs. `unread` are files that do not parse; `reason` says why nothing was compared."""

    packages: tuple[str, ...] = ()
    changes: tuple[ApiChange, ...] = ()
    unread: tuple[str, ...] = ()
    reason: str = ""

    @property
    def breaks(self) -> int | None:
        """How many changes break callers; None where nothing was compared."""
        return None if self.reason else sum(change.breaking for change in self.changes)


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """A package or module that can be imported: the folder that it is found in, and its name."""

    root: str
    name: str

    def holds(self, path: str) -> bool:
        """Tell whether a file belongs to it."""
        start = f"{self.root}/{self.name}" if self.root else self.name
        return path.startswith(f"{start}/") or path == f"{start}.py"


def compare_api(git: Git, old: Oid, new: Oid, changed: Sequence[str]) -> ApiReport:
    """Return how the public interface differs from tree or commit `old` to `new`, where `changed` are the paths that do.

    Looks only at packages that a changed Python file outside of tests belongs to. No code of either tree is run.
    """
    sources = [path for path in changed if _is_source(path)]
    if not sources:
        return ApiReport()
    if not _griffe_is_there():
        return ApiReport(reason="griffe is not installed (the extra `api`)")
    before, after = _python_files(git, old), _python_files(git, new)
    packages = packages_of(sources, {*before, *after})
    if not packages:
        return ApiReport()
    if any(
        _too_much([entry for path, entry in side.items() if _in(packages, path)]) for side in (before, after)
    ):
        return ApiReport(reason=f"the packages have more than {_FILES_LIMIT} files")
    sides = [_read(git, side, packages) for side in (before, after)]
    if sum(len(data) for side in sides for data in side.values()) > 2 * _BYTES_LIMIT:
        return ApiReport(reason="the packages are too large")
    unread = tuple(sorted({path for side in sides for path, data in side.items() if not _parses(data)}))
    # griffe reads UTF-8 and nothing else
    kept = [
        {path: source_text(data).encode() for path, data in side.items() if path not in unread}
        for side in sides
    ]
    # a package whose face does not parse on one side would look as if all of it was added or removed
    whole = [package for package in packages if not any(_is_face(package, path) for path in unread)]
    changes, reason = _changes(whole, kept)
    names = () if reason else tuple(package.name for package in whole)
    return ApiReport(packages=names, changes=changes, unread=unread, reason=reason)


def _changes(
    packages: Sequence[Package], sides: Sequence[Mapping[str, bytes]]
) -> tuple[tuple[ApiChange, ...], str]:
    """Return what differs in some packages, in order, or nothing and why they could not be compared."""
    try:
        found = {change for package in packages for change in _compare(package, sides[0], sides[1])}
    except _odd_code() as error:
        return (), f"griffe cannot compare it: {clean_line(str(error) or type(error).__name__)}"
    return tuple(sorted(found)), ""


def packages_of(sources: Iterable[str], files: set[str]) -> list[Package]:
    """Return the packages that source files belong to: up to the last folder that has an `__init__.py`."""
    found = set()
    for source in sources:
        path = PurePosixPath(source)
        parts = path.parts
        at = len(parts) - 1
        while at > 0 and "/".join((*parts[:at], _INIT)) in files:
            at -= 1
        name = parts[at].removesuffix(".py")
        if _NAME.fullmatch(name) and not name.startswith("_") and not _private(parts[at:]):
            found.add(Package("/".join(parts[:at]), name))
    return sorted(found)


def _private(parts: Sequence[str]) -> bool:
    """Tell whether a file lies where nobody outside is meant to look; `__init__` and `__main__` are not meant by that."""
    return any(part.startswith("_") and not part.startswith("__") for part in parts[:-1])


def _is_source(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return path.endswith(".py") and kind_of(path) is FileKind.SOURCE and name not in _NO_PACKAGE


def _in(packages: Sequence[Package], path: str) -> bool:
    return any(package.holds(path) for package in packages)


def _is_face(package: Package, path: str) -> bool:
    start = f"{package.root}/{package.name}" if package.root else package.name
    return path in {f"{start}.py", f"{start}/{_INIT}"}


def _griffe_is_there() -> bool:
    from importlib.util import find_spec  # noqa: PLC0415 - only where an interface is compared

    return find_spec("griffe") is not None


def _python_files(git: Git, tree: Oid) -> dict[str, TreeEntry]:
    return {
        entry.path: entry
        for entry in list_tree(git, tree)
        if entry.path.endswith(".py") and entry.mode in {REGULAR, EXECUTABLE}
    }


def _too_much(entries: Sequence[TreeEntry]) -> bool:
    return len(entries) > _FILES_LIMIT


def _read(git: Git, side: Mapping[str, TreeEntry], packages: Sequence[Package]) -> dict[str, bytes]:
    wanted = {path: entry.oid for path, entry in side.items() if _in(packages, path)}
    blobs = read_blobs(git, list(dict.fromkeys(wanted.values())))
    return {path: blobs[oid] for path, oid in wanted.items() if oid in blobs}


def _parses(data: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in somebody's source are not ours to report
            ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _odd_code() -> tuple[type[Exception], ...]:
    """Return what griffe raises at code that nobody thought of; a draft is worth more than its paragraph on interfaces."""
    import griffe  # noqa: PLC0415 - an extra, and slow to load

    return (
        griffe.GriffeError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
    )  # fmt: skip


def _compare(package: Package, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[ApiChange]:
    sides = [{path: data for path, data in side.items() if package.holds(path)} for side in (old, new)]
    if not all(any(_is_face(package, path) for path in side) or len(side) > 0 for side in sides):
        kind: Literal["added", "removed"] = "removed" if sides[0] else "added"
        yield ApiChange(package.name, kind, "the whole package", breaking=kind == "removed")
        return
    with _loaded(package, sides[0]) as before, _loaded(package, sides[1]) as after:
        yield from _differences(before, after)


@contextmanager
def _loaded(package: Package, files: Mapping[str, bytes]) -> Iterator[Any]:
    """Lend what griffe reads out of some files, which are laid into a folder of their own for that."""
    import griffe  # noqa: PLC0415 - an extra, and slow to load

    logging.getLogger("griffe").setLevel(
        logging.CRITICAL
    )  # what it cannot resolve is not the user's business
    with scratch_folder() as folder:
        for path, data in files.items():
            _lay(folder, path, data)
        root = folder / package.root if package.root else folder
        yield griffe.load(
            package.name,
            search_paths=[root],
            try_relative_path=False,
            allow_inspection=False,
            resolve_aliases=True,
            resolve_external=False,
            store_source=False,
        )


def _lay(folder: Path, path: str, data: bytes) -> None:
    parts = PurePosixPath(path).parts
    if ".." in parts or path.startswith("/"):
        return  # git refuses such trees; a tree made by hand is not trusted with it
    place = folder.joinpath(*parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)


def _differences(old: Any, new: Any) -> Iterator[ApiChange]:
    import griffe  # noqa: PLC0415 - as above

    before, after = _public(old), _public(new)
    broken: dict[str, list[Any]] = {}
    for breakage in griffe.find_breaking_changes(old, new):
        if not _is_everything(breakage.obj):
            broken.setdefault(breakage.obj.path, []).append(breakage)
    for name, breakages in broken.items():
        kinds = {breakage.kind for breakage in breakages}
        if griffe.BreakageKind.OBJECT_REMOVED in kinds:
            yield ApiChange(name, "removed", "", breaking=True)
            continue
        told = _turned(before.get(name), after.get(name)) or ", ".join(map(_values, breakages))
        why = ", ".join(dict.fromkeys(breakage.kind.value.lower() for breakage in breakages))
        # another value of a constant, such as a version, is for callers to see and no break
        breaking = kinds != {griffe.BreakageKind.ATTRIBUTE_CHANGED_VALUE}
        yield ApiChange(name, "changed", f"{why}: {told}" if told else why, breaking=breaking)
    for name in sorted(after.keys() - before.keys()):
        if name.rpartition(".")[0] in before:  # what is inside something new comes with it
            yield ApiChange(name, "added", _signature(after[name]), breaking=False)
    for name in sorted(after.keys() & before.keys() - broken):
        if told := _turned(before[name], after[name]):
            yield ApiChange(name, "changed", told, breaking=False)


def _turned(old: Any, new: Any) -> str:
    """Return how a function's signature changed, empty where it did not or there is none."""
    was, now = ("" if side is None else _signature(side) for side in (old, new))
    return f"{was} is now {now}" if was and now and was != now else ""


def _values(breakage: Any) -> str:
    old, new = (_shown(value) for value in (breakage.old_value, breakage.new_value))
    return f"{old} is now {new}" if old and new and old != new else ""


def _shown(value: Any) -> str:
    if isinstance(value, list):  # of base classes
        return ", ".join(map(_shown, value))
    text = str(getattr(value, "path", None) or getattr(value, "value", value))
    return "" if " object at 0x" in text or "<" in text else text[:120]


def _public(root: Any) -> dict[str, Any]:
    """Return everything public below a module by its path; a name that another module lends is not followed."""
    found: dict[str, Any] = {root.path: root}
    for member in root.members.values():
        if not member.is_public or _is_everything(member):
            continue
        if member.is_alias:
            found[member.path] = member
        elif member.path not in found:
            found |= _public(member) if member.is_module or member.is_class else {member.path: member}
    return found


def _is_everything(member: Any) -> bool:
    """Tell whether a member stands for an `import *` from somewhere that cannot be read; griffe calls it `where/*`."""
    return str(member.name).endswith("/*")


def _signature(thing: Any) -> str:
    if thing.is_alias or not thing.is_function:
        return ""
    returns = f" -> {thing.returns}" if thing.returns is not None else ""
    return f"({', '.join(map(_parameter, thing.parameters))}){returns}"[:300]


def _parameter(parameter: Any) -> str:
    star = {"variadic positional": "*", "variadic keyword": "**"}.get(
        getattr(parameter.kind, "value", ""), ""
    )
    note = f": {parameter.annotation}" if parameter.annotation is not None else ""
    default = f" = {parameter.default}" if parameter.default is not None and not star else ""
    return f"{star}{parameter.name}{note}{default}"
