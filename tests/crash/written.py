"""Finds, in the source of a module, every call that changes files: by its syntax, so that nothing has to be run."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

_OS = {
    "rename", "renames", "replace", "unlink", "remove", "rmdir", "removedirs", "mkdir", "makedirs", "truncate",
    "ftruncate", "link", "symlink", "mkfifo", "mknod", "chmod", "fchmod", "lchmod", "chown", "utime", "setxattr",
    "removexattr", "sendfile", "copy_file_range", "posix_fallocate", "pwrite", "mount",
}  # fmt: skip
_PATH = {
    "unlink", "rmdir", "mkdir", "touch", "chmod", "lchmod", "rename", "symlink_to", "hardlink_to", "write_text",
    "write_bytes",
}  # fmt: skip
_DISK = {"write", "truncate", "rename", "rename_exclusive", "remove", "make_dir", "remove_dir", "link"}
_SHUTIL = {
    "copy", "copy2", "copyfile", "copyfileobj", "copymode", "copystat", "copytree", "move", "rmtree", "chown",
    "make_archive", "unpack_archive",
}  # fmt: skip
_HOLDERS = {"os": _OS, "shutil": _SHUTIL, "disk": _DISK}
_MODULES = {"dbm", "shelve", "sqlite3", "mmap", "zipfile", "tarfile", "fileinput"}
_LOGGING = {"FileHandler", "RotatingFileHandler", "TimedRotatingFileHandler", "WatchedFileHandler"}
_FLAGS = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND", "O_TRUNC", "O_TMPFILE"}


@dataclass
class Writes:
    """What a module does to files, by the name of the call; `lines` tells where each was met first."""

    lines: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, node: ast.AST) -> None:
        self.lines.setdefault(name, getattr(node, "lineno", 0))


def writes_of(source: str) -> dict[str, int]:
    """Return the calls in a module that change files, each with the first line that has it."""
    tree, found = ast.parse(source), Writes()
    own = _own_functions(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _FLAGS:
            found.add("os.open", node)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                _imported(alias.name, node, found)
        elif isinstance(node, ast.ImportFrom):
            _imported(node.module or "", node, found, [alias.name for alias in node.names])
        elif isinstance(node, ast.Call):
            name = _changes(node, own)
            if name:
                found.add(name, node)
    return found.lines


def _own_functions(tree: ast.Module) -> set[str]:
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def _imported(module: str, node: ast.AST, found: Writes, names: list[str] | None = None) -> None:
    top = module.partition(".")[0]
    if top in _MODULES:
        found.add(top, node)
    for name in names or ():
        if (
            (module == "os" and name in _OS)
            or (top == "shutil" and name in _SHUTIL)
            or (top == "tempfile" and name != "gettempdir")
            or name in _LOGGING
        ):
            found.add(f"{top}.{name}", node)


def _changes(call: ast.Call, own: set[str]) -> str:
    """Return the name of a call that changes files, empty for any other."""
    function = call.func
    if isinstance(function, ast.Name):
        opens = function.id == "open" and "open" not in own and _opens_to_write(call)
        return "open" if opens else ""
    if not isinstance(function, ast.Attribute):
        return ""
    name, holder = function.attr, ast.unparse(function.value)
    if name in {"open", "fdopen"}:
        return ".open" if _opens_to_write(call) else ""
    if holder in _HOLDERS:
        return f"{holder}.{name}" if name in _HOLDERS[holder] else ""
    if holder == "tempfile" or name in _LOGGING:
        return "" if name == "gettempdir" else f"{holder}.{name}"
    # of a text it takes two, of a date names
    moves = name == "replace" and len(call.args) == 1 and not call.keywords
    return f".{name}" if moves or name in _PATH else ""


def _opens_to_write(call: ast.Call) -> bool:
    """Tell whether a file is opened to be changed; a mode that is worked out elsewhere counts as that."""
    given = [*call.args, *(word.value for word in call.keywords if word.arg == "mode")]
    modes = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    if any(set(mode) <= set("rwaxbt+U") and set(mode) & set("wax+") for mode in modes):
        return True
    plain = isinstance(call.func, ast.Name) and len(call.args) > 1
    return plain and not isinstance(call.args[1], ast.Constant)


def git_commands_of(source: str) -> dict[str, tuple[int, bool]]:
    """Return the git sub-commands that a module names in a call, with the first line, and whether one says `write=True`.

    A command that is worked out has the name "?".
    """
    found: dict[str, tuple[int, bool]] = {}
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        holder = ast.unparse(node.func.value).rpartition(".")[2].lstrip("_")
        if node.func.attr not in {"run", "start"} or holder not in {"git", "gits"} or not node.args:
            continue
        first = node.args[0]
        command = str(first.value) if isinstance(first, ast.Constant) else "?"
        writes = any(word.arg == "write" for word in node.keywords)
        line, before = found.get(command, (node.lineno, False))
        found[command] = (line, before or writes)
    return found
