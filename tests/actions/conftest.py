from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.actions.workshop import Workshop, open_workshop

if TYPE_CHECKING:
    from tests.support.repos import RepoDir


@pytest.fixture
def shop(repo: RepoDir) -> Workshop:
    """Return an initialised repository with its README committed on `main`."""
    return open_workshop(repo)
