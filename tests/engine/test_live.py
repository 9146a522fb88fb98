from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from sixthbot.core.errors import ConfigError, NoRepository, Refused
from sixthbot.engine.live import LiveServices
from sixthbot.engine.services import open_services
from sixthbot.store.paths import locate
from sixthbot.store.rulesummary import settings_note
from sixthbot.store.setup import initialise
from sixthbot.store.trust import items_of

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.engine.services import Services
    from tests.support.repos import RepoDir


@pytest.fixture
def top(repo: RepoDir) -> Path:
    initialise(locate(repo.path))
    return repo.path


def trust_everything(top: Path) -> None:
    services = open_services(top)
    contents = services.store.trust.collect(services.places, services.repo.exec_settings())
    services.store.trust.trust(items_of(contents), contents)


def test_what_init_wrote_is_trusted(top: Path) -> None:
    services = open_services(top)
    assert services.trusted
    assert services.rules.rules
    assert services.rules.disabled == ()


def test_nothing_is_read_again_while_nothing_changed(top: Path) -> None:
    live = LiveServices(top)
    first = live()
    assert live() is first
    started = time.process_time()
    for _ in range(100):
        live()
    assert (time.process_time() - started) / 100 < 0.002


def test_a_changed_setting_is_used_only_once_it_is_trusted(top: Path) -> None:
    live = LiveServices(top)
    assert live().loaded.config.bot.workers == 2
    config = top / ".sixth" / "config.toml"
    config.write_text("[bot]\nworkers = 7\n")
    assert not live().trusted
    assert live().loaded.config.bot.workers == 2
    trust_everything(top)
    assert live().trusted
    assert live().loaded.config.bot.workers == 7


def test_a_trusted_setting_that_cannot_be_used_is_an_error_until_it_is_mended(top: Path) -> None:
    live = LiveServices(top)
    config = top / ".sixth" / "config.toml"
    before = config.read_bytes()
    config.write_text("[bot]\nworkers = -1\n")
    trust_everything(top) if live().trusted else None
    services = live()
    contents = services.store.trust.collect(services.places, services.repo.exec_settings())
    services.store.trust.trust(items_of(contents), contents)
    with pytest.raises(ConfigError, match=r"config\.toml"):
        live()
    with pytest.raises(ConfigError):
        live()
    assert live.last is services
    config.write_bytes(before)
    assert live().trusted


def test_rules_that_wait_for_trust_hold_back_no_other_rule(top: Path) -> None:
    live = LiveServices(top)
    rules = top / ".sixth" / "rules" / "new.toml"
    rules.write_text('[[rule]]\nname = "new"\non = "commit"\ndo = ["plan"]\n')
    services = live()
    assert services.trusted
    assert services.untrusted == services.rules.untrusted == (".sixth/rules/new.toml",)
    assert settings_note(services.places, services.untrusted, ()) == (
        "not trusted: .sixth/rules/new.toml; the rules in it wait for: sixthbot trust"
    )
    (top / ".sixth" / "config.toml").write_text("[bot]\n")
    assert not live().trusted


def test_a_new_program_in_gits_settings_needs_trust(top: Path, repo: RepoDir) -> None:
    live = LiveServices(top)
    assert live().trusted
    repo.git("config", "filter.evil.clean", "touch evil")
    assert not live().trusted
    trust_everything(top)
    assert live().trusted


def test_a_rule_whose_step_does_not_exist_is_disabled_with_the_reason_and_the_others_run(top: Path) -> None:
    rules = top / ".sixth" / "rules"
    rules.mkdir(exist_ok=True)
    text = '[[rule]]\nname = "bad"\non = "commit"\ndo = ["prsh"]\n\n[[rule]]\nname = "good"\non = "commit"\ndo = ["notify"]\n'
    (rules / "mine.toml").write_text(text)
    trust_everything(top)
    services = open_services(top)
    [bad] = services.rules.disabled
    assert bad.name == "bad"
    assert "no such action: 'prsh'" in bad.reason
    assert "good" in [rule.name for rule in services.rules.rules]


def test_a_folder_that_is_no_repository_or_not_initialised_is_said(repo: RepoDir, tmp_path: Path) -> None:
    with pytest.raises(NoRepository, match="not initialised"):
        open_services(repo.path)
    with pytest.raises(NoRepository):
        open_services(tmp_path)


def test_a_repository_that_tracks_the_bots_state_is_refused(top: Path, repo: RepoDir) -> None:
    path = top / ".sixth" / "queue" / "ready" / "forged.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    repo.git("add", "-f", os.fspath(path.relative_to(top)))
    with pytest.raises(Refused, match="queue"):
        open_services(top)


def test_a_change_while_the_services_are_opened_first_is_seen(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings were read before the change; what is remembered as seen must be from before it, too."""
    rule = '[[rule]]\nname = "late"\non = "commit"\ndo = ["notify"]\n'

    def slowly(start: Path, **more: Any) -> Services:
        services = open_services(start, **more)
        (top / ".sixth/rules/late.toml").write_text(rule)
        trust_everything(top)
        monkeypatch.setattr("sixthbot.engine.live.open_services", open_services)
        return services

    monkeypatch.setattr("sixthbot.engine.live.open_services", slowly)
    live = LiveServices(top)
    assert "late" in {one.name for one in live().rules.rules}
