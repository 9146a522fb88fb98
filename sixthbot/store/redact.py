"""Takes secrets out of what is written down: values after --token and its like, passwords in URLs, known shapes of keys.

It errs on the side of hiding, and it is no proof: a secret that looks like a word is not known for one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sixthbot.core.shown import MASK, masked

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_WORDS = (
    r"(?:token|password|passwd|passphrase|passwort|pwd|secrets?|api[-_]?keys?|apikey|access[-_]?keys?(?:[-_]id)?"
    r"|secret[-_]?(?:access[-_]?)?key|private[-_]?key|signing[-_]?key|auth|bearer|credentials?)"
)
_OPTION = re.compile(rf"-{{1,2}}(?:[a-z0-9]{{1,20}}[-_]){{0,3}}{_WORDS}", re.IGNORECASE)
_SHORT = 6
_USER_OPTIONS = frozenset({"-u", "--user", "--proxy-user"})  # curl and its like: NAME:PASSWORD
_NOT_A_FOLDER = r"(?!pwd\s{0,3}(?::|=[\"']?/[\w.-]{1,64}/))"
"""`pwd` alone is the command, and PWD the folder one is in; `Pwd=...` among the parts of a connection is a password."""
_NAME = rf"{_NOT_A_FOLDER}(?:[A-Za-z0-9]{{1,20}}[-_]){{0,3}}[A-Za-z0-9]{{0,8}}?{_WORDS}"
_ASSIGNED = re.compile(
    rf"((?:^|[^\w./-]|--?){_NAME}[\"']?\s{{0,3}}[=:]\s{{0,3}})(\"[^\"\n]*\"|'[^'\n]*'|[^\s&\"',;]+)",
    re.IGNORECASE | re.MULTILINE,
)
_GIVEN = re.compile(
    rf"((?:^|\s)--(?:[a-z0-9]{{1,20}}[-_]){{0,3}}{_WORDS}\s{{1,3}})([^\s-]\S*)", re.IGNORECASE | re.MULTILINE
)
_CERTAIN = re.compile(
    rf"((?:^|[^\w./-]|--?){_NAME}[\"']?=)(\"[^\"\n]*\"|'[^'\n]*'|[^\s&\"',;]+)", re.IGNORECASE | re.MULTILINE
)
_SHAPES = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|gl(?:pat|ptt|rt|dt)-[\w-]{20,255}|sk-[\w-]{20,255}"
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}|(?:AKIA|ASIA)[0-9A-Z]{16}|xox[abeprs]-[\w-]{10,255}|xapp-[\w-]{10,255}"
    r"|AIza[\w-]{35}|ya29\.[\w-]{20,255}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{20,255}|hf_[A-Za-z0-9]{30,255}"
    r"|dop_v1_[0-9a-f]{64}|SG\.[\w-]{16,64}\.[\w-]{16,64}|glsa_[A-Za-z0-9_]{32,255}|dckr_pat_[\w-]{20,255}"
    r"|eyJ[\w-]{8,4096}\.[\w-]{8,4096}\.[\w-]{8,4096}|AGE-SECRET-KEY-1[0-9A-Z]{50,80})"
)
_WEBHOOK = re.compile(r"(https://hooks\.slack\.com/(?:services|workflows)/)[\w/]{10,200}", re.IGNORECASE)
_HEADER = re.compile(
    r"((?:proxy-)?authorization[\"']?\s?[:=]\s?[\"']?(?:[a-z]{1,20}\s)?|\bbearer\s)([^\s\"']+)", re.IGNORECASE
)
_SHORTEST = len("a://b@")
"""Nothing shorter has a shape of a secret."""
_HEADED = re.compile(r"authorization|bearer", re.IGNORECASE)
_MARKED = re.compile(r"_|-|\.|AKIA|ASIA|AIza")
"""One of these is in everything that `_SHAPES` knows."""
_BLOCK = re.compile(
    r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)(?:.*?)(-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)


class Masked(str):
    """A sentence of which each part from outside was masked before it was put in: nothing in it is masked again.

    What stands behind a command in a sentence of ours, `echo token: ended well`, would be taken for a secret.
    """

    __slots__ = ()


def redact(arguments: Sequence[str]) -> list[str]:
    """Return a command's arguments with what looks like a secret replaced by `***`."""
    result, hide, user = [], False, False
    for argument in arguments:
        if hide and not argument.startswith("-"):
            result.append(MASK)
        elif user and ":" in argument:
            result.append(f"{argument.partition(':')[0]}:{MASK}")
        else:
            result.append(redact_text(argument))
        hide, user = _OPTION.fullmatch(argument) is not None, argument in _USER_OPTIONS
    return result


def redact_command(arguments: Sequence[str]) -> str:
    """Return a command as one text with what looks like a secret replaced, also what does so only once it is one text."""
    return redact_text(" ".join(redact(arguments)))


def redact_text(text: str) -> str:
    """Return a text of any length with what looks like a secret replaced by `***`; a `Masked` one as it is."""
    if isinstance(text, Masked):
        return text
    text = _shapes(text)
    if "=" in text or ":" in text:
        text = _ASSIGNED.sub(rf"\1{MASK}", text)
    return _GIVEN.sub(rf"\1{MASK}", text) if "--" in text else text


def without(text: str, secrets: Collection[str]) -> str:
    """Return a text with known secrets replaced by `***`; short ones stay, for they would take half the text along."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORT:
            text = text.replace(secret, MASK)
    return text


def redact_value(value: Any) -> Any:
    """Return a JSON value with the secrets in its texts masked.

    Only what is certain: `auth: say why` is the subject of a commit, which rules may be tried on again.
    """
    if isinstance(value, str):
        value = _shapes(value)
        return _CERTAIN.sub(rf"\1{MASK}", value) if "=" in value else value
    if isinstance(value, dict):
        return {name: redact_value(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [redact_value(one) for one in value]
    return value


def _shapes(text: str) -> str:
    """Mask what has the shape of a secret; each pattern is tried only where what it cannot do without is there."""
    if len(text) < _SHORTEST:
        return text
    if "://" in text:
        text = _WEBHOOK.sub(rf"\1{MASK}", masked(text))
    if "PRIVATE KEY" in text:
        text = _BLOCK.sub(rf"\1{MASK}\2", text)
    if _HEADED.search(text):
        text = _HEADER.sub(rf"\1{MASK}", text)
    return _SHAPES.sub(MASK, text) if _MARKED.search(text) else text
