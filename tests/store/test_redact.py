"""Secrets of many kinds do not get through, wherever in a text they stand; ordinary text does."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sixthbot.store.journal import Journal
from sixthbot.store.logs import TaskLog
from sixthbot.store.redact import Masked, redact, redact_command, redact_text, redact_value
from sixthbot.store.runlog import _object
from tests.store.support import home
from tests.support.clock import FixedClock

if TYPE_CHECKING:
    from pathlib import Path

_ALNUM = string.ascii_letters + string.digits


def _key(least: int, most: int = 40) -> st.SearchStrategy[str]:
    return st.text(_ALNUM, min_size=least, max_size=most)


def _after(
    before: str, secret: st.SearchStrategy[str], after: str = ""
) -> st.SearchStrategy[tuple[str, str]]:
    return secret.map(lambda value: (f"{before}{value}{after}", value))


SECRETS = st.one_of(
    _after("https://user:", _key(8), "@host.example/path"),
    _after("https://", _key(12), "@host.example/r.git"),
    _after("--token=", _key(8)),
    _after("--db-password ", st.just("")).flatmap(lambda _: _after("API_KEY=", _key(8))),
    _after("password: ", _key(8)),
    _after('{"client_secret": "', _key(8), '"}'),
    _after("MY_ACCESS_TOKEN='", _key(8), "'"),
    _after("Authorization: Bearer ", _key(16)),
    _after("authorization: Basic ", _key(16)),
    _after("Proxy-Authorization: ", _key(16)),
    _after("?access_token=", _key(12), "&x=1"),
    _key(36).map(lambda value: ("ghp_" + value, value)),
    _key(30).map(lambda value: ("glpat-" + value, value)),
    _key(24).map(lambda value: ("sk-ant-" + value, value)),
    _key(24).map(lambda value: ("sk_live_" + value, value)),
    _key(36, 36).map(lambda value: ("npm_" + value, value)),
    _key(30).map(lambda value: ("pypi-" + value, value)),
    _key(34).map(lambda value: ("hf_" + value, value)),
    _key(35, 35).map(lambda value: ("AIza" + value, value)),
    st.text(string.ascii_uppercase + string.digits, min_size=16, max_size=16).map(lambda value: ("AKIA" + value, value)),
    _key(20).map(lambda value: ("xoxb-" + value, value)),
    _key(20).map(lambda value: (f"eyJ{value}.{value}.{value}", value)),
    _key(24).map(lambda value: (f"https://hooks.slack.com/services/T0/B0/{value}", value)),
    _key(40).map(
        lambda value: (f"-----BEGIN OPENSSH PRIVATE KEY-----\n{value}\n-----END OPENSSH PRIVATE KEY-----", value)
    ),
    _key(40).map(lambda value: (f"-----BEGIN RSA PRIVATE KEY-----\n{value}\n", value)),
)  # fmt: skip
AROUND = st.text(st.sampled_from(" \n\tabc.,;()[]{}<>|"), max_size=12)


@settings(max_examples=150)
@given(SECRETS, AROUND, AROUND)
def test_a_planted_secret_does_not_get_through(planted: tuple[str, str], before: str, after: str) -> None:
    text, secret = planted
    assert secret not in redact_text(f"{before} {text} {after}")


@pytest.mark.parametrize(
    "argv",
    [
        ["curl", "--token", "SECRET"], ["x", "--api-key", "SECRET"], ["x", "--db-password", "SECRET"],
        ["curl", "-u", "me:SECRET"], ["curl", "--user", "me:SECRET"], ["x", "-H", "Authorization: token SECRET"],
        ["x", "--password=SECRET"], ["git", "push", "https://me:SECRET@host/r"], ["x", "PGPASSWORD=SECRET"],
        ["sh", "-c", "export TOKEN=SECRET; x"], ["x", "Server=a;Uid=b;Pwd=SECRET;"], ["x", "DB_PWD: SECRET"],
        ["x", '{"pwd": "SECRET"}'], ["x", "--pwd", "SECRET"], ["x", "--auth-token", "SECRET", "y"],
    ],
)  # fmt: skip
def test_secrets_among_arguments_are_masked(argv: list[str]) -> None:
    assert "SECRET" not in " ".join(redact(argv))


@pytest.mark.parametrize(
    "text",
    [
        "feat(auth): let people sign in", "tests/test_token.py::test_password passed", "keys = sorted(words)",
        "the token was refused", "https://host.example/a/b?x=1#y", "src/auth.py:12: error: no",
        "sh -c date; pwd: ended well", "PWD=/home/somebody/src make",
    ],
)  # fmt: skip
def test_ordinary_text_stays(text: str) -> None:
    assert redact_text(text) == text


def test_a_secret_that_is_one_only_once_the_command_is_one_text_is_masked() -> None:
    assert "SECRET" not in redact_command(["x", "-H", "password:", "SECRET"])


@pytest.mark.parametrize("last", ["pwd", "x token", "echo --token", "cat api_key", "bearer"])
def test_what_follows_a_command_in_a_sentence_is_never_taken_for_a_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, last: str
) -> None:
    places = home(tmp_path / "r")
    journal = Journal(places.journal, places.local, durability="process", clock=FixedClock())
    said = Masked(f"{redact_command(['sh', '-c', f'ls --token=SECRET; {last}'])}: ended well")
    assert journal.append("x", said, level="warning").message.endswith(f"{last}: ended well")
    assert _object(caplog.records[0])["message"].endswith(f"{last}: ended well")
    log = TaskLog(places, "t")
    log.hide(["hunter2-hunter2"])
    log.line(Masked(f"{said} hunter2-hunter2"))
    log.close()
    assert log.path.read_text().endswith(f"{last}: ended well ***\n")
    assert "SECRET" not in journal.path.read_text() + log.path.read_text()


def test_the_subject_of_a_commit_stays_in_the_data_of_an_event() -> None:
    assert redact_value({"subject": "auth: say why", "n": [1, None]}) == {
        "subject": "auth: say why",
        "n": [1, None],
    }


@settings(max_examples=40)
@given(SECRETS.filter(lambda planted: ": " not in planted[0]))
def test_nothing_of_a_record_lets_a_secret_through(
    tmp_path_factory: pytest.TempPathFactory, planted: tuple[str, str]
) -> None:
    text, secret = planted
    folder: Path = tmp_path_factory.mktemp("journal")
    journal = Journal(folder, folder / "local", durability="process", clock=FixedClock())
    journal.append("x", text, argv=["run", text], data={"deep": [{"er": text}]})
    assert secret.encode() not in journal.path.read_bytes()


@given(SECRETS)
def test_a_secret_alone_is_masked_in_a_value_where_it_is_certain(secret: tuple[str, str]) -> None:
    text, value = secret
    if ": " not in text or "uthorization" in text:  # `auth: say why` is a commit's subject
        assert value not in redact_value([text])[0]
