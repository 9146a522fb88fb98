from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sixthbot.core.errors import Refused
from sixthbot.store.paths import Places
from sixthbot.store.trust import GIT_SETTINGS, GONE, Trust, items_of, sha
from tests.store.support import SEARCH, home


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return home(tmp_path / "top")


@pytest.fixture
def trust(places: Places) -> Trust:
    return Trust(places.data_dir)


def trust_all(trust: Trust, places: Places, git_settings: bytes = b"") -> None:
    contents = trust.collect(places, git_settings)
    trust.trust(items_of(contents), contents)


def untrusted(trust: Trust, places: Places, git_settings: bytes = b"") -> tuple[str, ...]:
    return trust.state(trust.scan(places, git_settings)).untrusted


def test_what_init_wrote_is_trusted_and_one_byte_revokes(trust: Trust, places: Places) -> None:
    assert untrusted(trust, places) == ()
    first = places.config_file.read_bytes()
    places.config_file.write_bytes(first + b"#")
    assert untrusted(trust, places) == (".sixth/config.toml",)
    trust_all(trust, places)
    assert untrusted(trust, places) == ()
    places.config_file.write_bytes(first)
    assert untrusted(trust, places) == ()


def test_everything_that_decides_is_looked_at(trust: Trust, places: Places) -> None:
    (places.rules_dir / "deep").mkdir()
    wanted = {
        ".sixth/config.toml",
        ".sixth/local/config.toml",
        ".sixth/rules/deep/a.toml",
        ".sixth/templates/pr.md.j2",
    }
    for name in wanted:
        (places.top / name).write_text(f"# {name}")
    paths = {item.path for item in trust.scan(places, b"filter.x.clean=evil")}
    assert paths == wanted | {GIT_SETTINGS}
    assert set(untrusted(trust, places, b"x")) == paths


def test_nothing_at_all_is_trusted(trust: Trust, places: Places) -> None:
    places.config_file.unlink()
    assert trust.state(trust.scan(places, b"")).trusted


def test_the_same_bytes_at_another_path_are_not_trusted(trust: Trust) -> None:
    trust.trust(items_of({"a": b"x"}), {"a": b"x"})
    assert trust.is_trusted("a", b"x")
    assert not trust.is_trusted("b", b"x")
    assert not trust.is_trusted("a", b"y")


def test_trust_is_of_this_place_alone(trust: Trust, places: Places, tmp_path: Path) -> None:
    copy = Places(tmp_path / "copy", tmp_path / "copy" / ".git")
    os.rename(places.top, copy.top)  # noqa: PTH104
    assert untrusted(Trust(copy.data_dir), copy) == (".sixth/config.toml",)


def test_a_trust_file_inside_the_repository_means_nothing(trust: Trust, places: Places) -> None:
    places.config_file.write_text("# evil")
    inside = Trust(places.sixth)
    trust_all(inside, places)
    assert untrusted(trust, places) == (".sixth/config.toml",)


def test_links_and_pipes_are_named_and_never_trusted(trust: Trust, places: Places, tmp_path: Path) -> None:
    (tmp_path / "evil.toml").write_text("# evil")
    (tmp_path / "folder").mkdir()
    (places.rules_dir / "link.toml").symlink_to(tmp_path / "evil.toml")
    (places.rules_dir / "folder").symlink_to(tmp_path / "folder")
    os.mkfifo(places.templates_dir / "pipe")
    expected = (".sixth/rules/folder", ".sixth/rules/link.toml", ".sixth/templates/pipe")
    assert untrusted(trust, places) == expected
    with pytest.raises(Refused, match="cannot be trusted"):
        trust_all(trust, places)
    assert untrusted(trust, places) == expected


def test_what_changed_since_it_was_shown_is_refused_and_nothing_is_trusted(
    trust: Trust, places: Places
) -> None:
    places.config_file.write_text("# shown")
    (places.rules_dir / "a.toml").write_text("# shown")
    items = trust.scan(places, b"")
    contents = trust.collect(places, b"")
    contents[".sixth/rules/a.toml"] = b"# swapped"
    with pytest.raises(Refused, match="changed since it was shown"):
        trust.trust(items, contents)
    assert untrusted(trust, places) == (".sixth/config.toml", ".sixth/rules/a.toml")


def test_the_last_trusted_bytes_are_kept_to_show_the_difference(trust: Trust, places: Places) -> None:
    assert trust.last_trusted(".sixth/rules/a.toml") is None
    for text in ("# one", "# two"):
        (places.rules_dir / "a.toml").write_text(text)
        trust_all(trust, places)
    (places.rules_dir / "a.toml").write_text("# three")
    assert trust.last_trusted(".sixth/rules/a.toml") == b"# two"
    (places.data_dir / "trusted" / sha(".sixth/rules/a.toml", b"# two")).write_text("# forged")
    assert trust.last_trusted(".sixth/rules/a.toml") is None
    trust_all(trust, places)
    trust.revoke()
    assert trust.last_trusted(".sixth/rules/a.toml") is None
    assert ".sixth/config.toml" in untrusted(trust, places)


@pytest.mark.parametrize(
    "name",
    [".sixth/config.toml", ".sixth/local/config.toml", ".sixth/rules/a.toml", ".sixth/templates/pr.md.j2"],
)
def test_a_trusted_file_that_is_gone_is_missed_until_that_is_trusted(
    trust: Trust, places: Places, name: str
) -> None:
    file = places.top / name
    file.write_text("[check]\n")
    trust_all(trust, places)
    file.unlink()
    assert untrusted(trust, places) == trust.missing(places) == (name,)
    file.write_text("[check]\n")
    assert untrusted(trust, places) == trust.missing(places) == ()
    file.unlink()
    trust_all(trust, places)
    assert untrusted(trust, places) == ()
    file.write_text("[check]\n")
    assert untrusted(trust, places) == ()
    file.write_text("[other]\n")
    trust_all(trust, places)
    file.unlink()
    assert untrusted(trust, places) == (name,)


def test_nobody_misses_what_said_nothing_or_was_never_trusted(trust: Trust, places: Places) -> None:
    places.config_file.unlink()
    rule = places.rules_dir / "a.toml"
    rule.write_text("[[rule]]\n")
    rule.unlink()
    assert untrusted(trust, places) == ()


def test_what_is_kept_is_private(trust: Trust, places: Places) -> None:
    trust_all(trust, places)
    for path in (places.data_dir, *places.data_dir.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b'{"paths": 1}', b'{"paths": {"a": 1}}', b'{"paths": {"a": {"digests": [""]}}}'],
)
def test_a_damaged_trust_file_trusts_nothing_and_can_be_written_again(
    trust: Trust, places: Places, data: bytes
) -> None:
    (places.data_dir / "trust.json").write_bytes(data)
    assert not trust.is_trusted("a", b"x")
    assert untrusted(trust, places) == (".sixth/config.toml",)
    trust_all(trust, places)
    assert untrusted(trust, places) == ()


class TrustMachine(RuleBasedStateMachine):
    """Files are edited, removed and trusted in any order: trusted is what was trusted at that path since a revoke."""

    def __init__(self) -> None:
        super().__init__()
        self._temporary = tempfile.TemporaryDirectory()
        folder = Path(self._temporary.name)
        self.places = Places(folder, folder / ".git")
        self.places.rules_dir.mkdir(parents=True)
        self.data = folder / "data"
        self.files: dict[str, bytes] = {}
        self.trusted: set[tuple[str, bytes]] = set()
        self.last: dict[str, bytes] = {}

    def teardown(self) -> None:
        self._temporary.cleanup()

    @rule(name=st.sampled_from("abc"), data=st.sampled_from([b"", b"1", b"2", b"a", b"\x00\xff"]))
    def edit(self, name: str, data: bytes) -> None:
        path = f".sixth/rules/{name}.toml"
        (self.places.top / path).write_bytes(data)
        self.files[path] = data

    @rule(name=st.sampled_from("abc"))
    def remove(self, name: str) -> None:
        path = f".sixth/rules/{name}.toml"
        if self.files.pop(path, None) is not None:
            (self.places.top / path).unlink()

    @rule()
    def trust(self) -> None:
        trust = Trust(self.data)
        contents = trust.collect(self.places, b"")
        trust.trust(items_of(contents), contents)
        self.trusted |= set(self.files.items())
        self.last = {path: data for path, data in contents.items() if data not in {None, GONE}}

    @rule()
    def revoke(self) -> None:
        Trust(self.data).revoke()
        self.trusted.clear()
        self.last.clear()

    @invariant()
    def trusted_is_what_was_trusted(self) -> None:
        trust = Trust(self.data)
        state = trust.state(trust.scan(self.places, b""))
        unread = {path for path, data in self.files.items() if (path, data) not in self.trusted}
        gone = {path for path, data in self.last.items() if path not in self.files and data}
        expected = tuple(sorted(unread | gone))
        assert state.untrusted == expected
        assert state.trusted is (expected == ())
        assert all(trust.is_trusted(*item) is (item in self.trusted) for item in self.files.items())


TestTrustMachine = TrustMachine.TestCase
TestTrustMachine.settings = settings(SEARCH, max_examples=40, stateful_step_count=20)
