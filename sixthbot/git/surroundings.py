"""What every git of ours is told, whatever machine and repository say: settings and environment. Starts nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Durability: TypeAlias = Literal["power", "process"]
"""What written objects and refs survive: a power cut, or only the end of the process."""

_BASE_SETTINGS = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.untrackedCache=false", "core.splitIndex=false",
    "core.sparseCheckout=false", "core.trustctime=true", "core.checkStat=default", "core.ignoreStat=false",
    "core.quotePath=false", "core.safecrlf=false", "core.filesRefLockTimeout=2000",
    "core.packedRefsTimeout=5000", "core.warnAmbiguousRefs=false",
    "gc.auto=0", "maintenance.auto=false", "submodule.recurse=false", "fetch.recurseSubmodules=no",
    "push.recurseSubmodules=no", "push.followTags=false", "push.gpgSign=false", "log.showSignature=false",
    "commit.gpgSign=false", "tag.gpgSign=false", "color.ui=false", "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8", "advice.addEmbeddedRepo=false",
)  # fmt: skip
_OFFLINE = ("protocol.allow=never",)
_ONLINE = ("protocol.ext.allow=never",)
# measured: without all of them a power cut loses acknowledged commits; an index is ours to throw away
_FSYNC: Mapping[Durability, str] = {"power": "core.fsync=all,-index", "process": "core.fsync=none"}

# Everything git reads from the environment goes, but where its programs and the user's settings are found ...
_KEPT = frozenset({"GIT_EXEC_PATH", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"})
# ... and, for the network, the user's own way there.
_KEPT_ONLINE = ("GIT_SSH", "GIT_SSL_", "GIT_HTTP_", "GIT_PROXY_")
OWN_ENVIRONMENT: Mapping[str, str] = {
    "LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "SSH_ASKPASS": "true",
    "SSH_ASKPASS_REQUIRE": "never", "GIT_EDITOR": "true", "GIT_SEQUENCE_EDITOR": "true", "GIT_PAGER": "cat",
    "GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1",
    "GIT_COMMITTER_NAME": "sixthbot", "GIT_COMMITTER_EMAIL": "sixthbot@localhost",
    "GIT_AUTHOR_NAME": "sixthbot", "GIT_AUTHOR_EMAIL": "sixthbot@localhost",
}  # fmt: skip
# A repository can allow single protocols (`protocol.file.allow`), and a read of an object that a partial clone lacks then
# starts what `remote.*.uploadpack` or `core.sshCommand` names; against the environment its settings say nothing.
# The same for git-lfs, which connects by itself while files are checked out: what is not on this machine stays a pointer.
OFFLINE_ENVIRONMENT: Mapping[str, str] = {
    "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_LFS_SKIP_SMUDGE": "1",
}  # fmt: skip


def settings_for(*, network: bool, durability: Durability | None) -> tuple[str, ...]:
    """Return the settings of a call, `name=value` each; `durability` is that of what it writes, None where it only reads."""
    return (
        *_BASE_SETTINGS,
        *(_ONLINE if network else _OFFLINE),
        *([_FSYNC[durability]] if durability is not None else []),
    )


def without_foreign(own: Mapping[str, str], *, network: bool) -> list[str]:
    """Return the command prefix that takes foreign `GIT_*` variables away.

    GitPython lays its environment over the process's own and cannot leave anything out of it.
    """
    prefixes = ("GIT_PYTHON_", *_KEPT_ONLINE) if network else ("GIT_PYTHON_",)
    foreign = sorted(
        name
        for name in os.environ
        if name.startswith("GIT_") and name not in own and name not in _KEPT and not name.startswith(prefixes)
    )
    return ["env", *(part for name in foreign for part in ("-u", name))] if foreign else []
