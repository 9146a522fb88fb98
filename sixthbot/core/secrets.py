"""Finds what looks like a secret in a text: by known shapes, and by how random a value given to a secret-like name is.

It decides nothing about what becomes of a finding, and never gives a secret back in full.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.secretkinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.core.secretkinds import Kind

_PREFIX = "sha256:"
_MASK = "***"
_SHOWN = 4
_LONG = 16
"""Characters from which a secret is long enough for its first four to be shown."""

_NAME = (
    r"[A-Za-z0-9_.-]{0,40}?(?:secret|token|passw(?:or)?d|passwd|pwd|passphrase|api_?-?key|access_?-?key|private_?-?key"
    r"|signing_?-?key|encryption_?-?key|auth_?-?key|credentials?)[A-Za-z0-9_-]{0,20}"
)
_QUOTED = re.compile(
    rf"(?<![A-Za-z0-9_.-])(?P<n>{_NAME})[\"'`]?\]?\s{{0,5}}(?::\s{{0,3}}[A-Za-z\[\]. |]{{1,30}}=|:=|=>|[:=])\s{{0,5}}"
    r"(?:[rbuf]{1,2})?(?P<q>[\"'`])(?P<s>[^\s\"'`]{12,200})(?P=q)",
    re.IGNORECASE,
)
_BARE = re.compile(
    rf"^\s{{0,20}}(?:export\s{{1,5}}|set\s{{1,5}}|-\s|ENV\s|\+\s)?(?P<n>{_NAME})\s{{0,3}}(?:=|:\s)\s{{0,3}}"
    r"(?P<s>[A-Za-z0-9+/=_.~!@#%^&*-]{16,200})\s{0,5}$",
    re.IGNORECASE | re.MULTILINE,
)
_TELLING = re.compile(
    r"^.{0,100000}?(?:secret|token|passw|pwd|passphrase|key|credential).*$", re.IGNORECASE | re.MULTILINE
)
_HEADER = "authorization header"
# what stands where a secret would, in documents and examples
_STAND_IN = re.compile(
    r"example|sample|dummy|fake|mock|your|change.?me|replace|placeholder|redacted|xxxx|\*\*\*|\.\.\.|<|>|\$|\{|\}|%\(|%s|insert"
    r"|secret|password|passwd|token|todo|none|null|default|undefined|12345|abcdef|foobar|test",
    re.IGNORECASE,
)
_HARMLESS_PASSWORD = re.compile(
    r"pass(?:w(?:or)?d)?\d{0,4}|pwd|pw|secret\d{0,3}|user(?:name)?|token|x{2,}|\*+|\.{2,}|-+|_+|a+|foo|bar|baz|test\w{0,8}|example"
    r"|your.*|my.?pass\w*|change.?me|passphrase|root|admin|guest|dev|postgres|mysql|p4ss\w*|p@ss\w*|pass%.*|\[.*|\d{1,5}|%[a-z0-9(].*|\(.*"
    r"|some.?pass\w*|the.?pass\w*|.*example.*|redacted|hidden|password.*|passwd.*|pass|.*#.*|.*[()|,;`+*?^].*",
    re.IGNORECASE,
)
_HEX = re.compile(r"[0-9a-fA-F-]+")
_WORDS = re.compile(
    r"[A-Za-z]{1,30}|(?:[A-Za-z]{1,30}\d{0,4}|\d{1,4})(?:[._/:-](?:[A-Za-z]{1,30}\d{0,4}|\d{1,4}))+"
)
_LEAST_HEX = 3.0
_LEAST_RANDOM = 3.6
_LEAST_MIXED = 3.0
"""Bits a character from which a value with small letters, capitals and digits is random; others need more."""


@dataclass(frozen=True, slots=True, order=True)
class Secret:
    """What looks like a secret: where it begins (`line`, from 1), its kind, and `digest`, by which it can be allowed.

    `shown` is as much of it as a person may read.
    """

    line: int
    kind: str
    shown: str
    digest: str


def secret_digest(secret: str) -> str:
    """Return the name by which a person allows one secret: `sha256:` and 64 hex digits."""
    return (
        _PREFIX + hashlib.sha256(b"sixthbot secret\0" + secret.encode("utf-8", "surrogatepass")).hexdigest()
    )


def is_secret_digest(text: str) -> bool:
    """Tell whether a text has the form of `secret_digest`."""
    return re.fullmatch(_PREFIX + "[0-9a-f]{64}", text) is not None


def find_secrets(text: str, *, by_shape_only: bool = False) -> list[Secret]:
    """Return what looks like a secret in a text, in order of lines, each secret once.

    `by_shape_only` leaves out the look at names, which means nothing in a binary file.
    """
    found: dict[str, tuple[int, str]] = {}
    for kind, at, secret in _matches(text, by_shape_only=by_shape_only):
        if not any(secret in other for other in found):
            found[secret] = (at, kind)
    return sorted(
        made_finding(text.count("\n", 0, at) + 1, kind, secret) for secret, (at, kind) in found.items()
    )


def made_finding(line: int, kind: str, secret: str) -> Secret:
    """Return the finding of a secret that begins in `line`; what is kept of it may be shown."""
    return Secret(line=line, kind=kind, shown=_shown(secret), digest=secret_digest(secret))


def _matches(text: str, *, by_shape_only: bool) -> Iterator[tuple[str, int, str]]:
    folded = text.lower()
    for kind in KINDS:
        if not any(hint in folded for hint in kind.hints):
            continue
        for match in kind.pattern.finditer(text):
            named = "s" in kind.pattern.groupindex
            secret = match["s"] if named else match[0]
            if _counts(kind, secret):
                yield kind.name, match.start("s" if named else 0), secret
    if not by_shape_only:
        yield from _assigned(text)


def _assigned(text: str) -> Iterator[tuple[str, int, str]]:
    """Yield random values that are given to secret-like names; only lines with such a word are looked at closely."""
    for line in _TELLING.finditer(text):
        for pattern in (_QUOTED, _BARE):
            for match in pattern.finditer(text, line.start(), line.end()):
                if looks_random(match["s"]):
                    yield "a random value given to a secret-like name", match.start("s"), match["s"]


def _counts(kind: Kind, secret: str) -> bool:
    if kind.mixed and not (any(char.isdigit() for char in secret) and any(char.isalpha() for char in secret)):
        return False
    if kind.password:
        return _is_password(secret)
    if kind.name == _HEADER and (user := _basic(secret)) is not None:
        return _is_password(user.partition(":")[2])
    # xxxxxxxx and 00000000 stand for a key and are none
    return len(set(secret[-16:])) > 2  # noqa: PLR2004


def _is_password(text: str) -> bool:
    """Tell whether a text that stands where a password does is one, and no word that documents put there."""
    if _HARMLESS_PASSWORD.fullmatch(text):
        return False
    kinds = sum(any(test(char) for char in text) for test in (str.islower, str.isupper, str.isdigit))
    signs = any(not char.isalnum() and char not in "_-." for char in text)
    return len(text) >= 12 or (len(text) >= 6 and kinds + signs > 1)  # noqa: PLR2004


def _basic(value: str) -> str | None:
    """Return what an HTTP basic authorization says, None when it is none."""
    try:
        text = base64.b64decode(value, validate=True).decode("ascii")
    except ValueError:
        return None
    return text if text.isprintable() and ":" in text else None


def looks_random(value: str) -> bool:
    """Tell whether a value is too random to be a word, a path, a name or a stand-in for a secret."""
    if _STAND_IN.search(value) or _WORDS.fullmatch(value):
        return False
    if not any(char.isdigit() for char in value) or not any(char.isalpha() for char in value):
        return False
    if _HEX.fullmatch(value):
        return len(value) >= 24 and entropy(value.lower()) >= _LEAST_HEX  # noqa: PLR2004 - shorter ones are ids
    if re.search(r"[()\[\],;\\]|://", value) or value.count(".") + value.count("/") > len(value) // 8:
        return False
    mixed = any(map(str.islower, value)) and any(map(str.isupper, value))
    return entropy(value) >= (_LEAST_MIXED if mixed else _LEAST_RANDOM)


def entropy(value: str) -> float:
    """Return how many bits each character of a text carries, by how often its characters occur in it."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values()) if total else 0.0


def _shown(secret: str) -> str:
    return (secret[:_SHOWN] if len(secret) >= _LONG else "") + _MASK
