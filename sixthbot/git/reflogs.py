"""Where git keeps the reflogs of branches. Reads them as they are; knows nothing of what is in them."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.git.run import Git

_LIMIT = 16 << 20
"""Bytes of the end of one reflog that are read."""


def branch_logs(git: Git) -> Iterator[tuple[str, bytes]]:
    """Yield every branch that has a reflog, as its full name, with the log; nothing where git keeps none, or no files."""
    top = git.git_dir / "logs"
    for path in sorted((top / "refs" / "heads").rglob("*")):
        with suppress(OSError), path.open("rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - _LIMIT, 0))
            yield str(path.relative_to(top)), file.read()
