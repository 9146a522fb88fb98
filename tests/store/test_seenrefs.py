"""The refs as last seen: saved whole or as moves, shared by processes, sound whatever lies in the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sixthbot.store.atomic import observe
from sixthbot.store.seenrefs import SeenRefs

if TYPE_CHECKING:
    from pathlib import Path

ONE = {"refs/heads/main": "a" * 40, "refs/tags/v1": "b" * 40}


def test_what_was_saved_is_loaded_by_the_next_process(tmp_path: Path) -> None:
    seen = SeenRefs(tmp_path, "process")
    assert seen.load() is None
    seen.save(ONE)
    assert seen.load() == SeenRefs(tmp_path, "process").load() == ONE
    assert seen.load() is seen.load()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from("abcde"), st.sampled_from(["0" * 40, "1" * 40]), max_size=5),
        max_size=8,
    )
)
def test_any_sequence_of_saves_ends_at_the_last(
    tmp_path_factory: pytest.TempPathFactory, saves: list[dict[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("cursors")
    ours, theirs = SeenRefs(folder, "process"), SeenRefs(folder, "process")
    for number, refs in enumerate(saves):
        (ours, theirs)[number % 2].save(refs)
        assert ours.load() == theirs.load() == refs


def test_a_move_costs_a_line_and_not_the_whole(tmp_path: Path) -> None:
    seen = SeenRefs(tmp_path, "process")
    many = {f"refs/heads/{number}": "a" * 40 for number in range(5000)}
    seen.save(many)
    written: list[str] = []
    observe(lambda point, moment: written.append(point) if moment == "before" else None)
    try:
        for number in range(20):
            many[f"refs/heads/{number}"] = "b" * 40
            seen.save(many)
        del many["refs/heads/7"]
        seen.save(many)
    finally:
        observe(None)
    assert set(written) == {"refs.moves"}
    assert SeenRefs(tmp_path, "process").load() == many
    assert (tmp_path / "refs.moves").stat().st_size < 4000


def test_moves_that_have_become_long_are_written_as_a_whole(tmp_path: Path) -> None:
    seen = SeenRefs(tmp_path, "process")
    for number in range(600):
        seen.save({**ONE, "refs/heads/x": f"{number:040x}"})
    assert (tmp_path / "refs.moves").stat().st_size <= 33_000
    assert SeenRefs(tmp_path, "process").load() == {**ONE, "refs/heads/x": f"{599:040x}"}


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b'{"refs": [1]}', b'{"refs": {"a": 1}}', b"\xff" * 9])
def test_a_damaged_whole_counts_as_nothing_seen(tmp_path: Path, junk: bytes) -> None:
    SeenRefs(tmp_path, "process").save(ONE)
    (tmp_path / "refs.json").write_bytes(junk)
    seen = SeenRefs(tmp_path, "process")
    assert seen.load() is None
    assert (tmp_path / "refs.json.damaged").read_bytes() == junk
    seen.save(ONE)
    assert SeenRefs(tmp_path, "process").load() == ONE


@pytest.mark.parametrize(
    "junk",
    [b"{", b'{"after": 1, "refs": {}}', b'{"after": "other", "refs": {"x": null}}', b"[1]", b"\xff\xfe"],
)
def test_a_line_that_is_no_move_of_this_whole_is_passed_over(tmp_path: Path, junk: bytes) -> None:
    seen = SeenRefs(tmp_path, "process")
    seen.save(ONE)
    seen.save({**ONE, "refs/heads/x": "c" * 40})
    with (tmp_path / "refs.moves").open("ab") as file:
        file.write(junk)
    assert seen.load() == {**ONE, "refs/heads/x": "c" * 40}
    seen.save(ONE)
    assert SeenRefs(tmp_path, "process").load() == ONE
