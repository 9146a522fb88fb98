"""An empty queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sixthbot.store.queue import Queue

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the folder of a queue, with nothing in it."""
    folder = tmp_path / ".sixth" / "queue"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def queue(root: Path) -> Queue:
    """Return that queue."""
    return Queue(root, "process")
