"""What only one place may do, read from the source: pushing, making an approved draft, calling git with texts."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path

import pytest

from sixthbot.core.errors import InvalidName
from sixthbot.core.names import BranchName

ROOT = Path(__file__).resolve().parents[2] / "sixthbot"
# the only modules that may name a git command that sends something, and why
_SENDERS = {
    "git/remotes.py": "approved drafts",
    "git/statesync.py": "the state, which `sync` was told to send",
}
_SENDING = {"push", "send-pack", "http-push", "send-email", "svn"}
_CALLS = {"run", "execute", "_ask"}


def _sources() -> dict[str, ast.Module]:
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted(ROOT.rglob("*.py"))
    }


SOURCES = _sources()


def _name(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _strings(node: ast.AST) -> set[str]:
    return {
        one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }


def _word(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _git_commands(tree: ast.Module) -> list[tuple[int, set[str]]]:
    """Return the literal first words of tuples and calls that could be a command of git's."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node) in _CALLS:
            found.append((node.lineno, {_word(one) for one in node.args}))
        if isinstance(node, ast.Tuple) and any(_word(one).startswith("--") for one in node.elts[1:]):
            found.append((node.lineno, {_word(node.elts[0])}))
    return found


def test_only_the_gate_and_sync_send_anything() -> None:
    for name, tree in SOURCES.items():
        sending = [line for line, words in _git_commands(tree) if words & _SENDING]
        assert not sending or name in _SENDERS, f"{name}:{sending} sends something"
    for name in _SENDERS:
        assert any(words & _SENDING for _, words in _git_commands(SOURCES[name]))


def test_the_push_takes_an_approved_draft_and_nothing_else() -> None:
    [push] = [
        node
        for node in ast.walk(SOURCES["git/remotes.py"])
        if isinstance(node, ast.FunctionDef) and node.name == "push"
    ]
    assert [ast.unparse(one.annotation) for one in push.args.args if one.annotation] == [
        "Git", "ApprovedDraft",
    ]  # fmt: skip
    senders = [
        node.name
        for node in SOURCES["git/remotes.py"].body
        if isinstance(node, ast.FunctionDef) and _strings(node) & _SENDING - {"git"} and node.name != "push"
    ]
    assert senders == []


def test_an_approved_draft_is_made_in_one_place() -> None:
    made = [
        name
        for name, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node) == "ApprovedDraft"
    ]
    assert made == ["core/drafts.py"]


def test_only_named_modules_let_git_onto_the_network() -> None:
    online = {
        name
        for name, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and _name(node) in {"run", "execute"}
        and any(
            one.arg == "network" and not (isinstance(one.value, ast.Constant) and one.value.value is False)
            for one in node.keywords
        )
    }
    # run.py hands the word on
    assert online == {"git/remotes.py", "git/statesync.py", "git/run.py"}


@pytest.mark.parametrize(
    "module", ["socket", "ssl", "http.client", "urllib.request", "requests", "httpx", "smtplib", "ftplib"]
)
def test_only_the_model_and_the_bell_of_the_bot_open_sockets(module: str) -> None:
    users = {
        name
        for name, tree in SOURCES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(one.name == module for one in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == module)
    }
    allowed = {name for name in users if name.startswith("llm/")}
    others = users - allowed
    for name in others:
        text = (ROOT / name).read_text("utf-8")
        assert "socketpair" in text or "AF_UNIX" in text, f"{name} imports {module}"


def test_gitpython_is_only_the_runner() -> None:
    for name, tree in SOURCES.items():
        for node in ast.walk(tree):
            modules = (
                [one.name for one in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and not node.level
                else []
            )
            for module in modules:
                if module == "git" or module.startswith("git."):
                    assert name == "git/run.py", f"{name} imports {module}"
                    assert module in {"git.cmd", "git.exc"}, (
                        f"its object model, index and diff stay out: {module}"
                    )


# what may stand in a git command beside literals: values of checked types, ids and paths of the bot's own
_TEXTS = {"title", "body", "text", "message", "subject", "summary", "reason"}


def test_no_text_of_a_user_is_an_argument_of_git() -> None:
    for name, tree in SOURCES.items():
        if not name.startswith(("git/", "actions/", "engine/", "sources/", "store/")):
            continue
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("git.run")):
                continue
            # the value of `-m` is one: the reason of a move, which goes into the log of the ref
            told = [after for before, after in pairwise(node.args) if ast.unparse(before) == "'-m'"]
            for argument in (one for one in node.args if one not in told):
                used = {one.attr for one in ast.walk(argument) if isinstance(one, ast.Attribute)} | {
                    one.id for one in ast.walk(argument) if isinstance(one, ast.Name)
                }
                assert not used & _TEXTS, f"{name}:{node.lineno} {ast.unparse(argument)}"


@pytest.mark.parametrize(
    "hostile",
    [
        "--output=x",
        "-x",
        "a..b",
        "a b",
        "a~1",
        "@{-1}",
        "a\nb",
        "x\u202ey",
        "\x1b[31m",
        "a:b",
        "refs/../x",
        "a.lock",
        "",
    ],
)
def test_names_that_git_could_misread_never_become_a_branch(hostile: str) -> None:
    with pytest.raises(InvalidName):
        BranchName.parse(hostile)
