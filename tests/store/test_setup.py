from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import Refused
from sixthbot.store.home import COMPONENTS, require_initialised
from sixthbot.store.paths import Places, locate
from sixthbot.store.setup import check_tracked, initialise
from sixthbot.store.trust import Trust

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir


@pytest.fixture
def places(repo: RepoDir) -> Places:
    return locate(repo.path)


def test_init_makes_everything_once_and_git_sees_only_what_people_edit(places: Places, repo: RepoDir) -> None:
    made = initialise(places)
    assert made == [".sixth/", ".sixth/README.md", ".sixth/config.toml", "entries in .git/info/exclude"]
    require_initialised(places)
    assert all((places.sixth / name).exists() for name in COMPONENTS if name != "local/config.toml")
    for name in ("rules/a.toml", "templates/pr.md.j2", "inbox/x.md", "queue/ready/low/x.json", "local/x"):
        (places.sixth / name).write_text("x")
    shown = repo.git("status", "--porcelain", "-uall").splitlines()
    assert sorted(shown) == [
        "?? .sixth/config.toml",
        "?? .sixth/rules/a.toml",
        "?? .sixth/templates/pr.md.j2",
    ]
    assert initialise(places) == []


def test_what_a_person_changed_is_never_overwritten(places: Places) -> None:
    initialise(places)
    places.config_file.write_text("# mine\n")
    (places.sixth / "README.md").write_text("mine")
    places.inbox.joinpath("rejected").rmdir()
    assert initialise(places) == [".sixth/"]
    assert places.config_file.read_text() == "# mine\n"
    assert (places.sixth / "README.md").read_text() == "mine"
    assert places.rejected.is_dir()
    assert not Trust(places.data_dir).is_trusted(".sixth/config.toml", b"# mine\n")


@pytest.mark.parametrize("name", ["artifacts", "queue"])
def test_a_file_where_a_folder_goes_is_said_and_stays(places: Places, name: str) -> None:
    places.sixth.mkdir()
    (places.sixth / name).write_text("mine")
    with pytest.raises((FileExistsError, NotADirectoryError)):
        initialise(places)
    assert (places.sixth / name).read_text() == "mine"


def test_only_what_init_itself_would_write_is_trusted(places: Places) -> None:
    places.sixth.mkdir()
    places.config_file.write_text("# came with the clone\n")
    initialise(places)
    trust = Trust(places.data_dir)
    assert trust.state(trust.scan(places, b"")).untrusted == (".sixth/config.toml",)


@pytest.mark.parametrize("before", [b"", b"*.o\n", b"*.o", b"\xff\xfe\n", None])
def test_the_exclude_file_keeps_every_byte_that_was_there(places: Places, before: bytes | None) -> None:
    path = places.exclude_file
    path.unlink(missing_ok=True)
    if before is None:
        path.parent.joinpath("x").unlink(missing_ok=True)
    else:
        path.write_bytes(before)
        path.chmod(0o600)
    initialise(places)
    first = path.read_bytes()
    assert first.startswith(before or b"")
    assert first.count(b"/.sixth/*") == 1
    if before is not None:
        assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(first.replace(b"!/.sixth/rules/\n", b"") + b"after\n")
    initialise(places)
    assert path.read_bytes() == first + b"after\n"


def test_an_exclude_file_that_is_a_link_stays_one(places: Places, tmp_path: Path) -> None:
    places.exclude_file.rename(tmp_path / "exclude")
    places.exclude_file.symlink_to(tmp_path / "exclude")
    initialise(places)
    assert places.exclude_file.is_symlink()
    assert b"/.sixth/*" in (tmp_path / "exclude").read_bytes()


def test_tracked_state_is_refused() -> None:
    check_tracked([".sixth/config.toml", ".sixth/rules/a/b.toml", ".sixth/templates/x"])
    for path in (".sixth", ".sixth/queue/ready/low/x.json", ".sixth/rules", ".sixth/local/config.toml"):
        with pytest.raises(Refused, match="belongs to the bot alone"):
            check_tracked([".sixth/config.toml", path])


def test_init_changes_nothing_but_the_exclude_file_and_sixth(places: Places, repo: RepoDir) -> None:
    def listing() -> dict[str, bytes]:
        # .git/sixth is the bot's own, beside what git keeps for itself
        files = (
            path
            for path in repo.path.rglob("*")
            if path.is_file() and not {".sixth", "sixth"} & {*path.parts}
        )
        return {str(path): path.read_bytes() for path in files if path != places.exclude_file}

    before = listing()
    initialise(places)
    assert listing() == before
