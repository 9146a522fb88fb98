from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixthbot.core.errors import ConfigError
from sixthbot.store.config import Config, Loaded, load_config
from sixthbot.store.paths import Places, user_config_file
from sixthbot.store.tomlfile import parse_toml
from sixthbot.store.trust import Trust, items_of
from tests.store.support import SEARCH, home

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return home(tmp_path / "top")


def write(places: Places, text: str, *, trusted: bool = True, name: str = ".sixth/config.toml") -> None:
    (places.top / name).write_text(text)
    if trusted:
        data = {name: text.encode()}
        Trust(places.data_dir).trust(items_of(data), data)


def load(
    places: Places, env: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None
) -> Loaded:
    return load_config(places, Trust(places.data_dir), env or {}, flags or {})


def mistakes(places: Places) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(places)
    return caught.value.message.splitlines()


def test_what_init_writes_gives_the_defaults(places: Places) -> None:
    loaded = load(places)
    assert loaded == Loaded(Config(), {}, untrusted=False, problems=())
    assert loaded.config.work.timeout == timedelta(minutes=15)
    assert loaded.config.worktree.copy == []
    assert load(Places(places.top / "none", places.git_dir)) == loaded


def test_the_examples_in_what_init_writes_are_valid(places: Places) -> None:
    text = places.config_file.read_text()
    lines = [line.removeprefix("# ") if "=" in line or "# [" in line else line for line in text.splitlines()]
    write(places, "\n".join(line for line in lines if not line.startswith(("Settings", "`"))))
    config = load(places).config
    assert config.recipes["sort-words"].run[0] == "sort"
    assert config.check.run == [["make", "test"]]
    assert config.worktree.copy == [".env"]
    assert config.notify.run


def test_the_particular_goes_before_the_general_and_says_where_it_comes_from(places: Places) -> None:
    user_config_file().parent.mkdir(parents=True)
    user_config_file().write_text(
        '[bot]\nworkers = 1\n[llm]\nmodel = "mine"\n[llm2]\n'.replace("[llm2]\n", "")
    )
    write(places, '[bot]\nworkers = 2\n[check]\nrun = ["make"]\n[display]\npager = false\n')
    write(places, "[bot]\nworkers = 3\n", name=".sixth/local/config.toml")
    loaded = load(places)
    assert loaded.config.bot.workers == 3
    assert loaded.config.check.run == [["make"]]
    assert loaded.origins == {
        "bot.workers": ".sixth/local/config.toml", "llm.model": str(user_config_file()),
        "check.run": ".sixth/config.toml", "display.pager": ".sixth/config.toml",
    }  # fmt: skip
    loaded = load(places, {"SIXTHBOT_BOT__WORKERS": "4", "SIXTHBOT_DISPLAY__PAGER": "true", "OTHER": "x"})
    assert (loaded.config.bot.workers, loaded.config.display.pager) == (4, True)
    assert loaded.origins["bot.workers"] == "SIXTHBOT_BOT__WORKERS"
    loaded = load(places, {"SIXTHBOT_BOT__WORKERS": "4"}, {"bot.workers": "5", "rules.disabled": '["a"]'})
    assert loaded.config.bot.workers == 5
    assert loaded.config.rules.disabled == ["a"]
    assert loaded.origins["bot.workers"] == "flag bot.workers"


def test_a_recipe_is_never_half_of_one_file_and_half_of_another(places: Places) -> None:
    write(places, '[recipes.a]\nrun = ["one"]\ntimeout = "1m"\n[recipes.b]\nrun = ["b"]\n')
    write(places, '[recipes.a]\nrun = ["two"]\n', name=".sixth/local/config.toml")
    loaded = load(places)
    assert loaded.config.recipes["a"].run == ["two"]
    assert loaded.config.recipes["a"].timeout is None
    assert loaded.config.recipes["b"].run == ["b"]
    assert loaded.origins["recipes.a.run"] == ".sixth/local/config.toml"
    assert "recipes.a.timeout" not in loaded.origins


@pytest.mark.parametrize("name", [".sixth/config.toml", ".sixth/local/config.toml"])
def test_of_a_file_that_is_not_trusted_only_display_counts(places: Places, name: str) -> None:
    text = '[display]\ncolor = "never"\n[check]\nrun = ["evil"]\n[recipes.x]\nrun = ["evil"]\n[push]\nremote = "evil"\n'
    write(places, text, trusted=False, name=name)
    loaded = load(places)
    assert loaded.untrusted
    assert loaded.config == Config.model_validate({"display": {"color": "never"}})
    write(places, text, name=name)
    assert load(places).config.push.remote == "evil"


@pytest.mark.parametrize(
    "text", ["x = ", "[chek]\n", "[display]\ncolor = 1\n", "\x00", "a." * 5000 + "b = 1", "x=" + "[" * 10**5]
)
def test_a_broken_file_that_is_not_trusted_is_a_problem_and_no_error(places: Places, text: str) -> None:
    write(places, text, trusted=False)
    loaded = load(places)
    assert loaded.config == Config()
    assert loaded.untrusted
    assert loaded.problems
    assert all(problem.startswith(".sixth/config.toml:") for problem in loaded.problems)


def test_a_configuration_that_is_a_link_is_not_read(places: Places, tmp_path: Path) -> None:
    (tmp_path / "evil").write_text('[push]\nremote = "evil"\n')
    places.config_file.unlink()
    places.config_file.symlink_to(tmp_path / "evil")
    assert load(places).untrusted
    assert load(places).config == Config()


def test_all_mistakes_of_a_file_are_said_at_once_with_their_lines(places: Places) -> None:
    write(
        places,
        '[chek]\nrun = 1\n[bot]\nworkers = 0\nworker = 2\ndurability = "x"\n[recipes.a]\nrum = ["x"]\ntimeout = "5"\n'
        '[worktree]\ncopi = 1\n[lanes.hihg]\nworkers = 1\n[commit]\nauthor = "nobody"\n',
    )
    assert mistakes(places) == [
        ".sixth/config.toml:1: chek: there is no such key; did you mean 'check'?",
        ".sixth/config.toml:4: bot.workers: input should be greater than or equal to 1 (it is 0)",
        ".sixth/config.toml:5: bot.worker: there is no such key; did you mean 'workers'?",
        ".sixth/config.toml:6: bot.durability: 'x' is not one of 'power' or 'process'",
        ".sixth/config.toml:7: recipes.a.run: this key is needed",
        ".sixth/config.toml:8: recipes.a.rum: there is no such key; did you mean 'run'?",
        ".sixth/config.toml:9: recipes.a.timeout: not a duration: '5'; write it like 2s, 15m, 2h or 1d",
        ".sixth/config.toml:11: worktree.copi: there is no such key; did you mean 'copy'?",
        ".sixth/config.toml:12: lanes.hihg: 'hihg' is not one of 'critical', 'high', 'normal' or 'low'",
        r".sixth/config.toml:15: commit.author: string should match pattern '^[^<>\x00-\x1f]+ <[^<>\x00-\x20]+>$' (it is 'nobody')",
    ]


def test_a_mistake_in_the_environment_or_a_flag_names_it(places: Places) -> None:
    with pytest.raises(ConfigError, match=r"SIXTHBOT_BOT__WORKRS: bot.workrs: .*did you mean 'workers'"):
        load(places, {"SIXTHBOT_BOT__WORKRS": "1"})
    with pytest.raises(ConfigError, match=r"flag bot.workers: bot.workers: .*\(it is 'x'\)"):
        load(places, flags={"bot.workers": "x"})
    with pytest.raises(ConfigError, match=r"SIXTHBOT_CHECK__RUN:1: not TOML"):
        load(places, {"SIXTHBOT_CHECK__RUN": "[["})


def test_a_broken_file_of_the_person_is_an_error(places: Places) -> None:
    user_config_file().parent.mkdir(parents=True)
    user_config_file().write_text("x = \n")
    assert "config.toml:1: not TOML" in mistakes(places)[0]


def test_durations_are_shown_as_people_write_them() -> None:
    assert Config().model_dump(mode="json")["work"] == {"timeout": "15m"}
    schema = Config.model_json_schema()["$defs"]
    assert schema["WorkSettings"]["properties"]["timeout"]["default"] == "15m"


tables = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@SEARCH
@given(section=st.sampled_from([*Config.model_fields, "x"]), key=st.text(max_size=8), value=tables)
def test_any_value_is_a_setting_or_a_readable_error(
    tmp_path_factory: pytest.TempPathFactory, section: str, key: str, value: object
) -> None:
    from sixthbot.store.config import _Layer, _mistakes  # noqa: PLC0415

    for text in _mistakes(_Layer("x.toml", {section: {key: value}})) + _mistakes(
        _Layer("x.toml", {section: value})
    ):
        assert text.startswith("x.toml: ")
        assert len(text) < 2000


@SEARCH
@given(st.binary(max_size=200))
def test_any_bytes_are_toml_or_a_readable_error(data: bytes) -> None:
    try:
        parse_toml(data, "x.toml")
    except ConfigError as error:
        said = error.message
    else:
        said = "x.toml:"
    assert said.startswith("x.toml:")
